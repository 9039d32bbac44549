"""Search on both engines: what is found, in which order, wherever the index happens to end."""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.errors import AlreadyExists
from chatroom.db.queries import friends, memberships, messages, raw_insert, revisions
from chatroom.db.records import MessageDraft, MessageRank, StoredMessage
from chatroom.db.schema import documents as index
from chatroom.db.search import search_index, search_query, tokenizer, unindexed_tail
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, event, func, select

from tests.unit.db.people import NOW, append_message, make_account, make_room, run_concurrently, take_seats

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
    """One transaction for a whole story; MySQL's index shows only what is committed, so ``index_all`` does
    that."""
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
        yield connection


@pytest.fixture
def alice(connection: Connection) -> int:
    return make_account(connection, "Alice")


@pytest.fixture
def library(connection: Connection, alice: int) -> int:
    """A room in which Alice sits."""
    id = make_room(connection, "library", alice)
    take_seats(connection, id, alice)
    return id


def index_some(connection: Connection, most: int) -> bool:
    """Index one slice."""
    slice = search_index.read_slice(connection, most)
    if slice is not None:
        search_index.store_slice(connection, slice)
        connection.commit()
    return slice is not None


def index_all(connection: Connection, most: int = 100) -> None:
    while index_some(connection, most):
        pass


def tell(
    connection: Connection, conversation_id: int, account_id: int, text: str, at: int = NOW
) -> StoredMessage:
    """Say something at a time."""
    heads = messages.lock_heads(connection, [conversation_id])
    cid = f"{conversation_id}-{heads[conversation_id].head}"
    draft = MessageDraft(conversation_id, account_id, "", "", "text", text, cid)
    return messages.append_messages(connection, heads, [draft], at)[0].stored


def found(
    connection: Connection,
    account_id: int,
    query: str,
    *,
    limit: int = 50,
    before: int | None = None,
    conversation_id: int | None = None,
) -> list[str]:
    """The texts that a search finds, newest first."""
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


def test_what_is_found_in_the_index_and_behind_it(connection: Connection, alice: int, library: int) -> None:
    for number, text in enumerate(LIBRARY):
        tell(connection, library, alice, text, NOW + number)
    assert {query: found(connection, alice, query) for query in FOUND} == FOUND
    index_all(connection)
    assert {query: found(connection, alice, query) for query in FOUND} == FOUND


