"""The limit of rooms per owner, on both database engines."""

from functools import partial

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import accounts, rooms
from chatroom.protocol.errors import TooManyRooms
from chatroom.server.auth import permissions
from tests.conftest import Serve
from tests.support.database import DatabaseServer
from tests.support.processes import Server, Wire
from tests.unit.db.builders import make_account, make_room, run_concurrently


@pytest.fixture(params=["sqlite", "mariadb", "mysql"])
def modest(request: pytest.FixtureRequest, serve: Serve) -> Server:
    """A server that allows two rooms per owner."""
    settings = ("limits.rooms=2",)
    if request.param == "sqlite":
        return serve(settings=settings)
    database: DatabaseServer = request.getfixturevalue(request.param)
    database.drop("chat_owning")
    return serve("--database", database.url("chat_owning"), settings=settings)


def create(wire: Wire, *names: str) -> None:
    for name in names:
        wire.request("create_room", room=name, capacity=5)


def test_creating_more_rooms_than_the_limit_is_refused(modest: Server) -> None:
    alice, bob = modest.user("Alice"), modest.user("Bob")
    create(alice, "one", "two")
    error = alice.ask("create_room", room="three", capacity=5)
    assert (error["code"], error["details"]) == ("too_many_rooms", {"username": "Alice", "limit": 2})
    assert error["message"] == "Alice already owns 2 rooms, the maximum"
    create(bob, "three")
    alice.request("close_room", room="one")
    create(alice, "four")


def test_transfer_to_an_owner_at_the_limit_is_refused(modest: Server) -> None:
    alice, bob = modest.user("Alice"), modest.user("Bob")
    create(alice, "one")
    create(bob, "two", "three")
    bob.request("enter_room", room="one", nickname="BOB")
    error = alice.ask("transfer_room", room="one", username="Bob")
    assert (error["code"], error["details"]) == ("too_many_rooms", {"username": "Bob", "limit": 2})
    bob.request("close_room", room="two")
    alice.request("transfer_room", room="one", username="Bob")


def test_inherited_room_ignores_the_limit(modest: Server) -> None:
    alice, bob = modest.user("Alice"), modest.user("Bob")
    create(alice, "one")
    create(bob, "two", "three")
    for wire in (alice, bob):
        wire.request("enter_room", room="one", nickname="X")
    alice.request("resign_room", room="one")
    owners = {room["room"]: room["owner"] for room in bob.request("list_rooms")["rooms"]}
    assert owners == {"#one": "Bob", "#two": "Bob", "#three": "Bob"}


def test_limit_of_0_is_off(serve: Serve) -> None:
    alice = serve(settings=("limits.rooms=0",)).user("Alice")
    create(alice, *(f"room{number}" for number in range(5)))


def test_concurrent_creates_respect_the_limit(engine: Engine) -> None:
    with begin_write(engine) as connection:
        id = make_account(connection, "Alice")
        alice = accounts.find_account_by_id(connection, id)
    assert alice is not None

    def create(connection: Connection, name: str) -> bool:
        try:
            permissions.check_may_own_more(connection, alice, 3)
        except TooManyRooms:
            return False
        make_room(connection, name, alice.id)
        return True

    made = run_concurrently(engine, [partial(create, name=f"room{number}") for number in range(8)])
    with engine.connect() as connection:
        assert (sum(made), rooms.count_owned(connection, alice.id)) == (3, 3)
