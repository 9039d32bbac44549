"""Remote text is made safe for a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.protocol.safe import MAX_MARKS, safe_text

MIXED = st.text() | st.text("a\r\n\t\x1b\x85\u0301\u200d\u202e\u2028\ufe0f你\U0001f600\ue000\U000e0041")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello World!",
        "你好，世界。",
        "안녕하세요",
        "カタカナ ｶﾅ",
        "Привет, γειά, héllo",
        "🎉🚀 ok",
        "e\u0301 Việt",
        "नमस्ते สวัสดี שָׁלוֹם",
        "\u3000全角",
    ],
)
def test_ordinary_text_stays_unchanged(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\bb\x7f\0", "a␈b␡␀"),
        ("\x9b31m", "�31m"),
        ("\x0b\x0c\x1c", "␋␌␜"),
    ],
)
def test_control_character_becomes_its_picture(text: str, shown: str) -> None:
    assert safe_text(text) == safe_text(text, lines=True) == shown


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_line_break_of_any_kind_is_normalised(end: str) -> None:
    assert safe_text(f"one{end}two") == "one␊two"
    assert safe_text(f"one{end}two", lines=True) == "one\ntwo"


def test_tab_becomes_spaces() -> None:
    assert safe_text("\tindented") == "    indented"


@pytest.mark.parametrize(
    "invisible",
    [
        "\u200b",
        "\u200e",
        "\u202e",
        "\u2066",
        "\u2069",
        "\ufeff",
        "\u00ad",
        "\u3164",
        "\U000e0041",
        "\ufff9",
        "\u061c",
    ],
)
def test_invisible_character_is_removed(invisible: str) -> None:
    assert safe_text(f"ad{invisible}min") == "admin"


def test_emoji_sequence_loses_its_joiners() -> None:
    assert safe_text("👨\u200d👩\u200d👧 ❤\ufe0f") == "👨👩👧 ❤"


@pytest.mark.parametrize("nothing", ["\ud800", "\ue000", "\uffff", "\U0010ffff", "\u0378"])
def test_meaningless_character_is_replaced(nothing: str) -> None:
    assert safe_text(nothing) == "�"


def test_emoji_newer_than_this_python_is_kept() -> None:
    assert safe_text("\U0001faff\U0002fffd") == "\U0001faff\U0002fffd"


def test_marks_per_base_are_limited() -> None:
    assert safe_text("Z" + "\u0335" * 50 + "algo") == "Z" + "\u0335" * MAX_MARKS + "algo"


def test_mark_without_a_base_is_removed() -> None:
    assert safe_text("\u0301a") == "a"
    assert safe_text("\u200b\u0301a") == "a"
    assert safe_text("a\n\u0301b", lines=True) == "a\nb"


@given(MIXED)
def test_safe_text_is_one_line_without_control_characters(text: str) -> None:
    shown = safe_text(text)
    assert len(shown.splitlines()) <= 1
    assert {unicodedata.category(character) for character in shown}.isdisjoint(
        {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )


@given(MIXED, st.booleans())
def test_safe_text_is_idempotent(text: str, lines: bool) -> None:
    shown = safe_text(text, lines=lines)
    assert safe_text(shown, lines=lines) == shown


def test_shortcut_for_plain_text_equals_the_slow_path() -> None:
    """After an escaped character, plain characters are unchanged."""
    for code in range(0x20, 0x30000):
        character = chr(code)
        if safe_text(character) == character and unicodedata.category(character) not in ("Mn", "Me"):
            assert safe_text(f"{character}\x1b") == f"{character}␛"


def test_tags_and_selectors_are_removed() -> None:
    assert safe_text("".join(map(chr, range(0xE0000, 0xE1000)))) == ""
