"""Search on both engines: matches and their order, for every position of the index mark."""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, delete, event, func, select

from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import friends, memberships, messages, raw_insert, revisions
from chatroom.db.records import MessageDraft, MessageKey, MessageRank, StoredMessage
from chatroom.db.schema import documents as index
from chatroom.db.schema import erasures
from chatroom.db.search import search_index, search_query, tokenizer, unindexed_tail
from tests.unit.db.builders import NOW, append_message, make_account, make_room, run_concurrently, take_seats

WORDS = [
    "fox",
    "Quick",
    "the",
    "a",
    "x1",
    "été",
    "привет",
    "今天天气",
    "天气很好",
    "天",
    "😀",
    "ＦＯＸ",
    "Fox's",
]
SEEDS = range(4)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One transaction for a whole test. MySQL's index shows only committed documents, so ``index_all``
    commits.
    """
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
        yield connection


@pytest.fixture
def alice(connection: Connection) -> int:
    return make_account(connection, "Alice")


@pytest.fixture
def library(connection: Connection, alice: int) -> int:
    """A room in which Alice has a seat."""
    id = make_room(connection, "library", alice)
    take_seats(connection, id, alice)
    return id


def index_some(connection: Connection, limit: int) -> bool:
    """Index one slice. Returns ``False`` if there was nothing to index."""
    if not connection.in_transaction():
        connection.begin()  # SQLAlchemy does not see statements that go to the driver
    slice = search_index.read_slice(connection, limit)
    if slice is not None:
        search_index.store_slice(connection, slice)
        connection.commit()
    return slice is not None


def index_all(connection: Connection, limit: int = 100) -> None:
    while index_some(connection, limit):
        pass


def append_at(
    connection: Connection, conversation_id: int, account_id: int, text: str, at: int = NOW
) -> StoredMessage:
    """Append a message at a time."""
    heads = messages.lock_heads(connection, [conversation_id])
    cid = f"{conversation_id}-{heads[conversation_id].head}"
    draft = MessageDraft(conversation_id, account_id, "", "", "text", text, cid)
    return messages.append_messages(connection, heads, [draft], at)[0].stored


def search_texts(
    connection: Connection,
    account_id: int,
    query: str,
    *,
    limit: int = 50,
    before: int | None = None,
    conversation_id: int | None = None,
) -> list[str]:
    """The texts that a search returns, newest first."""
    parsed = tokenizer.parse_query(query)
    assert parsed is not None
    below = search_query.HIGHEST_RANK if before is None else MessageRank(before)
    newest = search_query.search_messages(
        connection, account_id, parsed, limit=limit, below=below, conversation_id=conversation_id
    )
    return [message.text for message in newest.messages]


LIBRARY = ["The quick brown fox", "fox, the Quick one", "今天天气很好", "天今气天", "100% sure_thing"]
FOUND = {
    "QUICK fox": ["fox, the Quick one", "The quick brown fox"],
    "fox brown": ["The quick brown fox"],
    '"quick one"': ["fox, the Quick one"],
    '"fox quick"': [],
    "the": ["fox, the Quick one", "The quick brown fox"],
    "天气": ["今天天气很好"],
    "今天 很好": ["今天天气很好"],
    "今天很好": [],
    "气": ["天今气天", "今天天气很好"],
    "天": ["天今气天", "今天天气很好"],
    "100%": ["100% sure_thing"],
    "absent": [],
}


def test_search_finds_indexed_and_unindexed_messages(
    connection: Connection, alice: int, library: int
) -> None:
    for number, text in enumerate(LIBRARY):
        append_at(connection, library, alice, text, NOW + number)
    assert {query: search_texts(connection, alice, query) for query in FOUND} == FOUND
    index_all(connection)
    assert {query: search_texts(connection, alice, query) for query in FOUND} == FOUND


@pytest.mark.parametrize("seed", SEEDS)
def test_search_finds_the_same_as_a_full_scan(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(search_query, "FIRST_PAGE_SIZE", 5)
    monkeypatch.setattr(unindexed_tail, "FIRST_PAGE_SIZE", 5)
    monkeypatch.setattr(unindexed_tail, "MAX_TAIL_MESSAGES", chance.choice([10, 1000]))
    monkeypatch.setattr(search_query, "FIRST_SCAN_SIZE", 10)
    monkeypatch.setattr(search_query, "MAX_DOCUMENTS_PER_MATCH", 4)
    monkeypatch.setattr(search_query, "SMALL_SCOPE_MESSAGES", chance.choice([0, 0, 1000]))
    monkeypatch.setattr(search_query, "MAX_RARE_DOCUMENTS", chance.choice([0, 10, 1000]))
    monkeypatch.setattr(search_query, "MAX_CONVERSATION_TERMS", chance.choice([0, 10]))
    people = [make_account(connection, name) for name in ("Alice", "Bob")]
    places = [make_room(connection, name, people[0]) for name in ("one", "two", "three")]
    take_seats(connection, places[0], *people)
    take_seats(connection, places[1], people[0])
    mine = {people[0]: places[:2], people[1]: places[:1]}
    stored: list[StoredMessage] = []
    for minute in range(150):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))
        stored.append(
            append_at(
                connection, chance.choice(places), people[0], text, NOW + minute // chance.randint(1, 4)
            )
        )
        if chance.random() < 0.1:
            index_some(connection, chance.randint(1, 30))
        if chance.random() < 0.1:
            index, text = chance.randrange(len(stored)), chance.choice(["", *WORDS])
            if stored[index].text:
                change(connection, stored[index], "edit" if text else "delete", text)
                stored[index] = replace(stored[index], text=text)
    for _ in range(40):
        query = " ".join(chance.choices([*WORDS, '"quick fox"', '"天气"'], k=chance.choice([1, 1, 2])))
        account, limit = chance.choice(people), chance.choice([1, 7, 200])
        below = chance.choice(
            [search_query.HIGHEST_RANK, MessageRank(NOW + 20), stored[chance.randrange(len(stored))].rank]
        )
        parsed = tokenizer.parse_query(query)
        assert parsed is not None
        expected = full_scan(stored, mine[account], query, below)
        assert [key_of(message) for message in pages(connection, account, parsed, below, limit)] == expected


def pages(
    connection: Connection, account: int, query: tokenizer.ParsedQuery, below: MessageRank, limit: int
) -> Iterator[StoredMessage]:
    """All matches, with as many searches as needed."""
    while True:
        matches = search_query.search_messages(connection, account, query, below=below, limit=limit)
        yield from matches.messages
        if matches.continue_below is None:
            return
        assert matches.stopped_early or len(matches.messages) == limit
        assert matches.continue_below < below, "no progress"
        assert all(match.rank >= matches.continue_below for match in matches.messages), (
            "there may be newer ones"
        )
        below = matches.continue_below


def key_of(message: StoredMessage) -> MessageKey:
    return message.conversation_id, message.seq


def full_scan(
    stored: list[StoredMessage], rooms: list[int], query: str, below: MessageRank
) -> list[MessageKey]:
    """The same search as a full scan."""
    parts = re.findall(r'"[^"]*"|\S+', normalise(query))
    matching = [
        message
        for message in stored
        if message.conversation_id in rooms
        and message.rank < below
        and all(contains(part, normalise(message.text)) for part in parts)
    ]
    newest = sorted(matching, key=lambda message: message.rank, reverse=True)
    return [key_of(message) for message in newest]


def normalise(text: str) -> str:
    return text.replace("ＦＯＸ", "fox").replace("'", " ").lower()


def contains(part: str, text: str) -> bool:
    part = part.strip('"')
    if part[0] in "今天😀":
        return part in text
    return re.search(rf"\b{part}\b", text) is not None


def test_search_finds_only_readable_conversations(connection: Connection, alice: int, library: int) -> None:
    bob, carol = make_account(connection, "Bob"), make_account(connection, "Carol")
    private = friends.add_friendship(connection, alice, bob, NOW)
    append_at(connection, library, alice, "fox in the library", NOW)
    append_at(connection, private, bob, "private fox", NOW + 1)
    for _ in range(2):
        assert search_texts(connection, alice, "fox") == ["private fox", "fox in the library"]
        assert search_texts(connection, alice, "fox", conversation_id=library) == ["fox in the library"]
        assert search_texts(connection, bob, "fox") == ["private fox"]
        assert search_texts(connection, bob, "fox", conversation_id=library) == []
        assert search_texts(connection, carol, "fox") == []
        index_all(connection)
    friends.end_friendship(connection, private, NOW + 2)
    memberships.give_up_seat(connection, library, alice)
    assert search_texts(connection, alice, "fox") == ["private fox"]


def test_search_skips_system_messages(connection: Connection, alice: int, library: int) -> None:
    append_message(connection, library, alice, "fox", kind="nick")
    append_message(connection, library, alice, "a fox", kind="action")
    assert search_texts(connection, alice, "fox") == ["a fox"]
    index_all(connection)
    assert search_texts(connection, alice, "fox") == ["a fox"]


@pytest.mark.parametrize("indexed", [0, 1, 2, 3, 4])
def test_search_uses_current_text_of_changed_message(
    connection: Connection, alice: int, library: int, indexed: int
) -> None:
    first = append_at(connection, library, alice, "a fox", NOW)
    append_at(connection, library, alice, "another fox", NOW + 1)
    change(connection, first, "edit", "a hound")
    change(connection, first, "edit", "a badger")
    if indexed:
        index_some(connection, indexed)
    assert search_texts(connection, alice, "badger") == ["a badger"]
    assert search_texts(connection, alice, "hound") == []
    assert search_texts(connection, alice, "fox") == ["another fox"]
    assert search_texts(connection, alice, "a badger", before=NOW + 1) == ["a badger"]
    change(connection, first, "delete", "")
    assert search_texts(connection, alice, "badger") == []


def change(connection: Connection, target: StoredMessage, kind: str, text: str) -> None:
    heads = messages.lock_heads(connection, [target.conversation_id])
    cid = f"change-{target.conversation_id}-{heads[target.conversation_id].head}"
    draft = MessageDraft(target.conversation_id, target.account_id, "", "", kind, text, cid, target.seq)
    revisions.record_change(
        connection, messages.append_messages(connection, heads, [draft], NOW + 2)[0].stored
    )


def test_search_in_unindexed_tail_stops_early(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unindexed_tail, "FIRST_PAGE_SIZE", 2)
    monkeypatch.setattr(unindexed_tail, "MAX_TAIL_MESSAGES", 4)
    hall = make_room(connection, "hall", alice)
    take_seats(connection, hall, alice)
    oldest = append_at(connection, hall, alice, "a fox", NOW)
    for number in range(1, 6):
        append_at(connection, library, alice, "unrelated", NOW + number)
    change(connection, oldest, "edit", "an old fox")
    fox = tokenizer.parse_query("fox")
    assert fox is not None
    begun = search_query.search_messages(connection, alice, fox, limit=5)
    assert begun == ([], MessageRank(NOW + 3), True), "from the third on: nothing"
    newest, rest, early = search_query.search_messages(
        connection, alice, fox, below=MessageRank(NOW + 3), limit=5
    )
    assert ([message.text for message in newest], rest, early) == (["an old fox"], None, False)


def test_search_reads_messages_of_one_millisecond_completely(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unindexed_tail, "FIRST_PAGE_SIZE", 2)
    monkeypatch.setattr(unindexed_tail, "MAX_TAIL_MESSAGES", 4)
    for text in ["a fox"] + ["unrelated"] * 9:
        append_at(connection, library, alice, text, NOW)
    fox = tokenizer.parse_query("fox")
    assert fox is not None
    assert search_query.search_messages(connection, alice, fox, limit=5) == ([], MessageRank(NOW + 1), True)
    assert search_texts(connection, alice, "fox", before=NOW + 1) == ["a fox"]


def test_search_accepts_any_time_limit(connection: Connection, alice: int, library: int) -> None:
    append_at(connection, library, alice, "fox")
    for _ in range(2):
        assert search_texts(connection, alice, "fox", before=253_402_300_799_999) == ["fox"]
        assert search_texts(connection, alice, "fox", before=-62_135_596_800_000) == []
        assert search_texts(connection, alice, "fox", before=NOW) == []
        index_all(connection)


def test_documents_with_equal_rowid_are_stored_at_next_free_rowids(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        search_index, "_document_rowid", lambda document: search_index.first_rowid(document.sent_at)
    )
    texts = [f"fox {number}" for number in range(5)]
    for text in texts:
        append_at(connection, library, alice, text)
    index_all(connection, limit=2)
    assert search_texts(connection, alice, "fox") == texts[::-1]


def test_conversation_with_fewest_unindexed_messages_is_indexed_first(
    connection: Connection, alice: int, library: int
) -> None:
    for _ in range(10):
        append_at(connection, library, alice, "long ago")
    hall = make_room(connection, "hall", alice)
    append_at(connection, hall, alice, "just now")
    slice = search_index.read_slice(connection, 4)
    assert slice is not None
    assert slice.marks == [(hall, None, 1), (library, None, 3)]


def test_slice_indexed_by_another_process_is_refused(
    engine: Engine, connection: Connection, alice: int, library: int
) -> None:
    for round in range(2):  # with no mark yet, and with one
        append_at(connection, library, alice, "fox")
        slice = search_index.read_slice(connection, 10)
        assert slice is not None
        index_all(connection)
        with pytest.raises(AlreadyExists):
            search_index.store_slice(connection, slice)
        connection.rollback()
        assert search_texts(connection, alice, "fox") == ["fox"] * (round + 1)


def test_concurrent_indexers_index_each_message_once(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        library = make_room(connection, "library", alice)
        for _ in range(40):
            append_at(connection, library, alice, "fox")

    def work(connection: Connection) -> None:
        while (slice := search_index.read_slice(connection, 7)) is not None:
            try:
                with connection.begin_nested():
                    search_index.store_slice(connection, slice)
            except AlreadyExists:
                return

    while True:
        run_concurrently(engine, [work] * 4)
        with engine.connect() as connection:
            if search_index.read_slice(connection, 1) is None:
                break
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(index)) == 40


def test_indexer_killed_at_any_statement_continues(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        library = make_room(connection, "library", alice)
        take_seats(connection, library, alice)
        for _ in range(10):
            append_at(connection, library, alice, "fox")
    for statements in range(20):
        with engine.connect() as connection:
            slice = search_index.read_slice(connection, 3)
        if slice is None:
            break
        with suppress(Killed), killed_before(engine, statements), begin_write(engine) as connection:
            search_index.store_slice(connection, slice)
    with engine.connect() as connection:
        assert search_index.read_slice(connection, 1) is None
        assert search_texts(connection, alice, "fox") == ["fox"] * 10
        assert connection.scalar(select(func.count()).select_from(index)) == 10


class Killed(Exception):
    """The process was killed."""


@contextmanager
def killed_before(engine: Engine, statements: int) -> Iterator[None]:
    """Raise ``Killed`` after so many statements."""
    left = [statements]

    def count(*_: object) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1

    execute = raw_insert._execute_raw

    def counted(connection: Connection, statement: str, values: Sequence[raw_insert.Value] = ()) -> Any:
        count()
        return execute(connection, statement, values)

    event.listen(engine, "before_cursor_execute", count)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(raw_insert, "_execute_raw", counted)
            yield
    finally:
        event.remove(engine, "before_cursor_execute", count)


def test_deleted_documents_include_edits(connection: Connection, alice: int, library: int) -> None:
    hall = make_room(connection, "hall", alice)
    take_seats(connection, hall, alice)
    stored = [append_at(connection, hall, alice, "fox") for _ in range(5)]
    for message in stored:
        append_at(connection, library, alice, "fox")
        change(connection, message, "edit", "a fox")
    index_all(connection)
    connection.execute(delete(erasures))  # a message whose document is being replaced is found without it
    search_index.delete_documents(connection, hall, [(message.seq, message.sent_at) for message in stored])
    connection.commit()
    assert connection.scalar(select(func.count()).select_from(index)) == 5
    assert search_texts(connection, alice, "fox") == ["fox"] * 5
