"""Emoji by their names."""

import pytest
from chatroom.client.text import emoji


@pytest.mark.parametrize(
    ("typed", "meant"),
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
def test_a_whole_name_is_read_and_anything_else_left_alone(typed: str, meant: str) -> None:
    assert emoji.emoji_or_text(typed) == meant


def test_a_few_letters_find_each_picture_once_the_likeliest_first() -> None:
    found = [picture for picture, _ in emoji.find_emoji("thumbs")]
    assert found[:2] == ["👍", "👎"]
    assert len(found) == len(set(found))
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
def test_unknown_emoji_name_is_told_apart(text: str, is_unknown: bool) -> None:
    assert emoji.is_unknown_name(text) is is_unknown
