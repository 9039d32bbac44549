"""The width of text, and where lines break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.view.draw.text import (
    clip_text,
    column_count,
    cut_row,
    drawable_text,
    fit_text,
    wrap_row,
    wrap_text,
)


def rows(text: str, width: int, indent: int = 0, head: int = 0) -> list[str]:
    return ["".join(part for _, part in row) for row in wrap_row([("", text)], width, indent, head)]


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3), ("你好", 4), ("한국어", 6), ("e\u0301", 1), ("👍", 2), ("ＡＢ", 4),
        ("\U0001f1e8\U0001f1f3", 2), ("1\ufe0f\u20e3", 1), ("👨\u200d👩\u200d👧", 6),
    ],
)  # fmt: skip
def test_column_count_of_drawn_text(text: str, width: int) -> None:
    assert column_count(drawable_text(text)) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("👨\u200d👩\u200d👧", "👨👩👧"),  # a family that some terminals draw in two columns, others in six
        ("👍🏽", "👍"),
        ("❤\ufe0f", "❤"),
        ("1\ufe0f\u20e3", "1\u20e3"),  # a keycap
        ("\U0001f1e8\U0001f1f3\U0001f1e8", "\U0001f1e8\U0001f1f3C"),  # a flag and a single letter
        ("\x1b[31mred", "␛[31mred"),
        ("a\u202eb", "ab"),
    ],
)
def test_characters_of_varying_width_are_replaced_or_removed(text: str, shown: str) -> None:
    assert drawable_text(text) == shown


def test_wrap_breaks_between_words() -> None:
    assert rows("one two three", 8) == ["one two", "three"]
    assert rows("one  two", 4) == ["one", "two"]


def test_wrap_cuts_a_word_longer_than_a_row() -> None:
    assert rows("abcdefgh", 3) == ["abc", "def", "gh"]
    assert rows("ab cdefgh", 4, indent=1) == ["ab", " cde", " fgh"]


def test_wrap_breaks_chinese_anywhere_but_before_a_full_stop() -> None:
    assert rows("你好世界", 4) == ["你好", "世界"]
    assert rows("你好世界。", 8) == ["你好世", "界。"]
    assert rows("你好ab", 5) == ["你好", "ab"]


def test_wrap_keeps_brackets_and_quotes_with_their_content() -> None:
    assert rows("一二三（四五）", 8) == ["一二三", "（四五）"]
    assert rows('昵称为"波波"的用户', 7) == ["昵称", '为"波', '波"的用', "户"]


def test_wrap_keeps_the_head_in_one_piece() -> None:
    head = "--12:00-- BOB:"
    assert rows(f"{head}https://example.org", 30, head=len(head)) == [f"{head}https://example.", "org"]
    assert rows(f"{head}你好世界你好世界你好", 30, indent=2, head=len(head)) == [
        f"{head}你好世界你好世界",
        "  你好",
    ]


def test_wrap_starts_an_indented_row_at_each_line_feed() -> None:
    assert rows("one\n\ntwo", 10, indent=2) == ["one", "  ", "  two"]


def test_wrap_keeps_combining_marks_on_their_letters() -> None:
    assert rows("e\u0301e\u0301e\u0301", 2) == ["e\u0301e\u0301", "e\u0301"]


def test_wrap_and_clip_keep_flags_and_keycaps_whole() -> None:
    china, france, keycap = "\U0001f1e8\U0001f1f3", "\U0001f1eb\U0001f1f7", "1\u20e3"
    assert rows(china + france + china, 5) == [china + france, china]
    assert rows(keycap * 3, 2) == [keycap * 2, keycap]
    assert clip_text(china + france, 3) == china + "…"


def test_wrap_to_one_column_keeps_wide_characters() -> None:
    assert rows("你好", 1) == ["你", "好"]


def test_clip_and_fit_count_columns() -> None:
    assert clip_text("你好世界", 5) == "你好…"
    assert fit_text("你好", 5) == "你好 "
    assert clip_text("abc", 0) == ""


@given(st.text(), st.integers(5, 40), st.integers(0, 3))
def test_wrap_any_text_fits_and_loses_only_blanks(text: str, width: int, indent: int) -> None:
    text = drawable_text(text, lines=True)
    spans = wrap_text(text, width, indent)
    for number, (start, end) in enumerate(spans):
        assert column_count(text[start:end]) <= (width - indent if number else width)
    wrapped = "".join(text[start:end] for start, end in spans)
    assert wrapped.replace(" ", "") == text.replace(" ", "").replace("\n", "")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("xy", min_size=1)), max_size=5))
def test_cut_row_keeps_the_styles(row: list[tuple[str, str]]) -> None:
    text = "".join(part for _, part in row)
    styles = "".join(style * len(part) for style, part in row)
    for start, end in wrap_text(text, 4):
        piece = cut_row(row, wrap_text(text, len(text) + 1)[0]._replace(start=start, end=end))
        assert "".join(part for _, part in piece) == text[start:end]
        assert "".join(style * len(part) for style, part in piece) == styles[start:end]
