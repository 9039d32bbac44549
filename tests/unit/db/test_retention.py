"""Messages older than the retention are deleted from the beginning of their conversation, in steps."""

from sqlalchemy import Engine, func, select, update

from chatroom.db import purge
from chatroom.db.engine import begin_read, begin_write
from chatroom.db.purge import DAY_MS, PurgeStep
from chatroom.db.queries import memberships, messages, revisions, rooms
from chatroom.db.queries.messages import DUPLICATE, STORED
from chatroom.db.records import MessageDraft
from chatroom.db.schema import conversations, documents, erasures
from chatroom.db.schema import messages as message_table
from chatroom.db.schema import revisions as revision_table
from chatroom.db.search import search_index
from chatroom.db.search.search_query import search_messages
from chatroom.db.search.tokenizer import parse_query
from tests.unit.db.builders import NOW, make_account, take_seats
from tests.unit.db.search.test_index_erasure import IndexScenario

TEXTS = [f"word{number} everywhere" for number in range(1, 11)]


class AgedRoom(IndexScenario):
    """A room of Alice's and Bob's whose message n was sent on day n."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        with begin_write(engine) as connection:
            self.bob = make_account(connection, "Bob")
            take_seats(connection, self.room_id, self.alice, self.bob)
        for text in TEXTS:
            self.say(text)
        self.age_and_index()

    def age_and_index(self) -> None:
        row = message_table.c
        with begin_write(self.engine) as connection:
            connection.execute(update(message_table).values(sent_at=NOW + DAY_MS * row.seq))
        self.index()

    def next_step(self, day: int, server_days: int = 0, limit: int = 100) -> PurgeStep | None:
        with begin_read(self.engine) as connection:
            return purge.next_step(connection, self.room_id, NOW + day * DAY_MS, server_days, limit=limit)

    def delete(self, step: PurgeStep) -> bool:
        with begin_write(self.engine) as connection:
            messages.lock_heads(connection, [self.room_id])
            search_index.delete_documents(connection, self.room_id, step.messages)
            return purge.delete_step(connection, step, NOW)

    def purge(self, day: int, server_days: int = 0) -> None:
        while step := self.next_step(day, server_days):
            assert self.delete(step)

    def set_retention(self, days: int) -> None:
        with begin_write(self.engine) as connection:
            rooms.set_retention(connection, self.room_id, days)

    def seqs(self) -> list[int]:
        with begin_read(self.engine) as connection:
            page, _ = messages.message_page(connection, self.room_id, limit=100)
            assert messages.first_seq(connection, self.room_id) == (page[0].seq if page else 11)
            return [message.seq for message in page]

    def unread(self, account_id: int) -> int:
        with begin_read(self.engine) as connection:
            seat = memberships.find_seat(connection, self.room_id, account_id)
            assert seat is not None
            return seat.unread


def test_messages_older_than_the_days_of_the_server_are_deleted(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.purge(day=10, server_days=7)
    assert room.seqs() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert room.next_step(day=10) is None  # without any retention


def test_smaller_number_of_days_counts(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.set_retention(8)
    room.purge(day=10, server_days=9)
    assert room.seqs()[0] == 2
    room.purge(day=10, server_days=5)
    assert room.seqs()[0] == 5
    room.set_retention(0)
    assert room.next_step(day=10) is None


def test_steps_delete_few_messages_each(engine: Engine) -> None:
    room = AgedRoom(engine)
    step = room.next_step(day=10, server_days=4, limit=4)
    assert step is not None
    assert [seq for seq, _ in step.messages] == [1, 2, 3, 4]
    assert room.delete(step)
    assert not room.delete(step), "another process has deleted them"
    assert room.seqs() == [5, 6, 7, 8, 9, 10]


def test_head_stays_and_seqs_go_on_after_all_messages_were_deleted(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.purge(day=99, server_days=1)
    assert room.seqs() == []
    assert room.say("later") == 11
    assert room.seqs() == [11]
    with begin_read(engine) as connection:
        heads = connection.execute(select(conversations.c.head).where(conversations.c.id == room.room_id))
        assert heads.scalar_one() == 11


def test_unread_messages_that_were_deleted_do_not_count(engine: Engine) -> None:
    room = AgedRoom(engine)
    with begin_write(engine) as connection:
        memberships.mark_read(connection, room.room_id, room.bob, 2)
    assert room.unread(room.bob) == 8
    step = room.next_step(day=10, server_days=4)
    assert step is not None
    assert (step.count_unread(room.bob, 2), step.count_unread(room.alice, 2)) == (3, 0)
    room.purge(day=10, server_days=4)
    assert room.seqs()[0] == 6
    assert room.unread(room.bob) == 5
    room.purge(day=99, server_days=4)
    assert room.unread(room.bob) == 0
    room.say("later")
    assert room.unread(room.bob) == 1


def test_search_and_index_lose_deleted_messages(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.purge(day=10, server_days=7)
    with begin_read(engine) as connection:
        for text, expected in (
            ("word1", []),
            ("word2", []),
            ("word3", [3]),
            ("everywhere", range(10, 2, -1)),
        ):
            query = parse_query(text)
            assert query is not None
            matches = search_messages(connection, room.bob, query, limit=50).messages
            assert [match.seq for match in matches] == list(expected)
        assert sorted(connection.scalars(select(documents.c.seq))) == list(range(3, 11))


def test_messages_that_are_not_indexed_yet_are_kept(engine: Engine) -> None:
    """A slice of the index that was read before could be stored afterwards."""
    room = AgedRoom(engine)
    room.say("not indexed")
    with begin_write(engine) as connection:
        connection.execute(update(message_table).values(sent_at=NOW))
    step = room.next_step(day=99, server_days=1)
    assert step is not None
    assert step.last == 10
    room.index()
    room.purge(day=99, server_days=1)
    with begin_read(engine) as connection:
        assert messages.first_seq(connection, room.room_id) == 12


def test_text_of_an_edit_goes_with_the_message(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.change("edit", 2, "corrected secret")
    room.change("react", 2, "👍")
    step = room.next_step(day=10, server_days=5)
    assert step is not None
    assert step.last == 1, "the edit is not indexed yet"
    room.age_and_index()
    step = room.next_step(day=10, server_days=5)
    assert step is not None
    assert step.last == 1, "the document of the text before the edit is not replaced yet"
    room.erase()
    room.purge(day=10, server_days=5)
    assert room.seqs() == [5, 6, 7, 8, 9, 10, 11, 12]
    with begin_read(engine) as connection:
        [edit] = messages.messages_at(connection, [(room.room_id, 11)])
        assert (edit.kind, edit.target, edit.text) == ("edit", 2, "")
        assert connection.execute(select(func.count()).select_from(revision_table)).scalar_one() == 0
        assert revisions.find_message(connection, room.room_id, 2) is None
        query = parse_query("secret")
        assert query is not None
        assert search_messages(connection, room.bob, query, limit=50).messages == []
    assert "secret" not in room.indexed_words()


def test_edits_of_one_step_are_few(engine: Engine) -> None:
    room = AgedRoom(engine)
    purge_limit, purge.MAX_STEP_EDITS = purge.MAX_STEP_EDITS, 2
    try:
        for seq in (1, 3, 5):
            room.change("edit", seq, "new text")
        room.age_and_index()
        room.erase()
        step = room.next_step(day=10, server_days=1)
        assert step is not None
        assert (step.last, step.edits) == (4, [11, 12])
        room.purge(day=10, server_days=1)
        assert room.seqs()[0] == 9
    finally:
        purge.MAX_STEP_EDITS = purge_limit


def test_cid_of_a_deleted_message_is_free_again(engine: Engine) -> None:
    room = AgedRoom(engine)
    draft = MessageDraft(room.room_id, room.alice, "", "", "text", TEXTS[0], f"{room.room_id}-0")
    for expected, seq in ((DUPLICATE, 1), (STORED, 11)):
        with begin_write(engine) as connection:
            heads = messages.lock_heads(connection, [room.room_id])
            [outcome] = messages.append_messages(connection, heads, [draft], NOW)
            assert (outcome.verdict, outcome.stored.seq) == (expected, seq)
        room.purge(day=10, server_days=8)


def test_time_is_found_among_the_remaining_messages(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.purge(day=10, server_days=7)
    with begin_read(engine) as connection:
        last_before = [
            messages.last_seq_before(connection, room.room_id, NOW + day * DAY_MS) for day in (0, 3, 5, 99)
        ]
    assert last_before == [2, 2, 4, 10]
    room.purge(day=99, server_days=1)
    with begin_read(engine) as connection:
        assert messages.last_seq_before(connection, room.room_id, NOW) == 10


def test_records_of_erased_texts_go_with_their_messages(engine: Engine) -> None:
    room = AgedRoom(engine)
    room.change("delete", 1)
    room.age_and_index()
    room.erase()
    room.purge(day=10, server_days=5)
    with begin_read(engine) as connection:
        assert set(connection.scalars(select(erasures.c.seq))) == {0}
