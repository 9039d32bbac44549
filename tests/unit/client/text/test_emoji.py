"""Emoji by their names."""

import pytest

from chatroom.client.text import emoji


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (":tada:", "🎉"),
        (":+1:", "👍"),
        (":Thumbs_Up_Sign:", "👍"),
        (":rocket:", "🚀"),
        ("🚀", "🚀"),
        (":nosuchthing:", ":nosuchthing:"),
        ("rocket", "🚀"),
        ("nosuchthing", "nosuchthing"),
        ("赞", "赞"),
        ("::", "::"),
        (":", ":"),
    ],
)
def test_name_is_replaced_and_other_text_unchanged(typed: str, expected: str) -> None:
    assert emoji.emoji_or_text(typed) == expected


def test_search_finds_each_emoji_once_best_match_first() -> None:
    emojis = [picture for picture, _ in emoji.find_emoji("thumbs")]
    assert emojis[:2] == ["👍", "👎"]
    assert len(emojis) == len(set(emojis))
    assert emoji.find_emoji("heart")[0] == ("❤", "heart")
    assert len(emoji.find_emoji("a")) == emoji.MAX_MATCHES


@pytest.mark.parametrize(
    ("text", "is_unknown"),
    [
        ("notanemoji", True),
        (":nosuch:", True),
        ("🚀", False),
        ("赞", False),
        (":-)", False),
        ("rocket", False),
    ],
)
def test_unknown_emoji_name_is_recognised(text: str, is_unknown: bool) -> None:
    assert emoji.is_unknown_name(text) is is_unknown
