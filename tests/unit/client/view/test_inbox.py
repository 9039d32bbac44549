"""``/inbox``, ``/unread``, ``/pin`` and the filters of ``/search``."""

import pytest

from chatroom.client.commands import inbox
from chatroom.client.commands.conversations import UsageError
from chatroom.client.commands.search_filters import parse_search
from chatroom.client.model import apply
from tests.unit.client.view.fake import FakeApp, add_messages, make_message


def shown(app: FakeApp) -> list[tuple[str, dict[str, object]]]:
    return [(note.key, note.facts) for note in app.state.notes]


async def test_inbox_lists_mentions_and_unread_conversations(alice: FakeApp) -> None:
    await inbox.show_inbox(alice.context)
    assert shown(alice) == [("inbox_empty", {})]
    add_messages(alice.state, "#zoo", "hello", "ALICE: look")
    alice.state.conversations["#zoo"].mention_seqs = {5}
    await inbox.show_inbox(alice.context)
    keys = [key for key, _ in shown(alice)]
    assert keys == ["inbox_empty", "found_line", "inbox_line"]
    assert shown(alice)[-1][1] == {"name": "#zoo", "count": 2}
    assert [message.seq for message in alice.context.search_results] == [5]  # for /goto 1


async def test_unread_moves_the_read_position_back(alice: FakeApp) -> None:
    zoo = alice.state.conversations["#zoo"]
    alice.state.current = "#zoo"
    apply.select_message(alice.state, "#zoo", 2)
    await inbox.mark_unread(alice.context)
    assert (zoo.read, zoo.unread, alice.state.current) == (1, 2, "")


async def test_pin_is_kept_for_the_account_and_removed_by_a_second_one(alice: FakeApp) -> None:
    alice.state.current = "#zoo"
    await inbox.toggle_pin(alice.context)
    await inbox.list_pins(alice.context)
    assert [message.text for message in alice.context.search_results] == ["message 3"]
    alice.config.pins["Alice@127.0.0.1:7878/#zoo/9"] = "damaged"
    alice.config.pins["Bob@127.0.0.1:7878/#zoo/9"] = "{}"
    await inbox.list_pins(alice.context)
    assert len(alice.context.search_results) == 1
    await inbox.toggle_pin(alice.context)
    assert "Alice@127.0.0.1:7878/#zoo/3" not in alice.config.pins


@pytest.mark.parametrize(
    ("line", "words", "author", "conversation"),
    [
        ("from:@Bob in:zoo lunch time", "lunch time", "Bob", "#zoo"),
        ('"from:Bob x" IN:#zoo', '"from:Bob x"', "", "#zoo"),
        ("lunch 12:30", "lunch 12:30", "", ""),
    ],
)
def test_filters_are_taken_out_of_the_line(
    alice: FakeApp, line: str, words: str, author: str, conversation: str
) -> None:
    filters = parse_search(alice.state, line)
    assert (filters.words, filters.author, filters.conversation) == (words, author, conversation)


def test_filter_accepts_by_account_or_nickname_and_date(alice: FakeApp) -> None:
    message = make_message("x", username="Bob", nickname="林小雨")
    assert parse_search(alice.state, "x from:bob").accepts(message)
    assert parse_search(alice.state, "x from:林小雨").accepts(message)
    assert not parse_search(alice.state, "x from:Carol").accepts(message)
    assert parse_search(alice.state, "x after:2022-12-01").accepts(message)
    assert not parse_search(alice.state, "x after:2023-01-01").accepts(message)
    assert parse_search(alice.state, "x before:2022-12-20").before == "2022-12-20T00:00:00.000Z"


@pytest.mark.parametrize("line", ["from:Bob", "x in:nowhere", "x before:never"])
def test_wrong_filters_are_refused(alice: FakeApp, line: str) -> None:
    with pytest.raises(UsageError):
        parse_search(alice.state, line)
