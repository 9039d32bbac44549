"""An erased account: its name and texts are gone everywhere, and the conversations stay whole."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.conftest import Serve
from tests.contract.test_admin import admin, admin_output, error_line
from tests.contract.test_erasure import is_indexed, stored_bytes, wait_until
from tests.contract.test_revisions import change, page, say, shown
from tests.support.processes import Json, Server, Wire

SECRET = "kryptonite"
REPLACED = "unobtainium"
PASSWORD = "111111"


@pytest.fixture
def in_room(alice: Wire, bob: Wire, room: str) -> str:
    """A room that Alice owns and that Bob has entered under a nickname."""
    alice.request("enter_room", room=room, nickname="owner")
    bob.request("enter_room", room=room, nickname="Bobby the Great")
    return room


def delete_account(wire: Wire, password: str = PASSWORD) -> Json:
    return wire.request("delete_account", password=password)


def all_messages(wire: Wire, conversation: str) -> list[Json]:
    messages: list[Json] = []
    while True:
        after = messages[-1]["seq"] if messages else 0
        answer = wire.request("history", conversation=conversation, after=after)
        messages += answer["messages"]
        if not answer["more"]:
            return messages


def erased_name(wire: Wire, conversation: str) -> str:
    """Wait for the notice that ends the erasure in a conversation; the neutral name in it."""
    name: str = wire.message(kind="erase", conversation=conversation)["username"]
    return name


def test_texts_and_names_of_a_deleted_account_are_gone(alice: Wire, bob: Wire, in_room: str) -> None:
    own, edited = say(bob, in_room, f"the {SECRET}"), say(bob, in_room, f"the {REPLACED}")
    change(bob, in_room, "edit", edited, f"more {SECRET}")
    other = say(alice, in_room, "hello")
    change(bob, in_room, "react", other, "👍")
    before = all_messages(alice, in_room)
    assert delete_account(bob)["type"] == "ok"
    name = erased_name(alice, in_room)
    after = all_messages(alice, in_room)
    assert name.startswith("deleted-")
    assert [message["seq"] for message in after] == list(range(1, len(after) + 1))
    assert [message["time"] for message in after[: len(before)]] == [message["time"] for message in before]
    text = json.dumps(after, ensure_ascii=False)
    assert not [word for word in (SECRET, REPLACED, "Bobby", bob.username, "👍") if word in text]
    assert [shown(alice, in_room, seq)["deleted"] for seq in (own, edited)] == [True, True]
    assert "reactions" not in shown(alice, in_room, other)
    assert alice.request("search", query=SECRET)["messages"] == []
    members = alice.request("list_members", room=in_room)["members"]
    assert [member["username"] for member in members] == [alice.username]


def test_wrong_password_deletes_nothing(alice: Wire, bob: Wire, in_room: str) -> None:
    own = say(bob, in_room, SECRET)
    assert bob.refusal("delete_account", password="999999") == "wrong_password"
    assert bob.ask("ping")["type"] == "pong"
    assert shown(alice, in_room, own)["text"] == SECRET


def test_sessions_and_tokens_of_a_deleted_account_end(shared_server: Server, bob: Wire) -> None:
    phone = shared_server.connect().login(bob.username)
    delete_account(bob)
    closing_event = phone.rest()[-1]
    assert (closing_event["type"], closing_event["code"]) == ("closing", "account_disabled")
    for token in (bob.token, phone.token):
        assert shared_server.connect().refusal("resume", token=token) == "bad_token"
    assert bob.refusal("list_rooms") == "not_logged_in"  # the connection that asked is still open
    assert bob.refusal("login", username=bob.username, password=PASSWORD) == "unknown_user"


@pytest.mark.parametrize("name", ["{}", "{}\u200b", "DELETED-1"])
def test_name_of_a_deleted_account_stays_taken(shared_server: Server, bob: Wire, name: str) -> None:
    delete_account(bob)
    refused = shared_server.connect().refusal(
        "register", username=name.format(bob.username), password=PASSWORD
    )
    assert refused in ("username_taken", "bad_username")


def test_erased_account_can_be_named_by_no_request(alice: Wire, bob: Wire, in_room: str) -> None:
    delete_account(bob)
    name = erased_name(alice, in_room)
    for request in ("add_friend", "whois", "block"):
        assert alice.refusal(request, username=name) == "unknown_user"
    assert alice.refusal("login", username=name, password=PASSWORD) == "already_logged_in"
    assert alice.refusal("invite", room=in_room, username=name) == "unknown_user"


def test_private_chat_stays_with_the_friend(alice: Wire, bob: Wire) -> None:
    alice.request("add_friend", username=bob.username)
    say(bob, alice.name, SECRET)
    mine = say(alice, bob.name, "my own words")
    delete_account(bob)
    ended = alice.event("friend", ended=True)
    renamed = alice.event("friend", ended=True)
    assert (ended["friend"]["friend"], renamed["former"]) == (bob.name, bob.name)
    name = renamed["friend"]["friend"]
    assert erased_name(alice, name) == name[1:]
    text = json.dumps(all_messages(alice, name))
    assert SECRET not in text
    assert shown(alice, name, mine)["text"] == "my own words"
    assert alice.refusal("send", to=name, text="more") == "not_friends"
    assert alice.refusal("history", conversation=bob.name) == "unknown_user"
    assert alice.request("list_friends")["friends"] == []


def test_rooms_go_to_the_oldest_member_or_are_deleted(alice: Wire, bob: Wire, in_room: str) -> None:
    alone = f"{in_room}x"
    alice.request("create_room", room=alone, capacity=3)
    delete_account(alice)
    erased_name(bob, in_room)
    [left] = [room for room in bob.request("list_rooms")["rooms"] if room["room"] in (in_room, alone)]
    assert (left["room"], left["owner"], left["members"]) == (in_room, bob.username, 1)
    [transfer] = [message for message in page(bob, in_room) if message["kind"] == "transfer"]
    assert (transfer["text"], transfer["nickname"][:8]) == (bob.username, "deleted-")


def test_notices_about_a_deleted_account_lose_its_name(alice: Wire, bob: Wire, in_room: str) -> None:
    alice.request("kick", room=in_room, username=bob.username)
    delete_account(bob)
    erased_name(alice, in_room)
    [notice] = [message for message in page(alice, in_room) if message["kind"] == "kick"]
    assert notice["text"].startswith("deleted-")


def test_others_resend_under_their_own_cid_is_recognised(alice: Wire, bob: Wire, in_room: str) -> None:
    sent = alice.request("send", to=in_room, text="once", cid=f"c{in_room}")
    delete_account(bob)
    erased_name(alice, in_room)
    again = alice.request("send", to=in_room, text="once", cid=f"c{in_room}")
    assert (again["seq"], again["duplicate"]) == (sent["seq"], True)


def test_administrator_erases_only_with_yes(server: Server) -> None:
    server.user("Bob")
    assert "--yes" in error_line(server, "erase", "Bob")
    assert "Bob cannot log in" in admin_output(server, "erase", "Bob", "--yes")[0]
    wait_until(lambda: len(admin_output(server, "erasures")) == 1)  # only its heading
    assert "erased" in admin_output(server, "accounts")[1]
    assert server.connect().refusal("login", username="Bob", password=PASSWORD) == "unknown_user"
    assert error_line(server, "enable", "deleted-0001") == "chat-server: no such user"
    assert "Bob was erased on" in error_line(server, "export", "Bob")
    assert admin(server, "export", "deleted-0001").out.count("\n") == 1
    server.wait_for_log("account_erased account=deleted-0001")


def test_stopped_server_erases_at_once(server: Server) -> None:
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room="#lab", capacity=3)
    for wire in (alice, bob):
        wire.request("enter_room", room="#lab", nickname=f"{wire.username}by")
    say(bob, "#lab", SECRET)
    server.stop()
    assert "deleted-" in admin_output(server, "erase", "Bob", "--yes")[0]
    assert admin_output(server, "erasures") == admin_output(server, "erasures")[:1]
    wire = server.start().connect().login("Alice")
    wire.request("enter_room", room="#lab", nickname="Alice")
    assert not [word for word in (SECRET, "Bobby") if word in json.dumps(all_messages(wire, "#lab"))]


def test_words_of_a_deleted_account_leave_the_file(server: Server) -> None:
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room="#lab", capacity=3)
    for wire in (alice, bob):
        wire.request("enter_room", room="#lab", nickname="nick")
    say(bob, "#lab", f"the {SECRET}")
    wait_until(lambda: is_indexed(server, SECRET))
    delete_account(bob)
    wait_until(lambda: SECRET.encode() not in stored_bytes(server))
    with closing(sqlite3.connect(server.data / "chatroom.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM account_erasures").fetchone() == (0,)


def test_erasure_continues_after_a_kill(serve: Serve) -> None:
    """A killed server erases the rest after its start, and no seq or notice is doubled."""
    server = serve()
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room="#lab", capacity=3)
    for wire in (alice, bob):
        wire.request("enter_room", room="#lab", nickname="nick")
    last = [bob.start("send", to="#lab", text=f"{SECRET} {number}") for number in range(3000)][-1]
    assert bob.answer(last)["type"] == "sent"
    delete_account(bob)
    server.kill()
    wire = server.start().connect().login("Alice")
    wire.request("enter_room", room="#lab", nickname="nick")
    wait_until(lambda: [m["kind"] for m in all_messages(wire, "#lab")].count("erase") == 1)
    messages = all_messages(wire, "#lab")
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert SECRET not in json.dumps(messages)
    assert sum(message.get("deleted", False) for message in messages) == 3000
