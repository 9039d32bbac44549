"""Texts of deleted messages, and texts that an edit replaced, are erased; resends are still recognised."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, select, update

from chatroom.db import erasures
from chatroom.db.engine import begin_write
from chatroom.db.queries import messages, revisions
from chatroom.db.queries.messages import DUPLICATE, REUSED, AppendOutcome
from chatroom.db.records import MessageDraft
from chatroom.db.schema import erasures as erasure_table
from chatroom.db.schema import messages as table
from tests.unit.db.builders import NOW, make_account, make_room


class ErasureScenario:
    """A room of Alice's, in which she writes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice = make_account(connection, "Alice")
        self.room_id = make_room(connection, "here", self.alice)

    def append(self, kind: str, text: str, cid: str, target: int | None = None) -> AppendOutcome:
        draft = MessageDraft(self.room_id, self.alice, "Alice", "Alice", kind, text, cid, target)
        heads = messages.lock_heads(self.connection, [self.room_id])
        [outcome] = messages.append_messages(self.connection, heads, [draft], NOW)
        if kind in revisions.CHANGE_KINDS and outcome.verdict is messages.STORED:
            revisions.record_change(self.connection, outcome.stored)
        return outcome

    def stored_texts(self) -> list[str]:
        return list(self.connection.scalars(select(table.c.text).order_by(table.c.seq)))


@pytest.fixture
def scene(engine: Engine) -> Iterator[ErasureScenario]:
    with begin_write(engine) as connection:
        yield ErasureScenario(connection)


def test_delete_erases_text_and_its_edits(scene: ErasureScenario) -> None:
    scene.append("text", "secret", "a")
    scene.append("edit", "still secret", "b", 1)
    scene.append("text", "public", "c")
    scene.append("delete", "", "d", 1)
    assert scene.stored_texts() == ["", "", "public", ""]


def test_edit_erases_replaced_texts(scene: ErasureScenario) -> None:
    scene.append("action", "first", "a")
    for number, text in enumerate(("second", "third", "fourth")):
        scene.append("edit", text, f"e{number}", 1)
    assert scene.stored_texts() == ["", "", "", "fourth"]
    [current, *_] = revisions.latest_states(
        scene.connection, messages.message_page(scene.connection, scene.room_id, limit=9)[0]
    )
    assert current.text == "fourth"


@pytest.mark.parametrize("days", [0, 6, 8])
def test_resend_of_erased_text_is_duplicate(scene: ErasureScenario, days: int) -> None:
    stored = scene.append("text", "secret", "a").stored
    scene.append("edit", "hint", "b", 1)
    scene.append("delete", "", "c", 1)
    remove_words_from_index(scene.connection)
    erasures.delete_old_digests(scene.connection, NOW + days * 24 * 60 * 60 * 1000)
    again = scene.append("text", "secret", "a")
    assert (again.verdict, again.stored.seq) == (DUPLICATE, stored.seq)
    assert scene.append("edit", "hint", "b", 1).verdict is DUPLICATE
    assert scene.append("action", "secret", "a").verdict is REUSED
    assert scene.append("text", "other", "a").verdict is (DUPLICATE if days > 7 else REUSED)
    assert scene.append("edit", "other", "b", 1).verdict is (DUPLICATE if days > 7 else REUSED)
    assert len(scene.stored_texts()) == 3


def remove_words_from_index(connection: Connection) -> None:
    connection.execute(update(erasure_table).values(unindex_after=None))


def test_old_digest_stays_until_words_have_left_the_index(scene: ErasureScenario) -> None:
    scene.append("text", "secret", "a")
    scene.append("delete", "", "b", 1)
    erasures.delete_old_digests(scene.connection, NOW + 2 * erasures.DIGEST_MS)
    assert erasures.erased_digests(scene.connection, [(scene.room_id, 1)])


def test_message_that_another_process_delivers_late_has_its_current_text(scene: ErasureScenario) -> None:
    scene.append("text", "secret", "a")
    scene.append("text", "teh", "b")
    scene.append("delete", "", "c", 1)
    scene.append("edit", "the", "d", 2)
    missed = messages.message_page(scene.connection, scene.room_id, limit=9)[0]
    texts = [message.text for message in revisions.readable_texts(scene.connection, missed)]
    assert texts == ["", "the", "", "the"]


def test_equal_texts_have_different_digests(scene: ErasureScenario) -> None:
    scene.append("text", "secret", "a")
    scene.append("text", "secret", "b")
    scene.append("delete", "", "c", 1)
    scene.append("delete", "", "d", 2)
    digests = erasures.erased_digests(scene.connection, [(scene.room_id, 1), (scene.room_id, 2)])
    assert len(set(digests.values())) == 2
