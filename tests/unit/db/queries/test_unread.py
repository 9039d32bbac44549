"""Unread counts: the messages of others after ``read``, without scanning the history."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine, event

from chatroom.db.engine import begin_write
from chatroom.db.queries import friends, memberships, rooms, unread
from tests.unit.db.builders import NOW, append_message, make_account, make_room, rows_scanned, take_seats


class UnreadScenario(NamedTuple):
    connection: Connection
    alice: int
    bob: int
    room: int

    def unread(self, account_id: int | None = None) -> int:
        """The unread count of a listing, which must equal that of the seat."""
        account_id = account_id or self.alice
        (listed,) = rooms.list_rooms(self.connection, account_id)
        assert listed.seat == memberships.find_seat(self.connection, self.room, account_id)
        assert listed.seat is not None
        return listed.seat.unread


@pytest.fixture
def scene(engine: Engine) -> Iterator[UnreadScenario]:
    """Alice and Bob are members of a room."""
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = make_room(connection, "thuhole", alice)
        take_seats(connection, id, alice, bob)
        yield UnreadScenario(connection, alice, bob, id)


def test_empty_room_has_no_unread(scene: UnreadScenario) -> None:
    assert scene.unread() == 0


def test_only_messages_of_others_are_unread(scene: UnreadScenario) -> None:
    connection, alice, bob, id = scene
    for author in (alice, bob, alice, bob, bob):
        append_message(connection, id, author)
    assert (scene.unread(), scene.unread(bob)) == (3, 2)


def test_actions_are_unread_and_system_messages_are_not(scene: UnreadScenario) -> None:
    for kind in ("enter", "nick", "action", "leave", "edit"):
        append_message(scene.connection, scene.room, scene.bob, kind=kind)
    assert scene.unread() == 1


def test_mark_read_reduces_unread(scene: UnreadScenario) -> None:
    connection, alice, bob, id = scene
    for author in (bob, alice, bob, bob):
        append_message(connection, id, author)
    left = []
    for seq in range(5):
        memberships.mark_read(connection, id, alice, seq)
        left.append(scene.unread())
    assert left == [3, 2, 2, 1, 0]


def test_own_messages_are_not_unread_after_rejoining(
    scene: UnreadScenario,
) -> None:
    connection, alice, bob, id = scene
    append_message(connection, id, alice)
    append_message(connection, id, bob)
    memberships.give_up_seat(connection, id, alice)
    memberships.take_seat(
        connection, conversation_id=id, account_id=alice, nickname=None, joined_seq=2, now=NOW
    )
    assert scene.unread() == 0
    append_message(connection, id, alice)
    append_message(connection, id, bob)
    assert scene.unread() == 1


def test_private_chat_counts_unread(scene: UnreadScenario) -> None:
    connection, alice, bob, _room = scene
    chat = friends.add_friendship(connection, alice, bob, NOW)
    for author in (bob, bob, alice):
        append_message(connection, chat, author)
    (as_alice_sees_it,) = friends.list_directs(connection, alice)
    (as_bob_sees_it,) = friends.list_directs(connection, bob)
    assert (as_alice_sees_it.seat.unread, as_bob_sees_it.seat.unread) == (2, 1)


def test_unread_of_more_conversations_than_one_query_takes(
    scene: UnreadScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "MAX_CONDITIONS", 2)
    connection, alice, bob, _room = scene
    for n in range(5):
        id = make_room(connection, f"room{n}", bob)
        take_seats(connection, id, alice)
        for author in (bob, alice, *[bob] * n):
            append_message(connection, id, author)
    listed = rooms.list_rooms(connection, alice)
    assert [room.seat.unread for room in listed if room.seat] == [1, 2, 3, 4, 5, 0]


def test_own_messages_beyond_counted_range_are_not_subtracted(
    scene: UnreadScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "MAX_COUNTED_RANGE", 3)
    for author in (scene.alice, scene.alice, scene.bob, scene.alice, scene.bob):
        append_message(scene.connection, scene.room, author)
    assert scene.unread() == 4


def test_unread_count_scans_only_unread_messages(scene: UnreadScenario) -> None:
    connection, alice, bob, id = scene
    for author in [alice, bob] * 150:
        append_message(connection, id, author)
    memberships.mark_read(connection, id, alice, 290)
    if connection.dialect.name == "mysql":
        before = rows_scanned(connection)
        assert scene.unread() == 5
        assert rows_scanned(connection) - before < 60
    else:
        plan = _plan_of_counting(scene)
        assert "SEARCH messages USING PRIMARY KEY (conversation_id=? AND seq>? AND seq<?)" in plan
        assert not [step for step in plan if step.startswith("SCAN messages")]


def _plan_of_counting(scene: UnreadScenario) -> list[str]:
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        statements.append((statement, parameters))

    event.listen(scene.connection, "before_cursor_execute", note)
    assert scene.unread() == 5
    event.remove(scene.connection, "before_cursor_execute", note)
    return [
        row.detail
        for statement, parameters in statements
        for row in scene.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
