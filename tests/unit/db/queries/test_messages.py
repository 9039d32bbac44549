"""Messages: seqs without gaps, one message for each cid, times that do not decrease, and pages by seq."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from chatroom.db import schema
from chatroom.db.engine import begin_write, open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.db.queries import export, messages, raw_insert, raw_select
from chatroom.db.queries.messages import AppendVerdict, SeqRange
from chatroom.db.records import MessageDraft, StoredMessage
from chatroom.db.schema import conversations
from tests.unit.db.builders import NOW, make_account, make_room, rows_scanned, run_concurrently


class MessageScenario:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.alice, self.bob = make_account(connection, "Alice"), make_account(connection, "Bob")
        self.lab = make_room(connection, "lab", self.alice)
        self.hall = make_room(connection, "hall", self.alice)

    def draft(self, text: str, cid: str | None, *, in_hall: bool = False, bob: bool = False) -> MessageDraft:
        author, name = (self.bob, "Bob") if bob else (self.alice, "Alice")
        kind = "text" if cid is not None else "enter"
        return MessageDraft(self.hall if in_hall else self.lab, author, name, name, kind, text, cid)

    def append(self, *drafts: MessageDraft, now: int = NOW) -> list[tuple[str, int]]:
        heads = messages.lock_heads(self.connection, {draft.conversation_id for draft in drafts})
        outcomes = messages.append_messages(self.connection, heads, drafts, now)
        return [(outcome.verdict.name, outcome.stored.seq) for outcome in outcomes]


@pytest.fixture
def scene(engine: Engine) -> Iterator[MessageScenario]:
    with begin_write(engine) as connection:
        yield MessageScenario(connection)


def test_message_columns_are_those_of_the_record() -> None:
    assert {*raw_insert.MESSAGE_FIELDS, "spoken"} == set(schema.messages.columns.keys())
    assert {*raw_insert.MESSAGE_FIELDS, "username"} == {*raw_select.SELECTED_FIELDS}


def test_stored_message_is_read_back_with_every_field(scene: MessageScenario) -> None:
    draft = MessageDraft(scene.lab, scene.alice, "Alice", "ALICE", "action", "waves", "a", 7)
    heads = messages.lock_heads(scene.connection, [scene.lab])
    [outcome] = messages.append_messages(scene.connection, heads, [draft], NOW)
    assert outcome.stored == StoredMessage(
        conversation_id=scene.lab,
        account_id=scene.alice,
        username="Alice",
        nickname="ALICE",
        kind="action",
        text="waves",
        cid="a",
        target=7,
        seq=1,
        sent_at=NOW,
    )
    assert messages.message_page(scene.connection, scene.lab, limit=9)[0] == [outcome.stored]
    assert export.export_page(scene.connection, scene.lab, after=0, limit=9)[0] == [outcome.stored]


def test_each_conversation_has_its_own_seqs(scene: MessageScenario) -> None:
    stored = scene.append(
        scene.draft("one", "a"), scene.draft("uno", "b", in_hall=True), scene.draft("two", "c")
    )
    assert stored == [("STORED", 1), ("STORED", 1), ("STORED", 2)]
    assert scene.append(scene.draft("three", "d")) == [("STORED", 3)]


def test_append_updates_head_and_spoken_count(scene: MessageScenario) -> None:
    scene.append(scene.draft("", None), scene.draft("hi", "a"), scene.draft("ho", "b"))
    row = conversations.c
    rows = scene.connection.execute(select(row.head, row.spoken, row.last_at).where(row.id == scene.lab))
    assert list(rows) == [(3, 2, NOW)]


def test_resend_with_same_content_is_duplicate(scene: MessageScenario) -> None:
    scene.append(scene.draft("hi", "a"))
    again = scene.append(scene.draft("hi", "a"), scene.draft("new", "b"))
    assert again == [("DUPLICATE", 1), ("STORED", 2)]


def test_same_cid_twice_in_batch_is_stored_once(scene: MessageScenario) -> None:
    batch = scene.append(scene.draft("hi", "a"), scene.draft("hi", "a"), scene.draft("ho", "a"))
    assert batch == [("STORED", 1), ("DUPLICATE", 1), ("REUSED", 1)]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 300, 600])
def test_duplicate_in_batch_leaves_no_gap(scene: MessageScenario, size: int) -> None:
    """The duplicate appears in the last portion of the batch; the earlier portions are rolled back."""
    scene.append(scene.draft("known", "known"))
    drafts = [scene.draft(str(number), f"cid{number}") for number in range(size)]
    stored = scene.append(*drafts, scene.draft("known", "known"))
    assert stored == [*[("STORED", number + 2) for number in range(size)], ("DUPLICATE", 1)]
    assert len(messages.messages_in_ranges(scene.connection, [SeqRange(scene.lab, 0, 1000)])) == size + 1


def test_heads_of_many_conversations_are_updated(scene: MessageScenario) -> None:
    places = [make_room(scene.connection, f"room{number}", scene.alice) for number in range(5)]
    drafts = [
        MessageDraft(place, scene.alice, "Alice", "Alice", "text", "hi", f"{place}") for place in places
    ]
    scene.append(*drafts, now=NOW + 1)
    row = conversations.c
    rows = scene.connection.execute(
        select(row.kind, row.head, row.spoken, row.last_at).where(row.id.in_([*places, scene.hall]))
    )
    assert sorted(rows) == [("room", 0, 0, NOW), *[("room", 1, 1, NOW + 1)] * 5]


@pytest.mark.parametrize("other", ["text", "place"])
def test_same_cid_with_other_content_is_reused(scene: MessageScenario, other: str) -> None:
    scene.append(scene.draft("hi", "a"))
    draft = scene.draft("ho", "a") if other == "text" else scene.draft("hi", "a", in_hall=True)
    assert scene.append(draft) == [("REUSED", 1)]


def test_cids_are_case_sensitive_and_per_account(scene: MessageScenario) -> None:
    stored = scene.append(scene.draft("x", "a"), scene.draft("x", "A"), scene.draft("x", "a", bob=True))
    assert stored == [("STORED", 1), ("STORED", 2), ("STORED", 3)]


def test_find_duplicate_finds_stored_cid(scene: MessageScenario) -> None:
    scene.append(scene.draft("hi", "a"))
    assert messages.find_duplicate(scene.connection, scene.draft("hi", "b")) is None
    duplicate = messages.find_duplicate(scene.connection, scene.draft("hi", "a"))
    assert duplicate is not None
    assert duplicate.verdict is AppendVerdict.DUPLICATE


def test_times_do_not_decrease_when_clock_does(scene: MessageScenario) -> None:
    scene.append(scene.draft("late", "a"), now=NOW + 5_000)
    scene.append(scene.draft("early", "b"), now=NOW)
    page, _ = messages.message_page(scene.connection, scene.lab, limit=10)
    assert [stored.sent_at for stored in page] == [NOW + 5_000, NOW + 5_000]


@pytest.mark.parametrize(
    "text", ["你好，世界", "😀👩‍👩‍👧 \u202e", "a\nb\t'\"\\%_", "x" * 4096, "\U0010ffff" * 4096]
)
def test_text_is_stored_unchanged(scene: MessageScenario, text: str) -> None:
    scene.append(scene.draft(text, "a"))
    page, _ = messages.message_page(scene.connection, scene.lab, limit=1)
    assert page[0].text == text


def test_message_page_in_both_directions(scene: MessageScenario) -> None:
    scene.append(*(scene.draft(str(n), str(n)) for n in range(1, 8)))
    page = partial(messages.message_page, scene.connection, scene.lab)

    def seqs(page_and_more: tuple[list[StoredMessage], bool]) -> tuple[list[int], bool]:
        return [stored.seq for stored in page_and_more[0]], page_and_more[1]

    assert seqs(page(limit=3)) == ([5, 6, 7], True)
    assert seqs(page(before=5, limit=3)) == ([2, 3, 4], True)
    assert seqs(page(before=2, limit=3)) == ([1], False)
    assert seqs(page(after=0, limit=3)) == ([1, 2, 3], True)
    assert seqs(page(after=4, limit=3)) == ([5, 6, 7], False)
    assert seqs(page(after=7, limit=3)) == ([], False)
    within = messages.messages_in_ranges(scene.connection, [SeqRange(scene.lab, 2, 4)])
    assert [stored.seq for stored in within] == [3, 4]


def test_last_seq_before_finds_time(scene: MessageScenario) -> None:
    assert messages.last_seq_before(scene.connection, scene.lab, NOW) == 0
    for number, seconds in enumerate((1, 2, 2, 2, 5)):
        scene.append(scene.draft("hi", str(number)), now=NOW + seconds)
    seqs_before = [
        messages.last_seq_before(scene.connection, scene.lab, NOW + seconds) for seconds in range(8)
    ]
    assert seqs_before == [0, 0, 1, 4, 4, 4, 5, 5]


def test_mysql_newest_page_scans_few_rows(mysql_url: str) -> None:
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        scene = MessageScenario(connection)
        scene.append(*(scene.draft("hi", str(n)) for n in range(500)))
        before = rows_scanned(connection)
        assert len(messages.message_page(connection, scene.lab, limit=10)[0]) == 10
        assert rows_scanned(connection) - before < 100
    engine.dispose()


def test_concurrent_writers_leave_no_gap(engine: Engine) -> None:
    """Each writer appends to two rooms. Without the lock, two writers would take the same seq."""
    with begin_write(engine) as connection:
        scene = MessageScenario(connection)

    def work(writer: int, connection: Connection) -> None:
        drafts = [
            MessageDraft(place, scene.alice, "Alice", "A", "text", "hi", f"{writer}-{place}-{n}")
            for n in range(5)
            for place in (scene.lab, scene.hall)
        ]
        messages.append_messages(
            connection, messages.lock_heads(connection, [scene.hall, scene.lab]), drafts, NOW
        )

    run_concurrently(engine, [partial(work, writer) for writer in range(8)])
    with engine.connect() as connection:
        for place in (scene.lab, scene.hall):
            page, _ = messages.message_page(connection, place, limit=100)
            assert [stored.seq for stored in page] == list(range(1, 41))


def test_lock_heads_of_nothing_is_empty(scene: MessageScenario) -> None:
    assert messages.lock_heads(scene.connection, []) == {}


def test_mysql_cid_lookup_scans_few_rows(mysql_url: str) -> None:
    engine = open_engine(mysql_url)
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        scene = MessageScenario(connection)
        scene.append(*(scene.draft("hi", str(n), bob=n % 2 > 0) for n in range(500)))
        before = rows_scanned(connection)
        again = scene.append(scene.draft("hi", "8"), scene.draft("hi", "9", bob=True), scene.draft("hi", "9"))
        assert again == [("DUPLICATE", 9), ("DUPLICATE", 10), ("STORED", 501)]
        assert rows_scanned(connection) - before < 100


def test_sqlite_message_queries_use_indexes(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/chatroom.sqlite")
    upgrade_schema(engine)
    with begin_write(engine) as connection:
        scene = MessageScenario(connection)
        with traced_statements(connection) as statements:
            scene.append(scene.draft("hi", "a"), scene.draft("ho", "b", bob=True))
            scene.append(scene.draft("hi", "a"), scene.draft("ho", "b", bob=True))
            messages.messages_in_ranges(connection, [SeqRange(scene.lab, 0, 9), SeqRange(scene.hall, 0, 9)])
            messages.messages_at(connection, [(scene.lab, 1), (scene.hall, 1)])
            messages.last_seq_before(connection, scene.lab, NOW)
            for side in ({}, {"before": 2}, {"after": 1}):
                messages.message_page(connection, scene.lab, limit=10, **side)
        ways = [
            way
            for statement in statements
            for *_, way in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]
    engine.dispose()
    assert "SCAN messages" not in ways
    assert sum(way.startswith("SEARCH messages") for way in ways) >= 7


@contextmanager
def traced_statements(connection: Connection) -> Iterator[list[str]]:
    """The SQLite statements in the block that mention messages, with values."""
    statements: list[str] = []
    driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(
        lambda statement: statements.append(statement) if "messages" in statement else None
    )
    yield statements
    driver.set_trace_callback(None)
