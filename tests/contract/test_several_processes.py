"""Two server processes on one database behave as one: a change through one is sent by both.

Alice, who owns the room, is always in the east, and Bob in the west; between them is the database, alone or
with NATS.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.conftest import Serve, Unique
from tests.contract.test_admin import admin
from tests.contract.test_retention import purge
from tests.support.aged_messages import age_messages
from tests.support.database import DatabaseServer
from tests.support.processes import Json, Server, Wire

HOURS = ("limits.linger=3600",)


class Pair(NamedTuple):
    east: Server
    west: Server


@pytest.fixture(scope="module", params=["mariadb", "mysql", "mariadb and nats"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers on one database, for all tests of this module."""
    engine, *nats = request.param.split(" and ")
    mysql_server: DatabaseServer = request.getfixturevalue(engine)
    mysql_server.drop("chat_peers")
    folder, arguments = tmp_path_factory.mktemp("peers"), ["--database", mysql_server.url("chat_peers")]
    if nats:
        arguments += ["--cluster", request.getfixturevalue("shared_nats").url]
    pair = Pair(*(Server(folder / name, *arguments).start() for name in ("east", "west")))
    yield pair
    for server in pair:
        server.close()
    mysql_server.drop("chat_peers")


@pytest.fixture
def alice(pair: Pair, unique: Unique) -> Wire:
    return pair.east.user(unique("Alice"))


@pytest.fixture
def bob(pair: Pair, unique: Unique) -> Wire:
    return pair.west.user(unique("Bob"))


