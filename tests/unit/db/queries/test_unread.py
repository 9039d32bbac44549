"""What is unread: the messages of others behind ``read``, counted without walking the history."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.queries import friends, memberships, rooms, unread
from sqlalchemy import Connection, Engine, event

from tests.unit.db.people import NOW, append_message, make_account, make_room, rows_scanned, take_seats


class Scene(NamedTuple):
    connection: Connection
    alice: int
    bob: int
    room: int

    def unread(self, account_id: int | None = None) -> int:
        """What a listing says, and a single seat with it."""
        account_id = account_id or self.alice
        (listed,) = rooms.list_rooms(self.connection, account_id)
        assert listed.seat == memberships.find_seat(self.connection, self.room, account_id)
        assert listed.seat is not None
        return listed.seat.unread


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    """Alice and Bob are members of a room."""
    with begin_write(engine) as connection:
        alice, bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        id = make_room(connection, "thuhole", alice)
        take_seats(connection, id, alice, bob)
        yield Scene(connection, alice, bob, id)


def test_an_empty_room_has_nothing_unread(scene: Scene) -> None:
    assert scene.unread() == 0


def test_what_others_say_counts_and_what_i_say_does_not(scene: Scene) -> None:
    connection, alice, bob, id = scene
    for author in (alice, bob, alice, bob, bob):
        append_message(connection, id, author)
    assert (scene.unread(), scene.unread(bob)) == (3, 2)


def test_notices_do_not_count_and_actions_do(scene: Scene) -> None:
    for kind in ("enter", "nick", "action", "leave", "edit"):
        append_message(scene.connection, scene.room, scene.bob, kind=kind)
    assert scene.unread() == 1


def test_reading_takes_away_what_was_read(scene: Scene) -> None:
    connection, alice, bob, id = scene
    for author in (bob, alice, bob, bob):
        append_message(connection, id, author)
    left = []
    for seq in range(5):
        memberships.mark_read(connection, id, alice, seq)
        left.append(scene.unread())
    assert left == [3, 2, 2, 1, 0]


def test_whoever_comes_back_to_a_room_did_not_hear_from_others_what_they_said_themselves(
    scene: Scene,
) -> None:
    connection, alice, bob, id = scene
    append_message(connection, id, alice)
    append_message(connection, id, bob)
    memberships.give_up_seat(connection, id, alice)
    memberships.take_seat(
        connection, conversation_id=id, account_id=alice, nickname=None, joined_seq=2, now=NOW
    )
    assert scene.unread() == 1


def test_a_private_chat_counts_likewise(scene: Scene) -> None:
    connection, alice, bob, _room = scene
    chat = friends.add_friendship(connection, alice, bob, NOW)
    for author in (bob, bob, alice):
        append_message(connection, chat, author)
    (as_alice_sees_it,) = friends.list_directs(connection, alice)
    (as_bob_sees_it,) = friends.list_directs(connection, bob)
    assert (as_alice_sees_it.seat.unread, as_bob_sees_it.seat.unread) == (2, 1)


def test_more_conversations_than_one_count_takes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "CHUNK", 2)
    connection, alice, bob, _room = scene
    for n in range(5):
        id = make_room(connection, f"room{n}", bob)
        take_seats(connection, id, alice)
        for author in (bob, alice, *[bob] * n):
            append_message(connection, id, author)
    listed = rooms.list_rooms(connection, alice)
    assert [one.seat.unread for one in listed if one.seat] == [1, 2, 3, 4, 5, 0]


def test_own_messages_far_behind_the_head_are_not_told_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "MAX_COUNTED_RANGE", 3)
    for author in (scene.alice, scene.alice, scene.bob, scene.alice, scene.bob):
        append_message(scene.connection, scene.room, author)
    assert scene.unread() == 4


def test_counting_walks_no_further_than_what_is_unread(scene: Scene) -> None:
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


def _plan_of_counting(scene: Scene) -> list[str]:
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
