"""INSERTs that are split to fit into a packet of the server."""

import pytest
from sqlalchemy import Engine, func, select

from chatroom.db.engine import begin_write, is_sqlite
from chatroom.db.queries import messages, raw_insert
from chatroom.db.queries.messages import DUPLICATE, STORED
from chatroom.db.records import MessageDraft
from chatroom.db.schema import messages as table
from tests.unit.db.builders import NOW, make_account, make_room


@pytest.mark.parametrize(("lengths", "limit", "portions"), [
    ([1, 1, 1], 10_000, [3]),
    ([100, 100, 100], 1300, [2, 1]),
    ([5000, 1, 5000], 1300, [1, 1, 1]),
    ([1], 10, [1]),
])  # fmt: skip
def test_rows_are_split_by_size(lengths: list[int], limit: int, portions: list[int]) -> None:
    rows = [(number, "x" * length, None) for number, length in enumerate(lengths)]
    parts = [list(part) for part in raw_insert.split_by_size(rows, limit)]
    assert [len(part) for part in parts] == portions
    assert [row for part in parts for row in part] == rows


def test_batch_larger_than_a_packet_is_stored_or_refused_as_one(engine: Engine) -> None:
    with begin_write(engine) as connection:
        alice = make_account(connection, "Alice")
        room = make_room(connection, "here", alice)
        if not is_sqlite(engine.url):
            connection.info["max_statement_bytes"] = 3000
        drafts = [
            MessageDraft(room, alice, "Alice", "Alice", "text", "'" * 400, f"c{number}")
            for number in range(10)
        ]
        heads = messages.lock_heads(connection, [room])
        first = messages.append_messages(connection, heads, drafts[8:9], NOW)
        outcomes = messages.append_messages(connection, heads, drafts, NOW)
        assert [outcome.verdict for outcome in (*first, *outcomes)] == ([STORED] * 9 + [DUPLICATE] + [STORED])
        assert connection.scalar(select(func.count()).select_from(table)) == 10
        connection.info.pop("max_statement_bytes", None)
