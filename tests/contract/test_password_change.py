"""Password changes on a real socket: ended sessions, void tokens, and rehashing."""

import pytest
from sqlalchemy import select

from chatroom.db.engine import open_engine
from chatroom.db.schema import accounts
from tests.conftest import Serve
from tests.support.database import DatabaseServer
from tests.support.processes import Server, Wire


def change(wire: Wire, password: str = "111111", new_password: str = "222222") -> None:
    assert wire.request("change_password", password=password, new_password=new_password)["type"] == "ok"


def test_new_password_replaces_the_old_one(shared_server: Server, alice: Wire) -> None:
    change(alice)
    stranger = shared_server.connect()
    assert stranger.refusal("login", username=alice.username, password="111111") == "wrong_password"
    assert stranger.login(alice.username, "222222").username == alice.username


def test_password_change_ends_other_sessions(shared_server: Server, alice: Wire, bob: Wire) -> None:
    laptop, phone = (shared_server.connect().login(alice.username) for _ in range(2))
    change(alice)
    for wire in (laptop, phone):
        assert [(frame["type"], frame["code"]) for frame in wire.rest()] == [("closing", "session_ended")]
    for token in (laptop.token, phone.token):
        assert shared_server.connect().refusal("resume", token=token) == "bad_token"
    assert bob.ask("ping")["type"] == "pong"


def test_password_change_keeps_own_session_and_token(shared_server: Server, alice: Wire, room: str) -> None:
    alice.request("enter_room", room=room, nickname="ALICE")
    shared_server.connect().login(alice.username)
    change(alice)
    alice.request("send", to=room, text="still here")
    session = shared_server.connect().request("resume", token=alice.token)
    assert session["rooms"][0]["entered"] is True
    messages = alice.request("history", conversation=room)["messages"]
    assert [message["kind"] for message in messages] == ["enter", "text"]


def test_password_change_voids_the_replaced_token(shared_server: Server, alice: Wire) -> None:
    resumed = shared_server.connect()
    resumed.request("resume", token=alice.token)
    change(resumed)
    assert shared_server.connect().refusal("resume", token=alice.token) == "bad_token"


def test_wrong_old_password_changes_nothing(shared_server: Server, alice: Wire) -> None:
    other = shared_server.connect().login(alice.username)
    refused = alice.refusal("change_password", password="999999", new_password="222222")
    assert refused == "wrong_password"
    assert other.ask("ping")["type"] == "pong"
    assert shared_server.connect().login(alice.username).username == alice.username


@pytest.mark.parametrize("new_password", ["", "12345", "x" * 73, "密" * 25])
def test_invalid_new_password_is_refused(alice: Wire, new_password: str) -> None:
    error = alice.ask("change_password", password="111111", new_password=new_password)
    assert (error["code"], error["details"]) == ("bad_password", {"least": 6, "most": 72})


def test_wrong_old_password_counts_as_attempt(serve: Serve) -> None:
    server = serve(settings=("limits.password_attempts=3",))
    alice = server.user("Alice")
    tried = [alice.refusal("change_password", password=f"wrong-{n}", new_password="222222") for n in range(4)]
    assert tried == ["wrong_password"] * 3 + ["too_many_attempts"]
    assert alice.refusal("change_password", password="111111", new_password="222222") == "too_many_attempts"
    assert server.connect().login("Alice").username == "Alice"


def test_wrong_logins_of_others_do_not_refuse_password_change(serve: Serve) -> None:
    server = serve(settings=("limits.password_attempts=3",))
    alice, stranger = server.user("Alice"), server.connect()
    tried = [stranger.refusal("login", username="Alice", password=f"wrong-{n}") for n in range(4)]
    assert tried == ["wrong_password"] * 3 + ["too_many_attempts"]
    alice.request("change_password", password="111111", new_password="222222")
    assert server.connect().request("resume", token=alice.token)["username"] == "Alice"


def test_concurrent_password_changes_succeed_once(shared_server: Server, alice: Wire) -> None:
    other = shared_server.connect().login(alice.username)
    asked = {
        password: (wire, wire.start("change_password", password="111111", new_password=password))
        for password, wire in (("222222", alice), ("333333", other))
    }
    taken = [password for password, (wire, id) in asked.items() if outcome(wire, id) == "ok"]
    assert len(taken) == 1
    assert shared_server.connect().login(alice.username, taken[0]).username == alice.username


def outcome(wire: Wire, id: int) -> str:
    """Return ``ok``, the code of the refusal, or the code with which the connection was closed."""
    try:
        answer = wire.answer(id)
    except EOFError:
        answer = wire.events[-1]
    return str(answer.get("code", answer["type"]))


def test_login_after_cost_change_rehashes_the_password(serve: Serve) -> None:
    server = serve()
    server.user("Alice")
    assert stored_hash(server).startswith("$2b$04$")
    server.stop()
    dearer = serve("--data", str(server.data), settings=("password.bcrypt_cost=5",))
    alice = dearer.connect().login("Alice")
    while stored_hash(server).startswith("$2b$04$"):
        assert alice.ask("ping")["type"] == "pong"
    assert stored_hash(server).startswith("$2b$05$")
    assert dearer.connect().login("Alice").username == "Alice"


def stored_hash(server: Server) -> str:
    """Return the stored hash of the only password."""
    engine = open_engine(f"sqlite:///{server.data / 'chatroom.sqlite'}")
    with engine.connect() as connection:
        hashed = connection.execute(select(accounts.c.password_hash)).scalar_one()
    engine.dispose()
    return str(hashed)


def test_password_change_ends_sessions_on_other_process(serve: Serve, mysql_server: DatabaseServer) -> None:
    """They end at the next heartbeat of that process."""
    mysql_server.drop("chat_passwd")
    url = mysql_server.url("chat_passwd")
    first, second = (serve("--database", url, settings=("limits.linger=600",)) for _ in range(2))
    alice = first.user("Alice")
    elsewhere = second.connect().login("Alice")
    change(alice)
    assert elsewhere.rest()[-1]["code"] == "session_ended"
    assert alice.ask("ping")["type"] == "pong"
