"""Long pages: the same messages as the short ones show, and no page longer than it may be."""

from collections.abc import Iterator
from random import Random

import pytest
from chatroom.db.engine import begin_write
from chatroom.db.queries import export
from chatroom.db.records import StoredMessage
from sqlalchemy import Connection, Engine

from tests.unit.db.queries.test_revisions import Scene


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    with begin_write(engine) as connection:
        yield Scene(connection)


def pages(connection: Connection, conversation_id: int, limit: int) -> list[list[StoredMessage]]:
    """Every page of a conversation, asked for as a client does."""
    found: list[list[StoredMessage]] = []
    more = True
    while more:
        after = found[-1][-1].seq if found else 0
        page, more = export.export_page(connection, conversation_id, after=after, limit=limit)
        found.append(page)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_the_history_shows(scene: Scene, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ROWS_PER_QUERY", 7)
    chance = Random(seed)
    for _ in range(60):
        scene.chance(chance)
    for limit in (1, 5, 20, 1000):
        read = pages(scene.connection, scene.here, limit)
        assert [one for page in read for one in page] == scene.page()
        assert {len(page) for page in read[:-1]} <= {limit}


def test_where_nothing_was_said_there_is_nothing(scene: Scene) -> None:
    assert pages(scene.connection, scene.here, 10) == [[]]
    scene.say("text", "hi")
    assert export.export_page(scene.connection, scene.here, after=1, limit=10) == ([], False)


def test_long_texts_make_short_pages(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_PAGE_CHARACTERS", 100)
    for length in (40, 40, 40, 300, 1, 99, 1):
        scene.say("text", "x" * length)
    read = pages(scene.connection, scene.here, 1000)
    assert [[len(one.text) for one in page] for page in read] == [[40, 40, 40], [300], [1, 99], [1]]


def test_a_text_that_an_edit_made_long_counts_as_it_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_PAGE_CHARACTERS", 100)
    said = [scene.say("text", "x") for _ in range(2)]
    for seq in said:
        scene.say("edit", "x" * 200, seq)
    assert [len(page) for page in pages(scene.connection, scene.here, 1000)] == [1, 1, 1, 1]
