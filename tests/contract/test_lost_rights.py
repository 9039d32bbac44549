"""A removed member gets no message that was committed after the removal, from any server process.

Bob has a session on each of two processes on one database. One process is stopped while the changes happen on
the other, so that it finds all of them at once: in one run of messages, and with Bob's requests already
waiting in its socket.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import Unique
from tests.contract.test_admin import admin
from tests.contract.test_several_processes import Pair, enter, say
from tests.support.database import DatabaseServer
from tests.support.processes import Json, Server, Wire

SECRET = "secret"
OVER = ("removed", "closing")


@pytest.fixture(scope="module")
def pair(mysql_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    mysql_server.drop("chat_lost_rights")
    folder, url = tmp_path_factory.mktemp("lost_rights"), mysql_server.url("chat_lost_rights")
    pair = Pair(*(Server(folder / name, "--database", url).start() for name in ("east", "west")))
    yield pair
    for server in pair:
        server.close()
    mysql_server.drop("chat_lost_rights")


@dataclass
class Scene:
    """A room with Alice, its owner, in the east; Carol and Bob in the west; Bob in the east as well."""

    pair: Pair
    room: str
    alice: Wire
    carol: Wire
    bob: Wire
    bob_east: Wire

    def secrets_told_to_bob(self) -> list[Json]:
        """Return the frames with the secret that Bob's west session gets before his removal."""
        frames = [*self.bob.events]
        while True:
            try:
                frames.append(self.bob.read())
            except EOFError:
                break
            if frames[-1]["type"] == "removed":
                last = self.bob.start("ping")
            if frames[-1].get("type") == "pong" and frames[-1]["id"] == last:
                break
        assert any(frame["type"] in OVER for frame in frames)
        return [frame for frame in frames if SECRET in str(frame)]


@pytest.fixture
def scene(pair: Pair, unique: Unique) -> Scene:
    room = unique("#den")
    alice, bob = pair.east.user(unique("Alice")), pair.west.user(unique("Bob"))
    carol, bob_east = pair.west.user(unique("Carol")), pair.east.connect().login(bob.username)
    alice.request("create_room", room=room, capacity=5)
    enter(room, alice, carol, bob, bob_east)
    say(alice, room, "hello")
    bob.message(text="hello")
    return Scene(pair, room, alice, carol, bob, bob_east)


def kick(scene: Scene) -> None:
    scene.alice.request("kick", room=scene.room, username=scene.bob.username)


def ban(scene: Scene) -> None:
    scene.alice.request("ban", room=scene.room, username=scene.bob.username)


def resign(scene: Scene) -> None:
    scene.bob_east.request("resign_room", room=scene.room)


def disable(scene: Scene) -> None:
    assert admin(scene.pair.east, "disable", scene.bob.username).code == 0


def end_all_sessions(scene: Scene) -> None:
    assert admin(scene.pair.east, "end-session", scene.bob.name).code == 0


def reset_password(scene: Scene) -> None:
    scene.bob_east.request("change_password", password="111111", new_password="222222")


WAYS = [kick, ban, resign, disable, end_all_sessions, reset_password]


@pytest.mark.parametrize("lose", WAYS)
def test_member_removed_on_other_process_gets_no_later_message(
    scene: Scene, lose: Callable[[Scene], None]
) -> None:
    room, alice, bob, west = scene.room, scene.alice, scene.bob, scene.pair.west
    west.pause()
    for conversation in (room, room.lower()):
        bob.start("history", conversation=conversation)
        bob.start("export", conversation=conversation)
    bob.start("search", query=SECRET)
    bob.start("search", query=SECRET, conversation=room)
    bob.start("send", to=room, text="mine too", cid="mine-too")
    own = say(scene.bob_east, room, "mine")
    before = say(alice, room, "before")
    lose(scene)
    say(alice, room, SECRET)
    alice.request("send", to=room, kind="edit", target=before, text=f"{SECRET} edited")
    alice.request("send", to=room, kind="react", target=own, text="👍")
    west.resume()
    assert scene.carol.message(text=SECRET)
    assert scene.secrets_told_to_bob() == []


@pytest.mark.parametrize("lose", WAYS)
def test_member_removed_on_other_process_gets_no_message_of_its_own_process(
    scene: Scene, lose: Callable[[Scene], None]
) -> None:
    """Carol's message is stored by the process that does not know of Bob's removal yet."""
    room, carol, west = scene.room, scene.carol, scene.pair.west
    west.pause()
    carol.start("send", to=room, text=SECRET)
    scene.bob.start("history", conversation=room)
    lose(scene)
    west.resume()
    assert scene.alice.message(text=SECRET)
    assert scene.secrets_told_to_bob() == []


def test_login_survives_session_end_of_process_with_clock_ahead(
    pair: Pair, mysql_server: DatabaseServer, unique: Unique
) -> None:
    alice = pair.east.user(unique("Alice"))
    alice.request("change_password", password="111111", new_password="222222")
    mysql_server.execute(
        "UPDATE chat_lost_rights.accounts SET sessions_since = sessions_since + 3600000"
        f" WHERE username = '{alice.username}'"
    )
    again = pair.west.connect().login(alice.username, "222222")
    carol, bob = pair.west.user(unique("Carol")), pair.east.user(unique("Bob"))
    friend = carol.request("add_friend", username=bob.username)["friend"]
    if not friend["online"]:  # the west has not polled Bob's login yet
        carol.event("presence", username=bob.username, online=True)
    bob.request("logout")  # the west reads this change, and the end of the sessions
    carol.event("presence", username=bob.username, online=False)
    assert again.request("ping")
    assert alice.request("ping")


def test_session_ended_while_its_process_slept_is_over(scene: Scene, mysql_server: DatabaseServer) -> None:
    scene.pair.west.pause()
    disable(scene)
    mysql_server.execute(
        "DELETE FROM chat_lost_rights.news",
        "UPDATE chat_lost_rights.accounts SET sessions_since = sessions_since - 3600000",
    )
    scene.pair.west.resume()
    assert scene.bob.refusal("list_rooms") == "account_disabled"
    assert scene.bob.event("closing")["code"] == "account_disabled"


def test_author_of_message_in_run_gets_its_cid(scene: Scene) -> None:
    """The seat decides: an author who keeps it gets the whole run, with the cids of the author's messages."""
    west = scene.pair.west
    west.pause()
    scene.bob_east.request("send", to=scene.room, text="mine", cid="mine-1")
    say(scene.alice, scene.room, "another")
    west.resume()
    assert scene.bob.message(text="mine")["cid"] == "mine-1"
    assert "cid" not in scene.bob.message(text="another")
