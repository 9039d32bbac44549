"""Passes: so many people, each once, for so long."""

from collections.abc import Iterator

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.queries import invite_codes
from sqlalchemy import Connection, Engine

from tests.unit.db.people import NOW, make_account, make_room

CODE, OTHER = b"c" * 32, b"o" * 32
LATER = NOW + 1000


class Scene:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice, self.bob, self.carol = (
            make_account(connection, name) for name in ("Alice", "Bob", "Carol")
        )
        self.lab = make_room(connection, "lab", self.alice)

    def add(self, digest: bytes = CODE, *, uses: int = 1, where: int | None = None) -> None:
        invite_codes.add_code(
            self.connection,
            digest=digest,
            conversation_id=where,
            maker_id=None if where is None else self.alice,
            uses=uses,
            now=NOW,
            expires_at=LATER,
        )

    def use(self, account_id: int, now: int = NOW) -> bool:
        return invite_codes.use_code(self.connection, CODE, account_id, now)

    def left(self) -> list[int]:
        return [one.uses_left for one in invite_codes.list_codes(self.connection)]


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    with begin_write(engine) as connection:
        yield Scene(connection)


def test_so_many_people_come_in(scene: Scene) -> None:
    scene.add(uses=2)
    assert [scene.use(one) for one in (scene.alice, scene.bob, scene.carol)] == [True, True, False]
    assert invite_codes.users_by_code(scene.connection) == {CODE: ["Alice", "Bob"]}


def test_whoever_is_in_may_show_it_again(scene: Scene) -> None:
    scene.add()
    assert [scene.use(one) for one in (scene.alice, scene.alice, scene.bob)] == [True, True, False]
    assert scene.left() == [0]
    assert invite_codes.find_code(scene.connection, CODE, scene.alice, NOW) is not None
    assert invite_codes.find_code(scene.connection, CODE, scene.bob, NOW) is None
    assert invite_codes.find_code(scene.connection, CODE, None, NOW) is None


def test_pass_that_was_spent_on_a_seat_is_good_for_its_user_no_more(scene: Scene) -> None:
    scene.add(uses=3, where=scene.lab)
    assert scene.use(scene.alice)
    invite_codes.spend_on_seat(scene.connection, CODE, scene.alice, NOW)
    assert not scene.use(scene.alice)
    assert invite_codes.find_code(scene.connection, CODE, scene.alice, NOW) is None
    assert scene.use(scene.bob)
    assert scene.left() == [1]


def test_what_has_expired_opens_nothing_and_goes(scene: Scene) -> None:
    scene.add(uses=5)
    assert scene.use(scene.alice)
    assert [scene.use(one, LATER) for one in (scene.alice, scene.bob)] == [False, False]
    invite_codes.delete_expired_codes(scene.connection, LATER)
    assert invite_codes.list_codes(scene.connection) == []
    assert invite_codes.users_by_code(scene.connection) == {}


def test_it_knows_its_room_and_who_made_it(scene: Scene) -> None:
    scene.add(OTHER)
    scene.add(where=scene.lab)
    known = {one.digest: (one.room, one.maker) for one in invite_codes.list_codes(scene.connection)}
    assert known == {OTHER: (None, None), CODE: ("lab", "Alice")}
    invite_codes.delete_code(scene.connection, CODE)
    assert not scene.use(scene.bob)


def test_one_that_never_was(scene: Scene) -> None:
    assert not scene.use(scene.alice)
