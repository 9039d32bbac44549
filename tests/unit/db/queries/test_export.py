"""Export pages: the same messages as history pages, and a limited length."""

from collections.abc import Iterator
from random import Random

import pytest
from sqlalchemy import Connection, Engine

from chatroom.db.engine import begin_write
from chatroom.db.queries import export
from chatroom.db.records import StoredMessage
from tests.unit.db.queries.test_revisions import RevisionScenario


@pytest.fixture
def scene(engine: Engine) -> Iterator[RevisionScenario]:
    with begin_write(engine) as connection:
        yield RevisionScenario(connection)


def pages(connection: Connection, conversation_id: int, limit: int) -> list[list[StoredMessage]]:
    """All pages of a conversation, as a client requests them."""
    all_pages: list[list[StoredMessage]] = []
    more = True
    while more:
        after = all_pages[-1][-1].seq if all_pages else 0
        page, more = export.export_page(connection, conversation_id, after=after, limit=limit)
        all_pages.append(page)
    return all_pages


@pytest.mark.parametrize("seed", range(5))
def test_export_matches_history(scene: RevisionScenario, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_PER_QUERY", 7)
    chance = Random(seed)
    for _ in range(60):
        scene.random_change(chance)
    for limit in (1, 5, 20, 1000):
        read = pages(scene.connection, scene.room_id, limit)
        assert [message for page in read for message in page] == scene.page()
        assert {len(page) for page in read[:-1]} <= {limit}


def test_empty_conversation_exports_empty_page(scene: RevisionScenario) -> None:
    assert pages(scene.connection, scene.room_id, 10) == [[]]
    scene.append("text", "hi")
    assert export.export_page(scene.connection, scene.room_id, after=1, limit=10) == ([], False)


def test_page_length_is_limited_by_text(scene: RevisionScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_PAGE_CHARACTERS", 100)
    for length in (40, 40, 40, 300, 1, 99, 1):
        scene.append("text", "x" * length)
    read = pages(scene.connection, scene.room_id, 1000)
    assert [[len(message.text) for message in page] for page in read] == [[40, 40, 40], [300], [1, 99], [1]]


def test_edited_text_counts_with_current_length(
    scene: RevisionScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_PAGE_CHARACTERS", 100)
    seqs = [scene.append("text", "x") for _ in range(2)]
    for seq in seqs:
        scene.append("edit", "x" * 200, seq)
    assert [len(page) for page in pages(scene.connection, scene.room_id, 1000)] == [1, 1, 1, 1]
