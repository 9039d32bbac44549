"""Words of erased messages are removed from the search index and from SQLite's file."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select

from chatroom.db import purge
from chatroom.db.engine import begin_read, begin_write, is_sqlite
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import messages, revisions, rooms
from chatroom.db.records import MessageDraft
from chatroom.db.schema import documents, erasures
from chatroom.db.search import index_erasure, search_index
from chatroom.db.search.search_query import search_messages
from chatroom.db.search.tokenizer import index_terms, parse_query
from tests.unit.db.builders import NOW, append_message, make_account, make_room, take_seats


class IndexScenario:
    """A room with messages of Alice's."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with begin_write(engine) as connection:
            self.alice = make_account(connection, "Alice")
            self.room_id = make_room(connection, "here", self.alice)

    def say(self, text: str) -> int:
        with begin_write(self.engine) as connection:
            return append_message(connection, self.room_id, self.alice, text).seq

    def change(self, kind: str, target: int, text: str = "") -> None:
        draft = MessageDraft(self.room_id, self.alice, "Alice", "Alice", kind, text, None, target)
        with begin_write(self.engine) as connection:
            heads = messages.lock_heads(connection, [self.room_id])
            [outcome] = messages.append_messages(connection, heads, [draft], NOW)
            revisions.record_change(connection, outcome.stored)

    def read_slice(self) -> search_index.IndexSlice | None:
        with begin_read(self.engine) as connection:
            return search_index.read_slice(connection, 1000)

    def index(self) -> None:
        while slice := self.read_slice():
            with begin_write(self.engine) as connection:
                search_index.store_slice(connection, slice)

    def erase(self) -> int:
        """Remove the words that can be removed. Return the number of their messages."""
        with begin_write(self.engine) as connection:
            pending = index_erasure.pending_erasures(connection, 100)
            if pending:
                index_erasure.replace_documents(connection, pending)
                index_erasure.mark_removed(connection, pending)
            return len(pending)

    def indexed_words(self) -> str:
        with begin_read(self.engine) as connection:
            return " ".join(connection.scalars(select(documents.c.terms)))


@pytest.fixture
def scene(engine: Engine) -> IndexScenario:
    return IndexScenario(engine)


def test_words_of_deleted_message_leave_the_index(scene: IndexScenario) -> None:
    for text in ("public", "secret", "harmless"):  # with the same time
        scene.say(text)
    scene.index()
    scene.change("delete", 2)
    assert scene.erase() == 0  # a slice read before the deletion might still be stored
    scene.index()
    assert scene.erase() == 1
    words = scene.indexed_words()
    assert [text in words for text in ("public", "secret", "harmless")] == [True, False, True]
    assert scene.erase() == 0


def test_words_of_replaced_text_leave_the_index(scene: IndexScenario) -> None:
    scene.say("secret")
    scene.index()
    for number in range(12):
        scene.change("edit", 1, f"secret{number}")
        scene.index()
    scene.change("edit", 1, "harmless")
    scene.index()
    scene.erase()
    words = scene.indexed_words()
    assert "secret" not in words
    assert "harmless" in words


def test_slice_read_before_the_deletion_leaves_no_words(scene: IndexScenario) -> None:
    scene.say("secret")
    stale = scene.read_slice()
    assert stale is not None
    scene.change("delete", 1)
    with begin_write(scene.engine) as connection:
        search_index.store_slice(connection, stale)
    assert "secret" in scene.indexed_words()
    assert scene.erase() == 0
    scene.index()
    assert scene.erase() == 1
    assert "secret" not in scene.indexed_words()


def test_stale_slice_cannot_be_stored_after_the_erasure(scene: IndexScenario) -> None:
    scene.say("secret")
    stale = scene.read_slice()
    assert stale is not None
    scene.change("delete", 1)
    scene.index()
    scene.erase()
    with pytest.raises(AlreadyExists), begin_write(scene.engine) as connection:
        search_index.store_slice(connection, stale)
    assert "secret" not in scene.indexed_words()


def test_removed_room_leaves_words_to_merge(scene: IndexScenario) -> None:
    scene.say("secret")
    scene.index()
    with begin_write(scene.engine) as connection:
        rooms.remove_room(connection, scene.room_id)
        while purge.purge_slice(connection, 100):
            pass
    assert scene.erase() == 1
    with begin_read(scene.engine) as connection:
        assert connection.scalar(select(func.count()).where(erasures.c.unindex_after.is_not(None))) == 0


def test_merged_index_file_holds_no_erased_word(scene: IndexScenario) -> None:
    if not is_sqlite(scene.engine.url):
        pytest.skip("InnoDB's pages are merged by OPTIMIZE TABLE")
    secret = "kryptonite"
    [term] = index_terms(secret).split()
    for number in range(300):
        scene.say(f"{secret} number {number}" if number % 50 == 25 else f"filler {number}")
        if number % 20 == 0:
            scene.index()
    scene.index()
    file = Path(str(scene.engine.url.database))
    assert term.encode() in content(file)
    for seq in range(26, 300, 50):
        scene.change("delete", seq)
    scene.index()
    assert scene.erase() == 6
    begin = True
    while True:
        with begin_write(scene.engine) as connection:
            if not index_erasure.merge_step(connection, begin=begin):
                break
        begin = False
    index_erasure.truncate_wal(scene.engine)
    data = content(file)
    assert secret.encode() not in data
    assert "filler" in scene.indexed_words()


def content(file: Path) -> bytes:
    """The bytes of a database's file and its write-ahead log."""
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))


def test_message_whose_document_is_being_replaced_is_found(scene: IndexScenario) -> None:
    """MySQL may find the new document only some time after the transaction that stored it."""
    if is_sqlite(scene.engine.url):
        pytest.skip("SQLite shows the new document in the same transaction")
    scene.say("apples")
    scene.index()
    scene.change("edit", 1, "oranges")
    scene.index()
    with begin_write(scene.engine) as connection:
        connection.execute(delete(documents))  # as a search sees it at that moment
        take_seats(connection, scene.room_id, scene.alice)
    current, former = parse_query("oranges"), parse_query("apples")
    assert current is not None
    assert former is not None
    with begin_read(scene.engine) as connection:
        matches = search_messages(connection, scene.alice, current, limit=10)
        assert [message.seq for message in matches.messages] == [1]
        assert search_messages(connection, scene.alice, former, limit=10).messages == []