@pytest.mark.parametrize("seed", SEEDS)
def test_it_finds_what_reading_everything_finds(
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
    told: list[StoredMessage] = []
    for minute in range(150):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))
        told.append(
            tell(connection, chance.choice(places), people[0], text, NOW + minute // chance.randint(1, 4))
        )
        if chance.random() < 0.1:
            index_some(connection, chance.randint(1, 30))
        if chance.random() < 0.1:
            one, text = chance.randrange(len(told)), chance.choice(["", *WORDS])
            if told[one].text:
                change(connection, told[one], "edit" if text else "delete", text)
                told[one] = replace(told[one], text=text)
    for _ in range(40):
        query = " ".join(chance.choices([*WORDS, '"quick fox"', '"天气"'], k=chance.choice([1, 1, 2])))
        account, limit = chance.choice(people), chance.choice([1, 7, 200])
        below = chance.choice(
            [search_query.HIGHEST_RANK, MessageRank(NOW + 20), told[chance.randrange(len(told))].rank]
        )
        parsed = tokenizer.parse_query(query)
        assert parsed is not None
        expected = read_everything(told, mine[account], query, below)
        assert [place(one) for one in pages(connection, account, parsed, below, limit)] == expected


def pages(
    connection: Connection, account: int, query: tokenizer.ParsedQuery, below: MessageRank, limit: int
) -> Iterator[StoredMessage]:
    """All that is found, with as many searches as that takes."""
    while True:
        found = search_query.search_messages(connection, account, query, below=below, limit=limit)
        yield from found.messages
        if found.continue_below is None:
            return
        assert found.stopped_early or len(found.messages) == limit
        assert found.continue_below < below, "it comes no further"
        assert all(one.rank >= found.continue_below for one in found.messages), "there may be newer ones"
        below = found.continue_below


def place(message: StoredMessage) -> messages.MessageKey:
    return message.conversation_id, message.seq


def read_everything(
    told: list[StoredMessage], rooms: list[int], query: str, below: MessageRank
) -> list[messages.MessageKey]:
    """A search as anybody would write it who had all the time in the world."""
    parts = re.findall(r'"[^"]*"|\S+', plain(query))
    matching = [
        message
        for message in told
        if message.conversation_id in rooms
        and message.rank < below
        and all(is_in(part, plain(message.text)) for part in parts)
    ]
    newest = sorted(matching, key=lambda one: one.rank, reverse=True)
    return [place(one) for one in newest]


def plain(text: str) -> str:
    return text.replace("ＦＯＸ", "fox").replace("'", " ").lower()


def is_in(part: str, text: str) -> bool:
    part = part.strip('"')
    if part[0] in "今天😀":
        return part in text
    return re.search(rf"\b{part}\b", text) is not None


def test_only_what_one_may_read_is_found(connection: Connection, alice: int, library: int) -> None:
    bob, carol = make_account(connection, "Bob"), make_account(connection, "Carol")
    private = friends.add_friendship(connection, alice, bob, NOW)
    tell(connection, library, alice, "fox in the library", NOW)
    tell(connection, private, bob, "fox between us", NOW + 1)
    for _ in range(2):
        assert found(connection, alice, "fox") == ["fox between us", "fox in the library"]
        assert found(connection, alice, "fox", conversation_id=library) == ["fox in the library"]
        assert found(connection, bob, "fox") == ["fox between us"]
        assert found(connection, bob, "fox", conversation_id=library) == []
        assert found(connection, carol, "fox") == []
        index_all(connection)
    friends.end_friendship(connection, private, NOW + 2)
    memberships.give_up_seat(connection, library, alice)
    assert found(connection, alice, "fox") == ["fox between us"]


def test_notices_are_not_found(connection: Connection, alice: int, library: int) -> None:
    append_message(connection, library, alice, "fox", kind="nick")
    append_message(connection, library, alice, "a fox", kind="action")
    assert found(connection, alice, "fox") == ["a fox"]
    index_all(connection)
    assert found(connection, alice, "fox") == ["a fox"]


@pytest.mark.parametrize("indexed", [0, 1, 2, 3, 4])
def test_a_changed_message_is_found_as_it_reads_now(
    connection: Connection, alice: int, library: int, indexed: int
) -> None:
    first = tell(connection, library, alice, "a fox", NOW)
    tell(connection, library, alice, "another fox", NOW + 1)
    change(connection, first, "edit", "a hound")
    change(connection, first, "edit", "a badger")
    if indexed:
        index_some(connection, indexed)
    assert found(connection, alice, "badger") == ["a badger"]
    assert found(connection, alice, "hound") == []
    assert found(connection, alice, "fox") == ["another fox"]
    assert found(connection, alice, "a badger", before=NOW + 1) == ["a badger"]
    change(connection, first, "delete", "")
    assert found(connection, alice, "badger") == []


def change(connection: Connection, target: StoredMessage, kind: str, text: str) -> None:
    heads = messages.lock_heads(connection, [target.conversation_id])
    cid = f"change-{target.conversation_id}-{heads[target.conversation_id].head}"
    draft = MessageDraft(target.conversation_id, target.account_id, "", "", kind, text, cid, target.seq)
    revisions.record_change(
        connection, messages.append_messages(connection, heads, [draft], NOW + 2)[0].stored
    )


def test_behind_the_index_a_search_reads_only_so_much_at_once(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unindexed_tail, "FIRST_PAGE_SIZE", 2)
    monkeypatch.setattr(unindexed_tail, "MAX_TAIL_MESSAGES", 4)
    hall = make_room(connection, "hall", alice)
    take_seats(connection, hall, alice)
    oldest = tell(connection, hall, alice, "a fox", NOW)
    for number in range(1, 6):
        tell(connection, library, alice, "nothing of it", NOW + number)
    change(connection, oldest, "edit", "an old fox")
    fox = tokenizer.parse_query("fox")
    assert fox is not None
    begun = search_query.search_messages(connection, alice, fox, limit=5)
    assert begun == ([], MessageRank(NOW + 3), True), "from the third on: nothing"
    newest, rest, early = search_query.search_messages(
        connection, alice, fox, below=MessageRank(NOW + 3), limit=5
    )
    assert ([one.text for one in newest], rest, early) == (["an old fox"], None, False)


def test_a_flood_within_a_millisecond_is_read_to_its_end(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unindexed_tail, "FIRST_PAGE_SIZE", 2)
    monkeypatch.setattr(unindexed_tail, "MAX_TAIL_MESSAGES", 4)
    for text in ["a fox"] + ["nothing of it"] * 9:
        tell(connection, library, alice, text, NOW)
    fox = tokenizer.parse_query("fox")
    assert fox is not None
    assert search_query.search_messages(connection, alice, fox, limit=5) == ([], MessageRank(NOW + 1), True)
    assert found(connection, alice, "fox", before=NOW + 1) == ["a fox"]


def test_a_time_of_any_size_is_a_time(connection: Connection, alice: int, library: int) -> None:
    tell(connection, library, alice, "fox")
    for _ in range(2):
        assert found(connection, alice, "fox", before=253_402_300_799_999) == ["fox"]
        assert found(connection, alice, "fox", before=-62_135_596_800_000) == []
        assert found(connection, alice, "fox", before=NOW) == []
        index_all(connection)


def test_documents_of_one_number_find_places_beside_each_other(
    connection: Connection, alice: int, library: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        search_index, "_document_rowid", lambda document: search_index.first_rowid(document.sent_at)
    )
    texts = [f"fox {number}" for number in range(5)]
    for text in texts:
        tell(connection, library, alice, text)
    index_all(connection, most=2)
    assert found(connection, alice, "fox") == texts[::-1]


def test_conversations_that_lack_little_are_indexed_first(
    connection: Connection, alice: int, library: int
) -> None:
    for _ in range(10):
        tell(connection, library, alice, "long ago")
    hall = make_room(connection, "hall", alice)
    tell(connection, hall, alice, "just now")
    slice = search_index.read_slice(connection, 4)
    assert slice is not None
    assert slice.marks == [(hall, None, 1), (library, None, 3)]


def test_what_another_process_has_indexed_is_not_indexed_again(
    engine: Engine, connection: Connection, alice: int, library: int
) -> None:
    for round in range(2):  # with no mark yet, and with one
        tell(connection, library, alice, "fox")
        slice = search_index.read_slice(connection, 10)
        assert slice is not None
        index_all(connection)
        with pytest.raises(AlreadyExists):
            search_index.store_slice(connection, slice)
        connection.rollback()
        assert found(connection, alice, "fox") == ["fox"] * (round + 1)


def test_processes_that_index_at_once_share_the_work(database_url: str, engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        library = make_room(connection, "library", alice)
        for _ in range(40):
            tell(connection, library, alice, "fox")

    def work(connection: Connection) -> None:
        while (slice := search_index.read_slice(connection, 7)) is not None:
            try:
                with connection.begin_nested():
                    search_index.store_slice(connection, slice)
            except AlreadyExists:
                return

    while True:
        run_concurrently(database_url, [work] * 4)
        with engine.connect() as connection:
            if search_index.read_slice(connection, 1) is None:
                break
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(index)) == 40


def test_killed_anywhere_it_goes_on_where_it_was(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        library = make_room(connection, "library", alice)
        take_seats(connection, library, alice)
        for _ in range(10):
            tell(connection, library, alice, "fox")
    for statements in range(20):
        with engine.connect() as connection:
            slice = search_index.read_slice(connection, 3)
        if slice is None:
            break
        with suppress(Killed), killed_before(engine, statements), begin_write(engine) as connection:
            search_index.store_slice(connection, slice)
    with engine.connect() as connection:
        assert search_index.read_slice(connection, 1) is None
        assert found(connection, alice, "fox") == ["fox"] * 10
        assert connection.scalar(select(func.count()).select_from(index)) == 10


class Killed(Exception):
    """The process is gone."""


@contextmanager
def killed_before(engine: Engine, statements: int) -> Iterator[None]:
    """So many statements are done; at the next one the process is gone."""
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


def test_messages_that_are_gone_leave_the_index_with_their_edits(
    connection: Connection, alice: int, library: int
) -> None:
    hall = make_room(connection, "hall", alice)
    take_seats(connection, hall, alice)
    told = [tell(connection, hall, alice, "fox") for _ in range(5)]
    for message in told:
        tell(connection, library, alice, "fox")
        change(connection, message, "edit", "a fox")
    index_all(connection)
    search_index.delete_documents(connection, hall, [(message.seq, message.sent_at) for message in told])
    connection.commit()
    assert connection.scalar(select(func.count()).select_from(index)) == 5
    assert found(connection, alice, "fox") == ["fox"] * 5