@pytest.fixture
def inside(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice and Bob have entered, each on their own process."""
    enter(room, alice, bob)
    return room


def enter(room: str, *people: Wire) -> None:
    for wire in people:
        wire.request("enter_room", room=room, nickname=wire.username.upper())


def say(wire: Wire, to: str, text: str) -> int:
    seq: int = wire.request("send", to=to, text=text)["seq"]
    return seq


def is_message(event: Json, room: str) -> bool:
    return bool(event["type"] == "message" and event["message"]["conversation"] == room)


def next_room_value(wire: Wire, room: str, **fields: object) -> Json:
    """Return the next ``room`` event of this room in which the fields have these values."""
    while True:
        room_value: Json = wire.event("room")["room"]
        if room_value["room"] == room and fields.items() <= room_value.items():
            return room_value


# Messages


def test_message_is_delivered_on_the_other_process(alice: Wire, bob: Wire, inside: str) -> None:
    say(alice, inside, "你好")
    message = bob.message(text="你好")
    assert (message["username"], message["nickname"]) == (alice.username, alice.username.upper())
    say(bob, inside, "hi")
    assert alice.message(text="hi")["seq"] == message["seq"] + 1


def test_all_members_get_each_message_once_in_order(alice: Wire, bob: Wire, inside: str) -> None:
    for wire in (alice, bob):
        for number in range(100):
            wire.start("send", to=inside, text=f"{wire.username} {number}")
    streams = []
    for wire in (alice, bob):
        stream: list[int] = []
        while len(stream) < 200:
            frame = wire.events.pop(0) if wire.events else wire.read()
            assert frame["type"] != "error", frame
            if frame["type"] == "message" and frame["message"]["kind"] == "text":
                stream.append(frame["message"]["seq"])
        streams.append(stream)
    assert streams[0] == streams[1] == list(range(streams[0][0], streams[0][0] + 200))


def test_private_message_is_delivered_on_the_other_process(alice: Wire, bob: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    assert bob.event("friend")["friend"]["friend"] == alice.name
    say(alice, bob.name, "psst")
    assert bob.message(text="psst")["conversation"] == alice.name


def test_removal_of_old_messages_reaches_the_other_process(
    pair: Pair, alice: Wire, bob: Wire, inside: str
) -> None:
    for number in range(4):
        say(alice, inside, f"old {number}")
    last = say(alice, inside, "new")
    age_messages(pair.east, inside, last - 1, days=40)
    purge(alice, inside, last)
    while (event := bob.event("purged", conversation=inside))["first"] != last:
        pass  # part of it
    assert event["unread"] == 1
    rooms = {room["room"]: room for room in bob.request("list_rooms")["rooms"]}
    assert (rooms[inside]["first"], rooms[inside]["head"], rooms[inside]["unread"]) == (last, last, 1)
    assert bob.request("history", conversation=inside)["first"] == last


def test_read_position_reaches_sessions_on_the_other_process(
    pair: Pair, alice: Wire, bob: Wire, inside: str
) -> None:
    second = pair.west.connect().login(alice.username)
    seq = say(bob, inside, "read me")
    alice.message(text="read me")
    alice.request("read", conversation=inside, seq=seq)
    assert second.event("read") == {"type": "read", "conversation": inside, "seq": seq}


# Removed members


def test_member_kicked_on_other_process_gets_no_later_message(
    pair: Pair, alice: Wire, bob: Wire, inside: str
) -> None:
    carol = pair.west.user(f"C{bob.username[1:]}")
    enter(inside, carol)
    alice.message(kind="enter", username=carol.username)
    alice.request("kick", room=inside, username=bob.username)
    say(alice, inside, "now that he has gone")
    assert bob.event("removed") == {
        "type": "removed", "room": inside, "reason": "kick", "username": alice.username,
    }  # fmt: skip
    assert carol.message(text="now that he has gone")
    next_room_value(bob, inside, member=False)
    bob.request("ping")
    assert "now that he has gone" not in [
        event["message"]["text"] for event in bob.events if is_message(event, inside)
    ]
    assert bob.refusal("send", to=inside, text="but") == "not_entered"


def test_ban_on_other_process_has_reason_ban(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("ban", room=inside, username=bob.username)
    assert bob.event("removed")["reason"] == "ban"


def test_resignation_reaches_sessions_on_the_other_process(
    pair: Pair, alice: Wire, bob: Wire, inside: str
) -> None:
    second = pair.east.connect().login(bob.username)
    bob.request("resign_room", room=inside)
    event = second.event("removed")
    assert (event["reason"], event["username"]) == ("resign", bob.username)
    say(alice, inside, "among us")
    bob.request("ping")
    assert "among us" not in [e["message"]["text"] for e in second.events if e["type"] == "message"]


def test_entry_reaches_sessions_on_the_other_process_without_a_gap(
    pair: Pair, alice: Wire, bob: Wire, room: str
) -> None:
    second = pair.east.connect().login(bob.username)
    enter(room, alice, bob)
    room_value = next_room_value(second, room, member=True)
    assert (room_value["entered"], room_value["nickname"]) == (True, bob.username.upper())
    say(alice, room, "welcome")
    assert second.message(conversation=room)["seq"] == room_value["head"] + 1
    second.request("send", to=room, text="from the other one")
    assert bob.message(text="from the other one")


def test_leave_reaches_sessions_on_the_other_process(pair: Pair, alice: Wire, bob: Wire, inside: str) -> None:
    second = pair.east.connect().login(bob.username)
    bob.request("leave_room", room=inside)
    assert next_room_value(second, inside, member=True, entered=False)
    assert second.refusal("send", to=inside, text="still here?") == "not_entered"


# Rooms


def test_room_event_reaches_the_other_process(alice: Wire, bob: Wire, room: str) -> None:
    assert next_room_value(bob, room)["members"] == 0
    enter(room, alice)
    assert next_room_value(bob, room, members=1)["member"] is False
    alice.request("set_topic", room=room, topic="期末复习")
    assert next_room_value(bob, room, topic="期末复习")


def test_closed_room_is_removed_on_the_other_process(alice: Wire, bob: Wire, room: str) -> None:
    next_room_value(bob, room)
    alice.request("close_room", room=room)
    assert bob.event("removed", room=room)["reason"] == "close"


def test_invitation_reaches_the_other_process(alice: Wire, bob: Wire, room_name: str) -> None:
    alice.request("create_room", room=room_name, capacity=5, private=True)
    alice.request("invite", room=room_name, username=bob.username)
    event = bob.event("invited")
    assert (event["room"]["room"], event["username"]) == (room_name, alice.username)


# Friends and presence


def test_presence_of_friend_reaches_the_other_process(pair: Pair, alice: Wire, bob: Wire) -> None:
    friend = alice.request("add_friend", username=bob.username)["friend"]
    if not friend["online"]:  # the east has not polled Bob's login yet
        alice.event("presence", username=bob.username, online=True)
    assert alice.request("list_friends")["friends"][0]["online"] is True
    bob.request("logout")
    assert alice.event("presence", username=bob.username, online=False)
    assert alice.request("list_friends")["friends"][0]["online"] is False
    bob.login(bob.username)
    assert alice.event("presence", username=bob.username, online=True)
    assert bob.session["friends"][0]["online"] is True


def test_presence_of_member_reaches_the_other_process(alice: Wire, bob: Wire, inside: str) -> None:
    alice.message(kind="enter", username=bob.username)
    members = alice.request("list_members", room=inside)["members"]
    if not members[1]["online"]:
        alice.event("presence", username=bob.username, online=True)
    assert alice.request("whois", username=bob.username)["user"]["online"] is True
    bob.close()
    assert alice.event("presence", username=bob.username, online=False)
    assert alice.message(kind="leave")["username"] == bob.username


def test_session_moved_to_other_process_stays_online(pair: Pair, alice: Wire, bob: Wire, inside: str) -> None:
    alice.message(kind="enter", username=bob.username)
    back = pair.east.connect().login(bob.username)
    bob.close()
    next_room_value(alice, inside)
    say(back, inside, "moved")
    assert alice.message(text="moved")
    assert not [event for event in alice.events if event["type"] == "presence" and not event["online"]]


def test_ended_friendship_reaches_the_other_process(alice: Wire, bob: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    bob.event("friend")
    alice.request("remove_friend", username=bob.username)
    event = bob.event("friend")
    assert (event["friend"]["friend"], event["ended"]) == (alice.name, True)
    assert bob.refusal("send", to=alice.name, text="why?") == "not_friends"


def test_blocked_user_on_other_process_sees_offline(pair: Pair, alice: Wire, bob: Wire, inside: str) -> None:
    second = pair.west.connect().login(alice.username)
    alice.request("block", username=bob.username)
    assert bob.event("presence", username=alice.username, online=False)
    second.close()


# Sessions


def test_password_change_ends_sessions_on_the_other_process(pair: Pair, alice: Wire) -> None:
    second = pair.west.connect().login(alice.username)
    alice.request("change_password", password="111111", new_password="222222")
    assert second.event("closing")["code"] == "session_ended"
    assert alice.request("ping")


def test_account_disabled_on_other_process_is_disconnected(pair: Pair, bob: Wire) -> None:
    assert admin(pair.east, "disable", bob.username).code == 0
    assert bob.event("closing")["code"] == "account_disabled"


# Starting and stopping processes


def test_account_of_stopped_process_has_grace_time_on_the_other(serve: Serve, mysql_url: str) -> None:
    east, west = (serve("--database", mysql_url, settings=HOURS) for _ in range(2))
    alice, bob = east.user("Alice"), west.user("Bob")
    alice.request("add_friend", username="Bob")
    bob.event("friend")
    west.stop()
    back = east.connect().login("Bob")
    assert back.session["friends"][0]["online"] is True
    say(back, "@Alice", "here again")
    assert alice.message(text="here again")
    assert not [event for event in alice.events if event["type"] == "presence" and not event["online"]]


def test_killed_process_is_replaced_by_its_restart(serve: Serve, mysql_url: str) -> None:
    """Also on another port: the data folder identifies the earlier process."""
    server = serve("--database", mysql_url, settings=HOURS)
    alice = server.user("Alice")
    alice.request("create_room", room="#thuhole", capacity=5)
    enter("#thuhole", alice)
    server.kill()
    server.port = 0
    server.start()
    assert len(admin(server, "servers").out.splitlines()) == 2
    assert server.connect().login("Alice").session["rooms"][0]["entered"] is True


def test_paused_process_catches_up(serve: Serve, mysql_url: str) -> None:
    east, west = (serve("--database", mysql_url) for _ in range(2))
    alice, bob = east.user("Alice"), west.user("Bob")
    alice.request("create_room", room="#thuhole", capacity=5)
    enter("#thuhole", alice, bob)
    west.pause()
    for number in range(1, 51):
        say(alice, "#thuhole", str(number))
    west.resume()
    assert [bob.message(kind="text")["text"] for _ in range(50)] == [str(n) for n in range(1, 51)]


def test_process_started_later_is_noticed_immediately(serve: Serve, mysql_url: str) -> None:
    """A process that starts misses no change of the other, and the other none of its own."""
    alice = serve("--database", mysql_url).user("Alice")
    bob = serve("--database", mysql_url).user("Bob")
    bob.request("create_room", room="#thuhole", capacity=5)
    assert next_room_value(alice, "#thuhole")["owner"] == "Bob"


# Many members


def test_removed_member_never_gets_later_messages(pair: Pair, alice: Wire, room: str) -> None:
    """Alice, on one process, kicks each member who enters on the other; they enter again and again. A kicked
    member gets no message until the next entry, and then only later ones."""
    crowd = [pair.west.user(f"V{number}{alice.username[5:]}") for number in range(3)]
    enter(room, alice)
    alice.message(kind="enter", username=alice.username)
    outside: list[Json] = []
    came: dict[str, list[int]] = defaultdict(list)
    received: dict[str, list[list[int]]] = defaultdict(list)
    without: dict[str, list[int]] = defaultdict(list)

    def come_again(wire: Wire) -> None:
        for _ in range(8):
            known = len(wire.events)
            entered = wire.request("enter_room", room=room, nickname=wire.username.upper())
            outside.extend(wire.events[known:])
            known = len(wire.events)
            wire.event("removed", room=room)
            messages = [event["message"] for event in wire.events[known:] if is_message(event, room)]
            received[wire.username].append([message["seq"] for message in messages])
            mine = [message["seq"] for message in entered["messages"] if message["username"] == wire.username]
            came[wire.username].append(max(mine))

    threads = [threading.Thread(target=come_again, args=(wire,)) for wire in crowd]
    for thread in threads:
        thread.start()
    for _ in range(8 * len(crowd)):
        username = alice.message(kind="enter")["username"]
        say(alice, room, f"before {username}")
        alice.request("kick", room=room, username=username)
        without[username].append(say(alice, room, f"without {username}"))
    for thread in threads:
        thread.join()
    for wire in crowd:
        known = len(wire.events)
        wire.request("ping")
        outside += wire.events[known:]
    assert [event for event in outside if is_message(event, room)] == []
    for wire in crowd:
        name = wire.username
        for first, seqs, end in zip(came[name], received[name], without[name], strict=True):
            assert all(first <= seq < end for seq in seqs)


def test_account_erased_on_one_process_is_gone_on_the_other(alice: Wire, bob: Wire, inside: str) -> None:
    alice.request("add_friend", username=bob.username)
    bob.event("friend")
    for conversation in (inside, bob.name):
        say(alice, conversation, "kryptonite")
    assert bob.message(text="kryptonite", conversation=alice.name)
    alice.request("delete_account", password="111111")
    renamed = bob.event("friend", former=alice.name)
    name = renamed["friend"]["friend"]
    erased = {bob.message(kind="erase")["conversation"] for _ in range(2)}
    assert erased <= {inside, name, alice.name}
    for conversation in (inside, name):
        texts = [message["text"] for message in bob.request("history", conversation=conversation)["messages"]]
        assert "kryptonite" not in texts
    [room] = [room for room in bob.request("list_rooms")["rooms"] if room["room"] == inside]
    assert (room["owner"], room["members"]) == (bob.username, 1)


# Settings of rooms


def test_room_settings_reach_the_other_process(alice: Wire, bob: Wire, room: str) -> None:
    alice.request("set_room", room=room, capacity=77)
    next_room_value(bob, room, capacity=77)
    alice.request("set_room", room=room, private=True)
    assert next_room_value(bob, room, private=True)["member"] is False
    assert bob.refusal("show_room", room=room) == "unknown_room"


def test_announcement_reaches_users_of_the_other_process_once(pair: Pair, alice: Wire, bob: Wire) -> None:
    for text in ("first", "second"):
        assert admin(pair.east, "announce", text).code == 0
    for wire in (alice, bob):
        texts = [wire.event("announcement")["text"] for _ in range(2)]
        assert texts == ["first", "second"]


def test_renamed_room_follows_on_the_other_process(alice: Wire, bob: Wire, inside: str) -> None:
    new_name = f"{inside}new"
    say(bob, inside, "before")
    alice.request("set_room", room=inside, name=new_name)
    value = next_room_value(bob, new_name)
    assert (value["member"], value["entered"]) == (True, True)
    assert say(bob, inside, "to the old name") < say(bob, new_name, "to the new name")
    assert alice.message(text="to the old name")["conversation"] == new_name
    say(alice, new_name, "after")
    assert bob.message(text="after")["conversation"] == new_name
    assert bob.refusal("create_room", room=inside, capacity=5) == "room_exists"


def test_moderator_who_was_dismissed_on_one_process_has_no_rights_on_the_other(
    pair: Pair, alice: Wire, bob: Wire, inside: str, unique: Unique
) -> None:
    carol = pair.west.user(unique("Carol"))
    enter(inside, carol)
    alice.request("add_moderator", room=inside, username=bob.username)
    bob.request("set_topic", room=inside, topic="by a moderator")
    alice.request("remove_moderator", room=inside, username=bob.username)
    assert bob.refusal("kick", room=inside, username=carol.username) == "not_owner"
