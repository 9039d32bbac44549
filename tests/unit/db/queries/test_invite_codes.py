"""Invite codes: a limited number of accounts, each once, for a limited time."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import invite_codes
from tests.unit.db.builders import NOW, make_account, make_room

CODE, OTHER = b"c" * 32, b"o" * 32
LATER = NOW + 1000


class CodeScenario:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice, self.bob, self.carol = (
            make_account(connection, name) for name in ("Alice", "Bob", "Carol")
        )
        self.lab = make_room(connection, "lab", self.alice)

    def add(self, digest: bytes = CODE, *, uses: int = 1, room_id: int | None = None) -> None:
        invite_codes.add_code(
            self.connection,
            digest=digest,
            conversation_id=room_id,
            maker_id=None if room_id is None else self.alice,
            uses=uses,
            now=NOW,
            expires_at=LATER,
        )

    def use(self, account_id: int, now: int = NOW) -> bool:
        return invite_codes.use_code(self.connection, CODE, account_id, now)

    def uses_left(self) -> list[int]:
        return [code.uses_left for code in invite_codes.list_codes(self.connection)]


@pytest.fixture
def scene(engine: Engine) -> Iterator[CodeScenario]:
    with begin_write(engine) as connection:
        yield CodeScenario(connection)


def test_code_admits_limited_accounts(scene: CodeScenario) -> None:
    scene.add(uses=2)
    assert [scene.use(account_id) for account_id in (scene.alice, scene.bob, scene.carol)] == [
        True,
        True,
        False,
    ]
    assert invite_codes.users_by_code(scene.connection) == {CODE: ["Alice", "Bob"]}


def test_repeated_use_by_same_account_is_not_counted(scene: CodeScenario) -> None:
    scene.add()
    assert [scene.use(account_id) for account_id in (scene.alice, scene.alice, scene.bob)] == [
        True,
        True,
        False,
    ]
    assert scene.uses_left() == [0]
    assert invite_codes.find_code(scene.connection, CODE, scene.alice, NOW) is not None
    assert invite_codes.find_code(scene.connection, CODE, scene.bob, NOW) is None
    assert invite_codes.find_code(scene.connection, CODE, None, NOW) is None


def test_code_spent_on_seat_is_invalid_for_its_account(scene: CodeScenario) -> None:
    scene.add(uses=3, room_id=scene.lab)
    assert scene.use(scene.alice)
    invite_codes.spend_on_seat(scene.connection, CODE, scene.alice, NOW)
    assert not scene.use(scene.alice)
    assert invite_codes.find_code(scene.connection, CODE, scene.alice, NOW) is None
    assert scene.use(scene.bob)
    assert scene.uses_left() == [1]


def test_expired_code_is_invalid_and_deleted(scene: CodeScenario) -> None:
    scene.add(uses=5)
    assert scene.use(scene.alice)
    assert [scene.use(account_id, LATER) for account_id in (scene.alice, scene.bob)] == [False, False]
    invite_codes.delete_expired_codes(scene.connection, LATER)
    assert invite_codes.list_codes(scene.connection) == []
    assert invite_codes.users_by_code(scene.connection) == {}


def test_code_lists_room_and_maker(scene: CodeScenario) -> None:
    scene.add(OTHER)
    scene.add(room_id=scene.lab)
    known = {code.digest: (code.room, code.maker) for code in invite_codes.list_codes(scene.connection)}
    assert known == {OTHER: (None, None), CODE: ("lab", "Alice")}
    invite_codes.delete_code(scene.connection, CODE)
    assert not scene.use(scene.bob)


def test_unknown_code_is_invalid(scene: CodeScenario) -> None:
    assert not scene.use(scene.alice)
