"""Equal, look-alike and invalid names."""

import string
import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chatroom.protocol.names import MAX_KEY, is_name, is_nickname, name_key, name_skeleton

ASCII = st.text(string.printable, min_size=1, max_size=10)


def are_one(name: str, other: str) -> bool:
    return name_key(name) == name_key(other)


def look_alike(name: str, other: str) -> bool:
    return name_skeleton(name) == name_skeleton(other)


@pytest.mark.parametrize(
    "name",
    [
        "Admin",
        "ADMIN",
        "admin ",
        " admin",
        "\u3000admin",
        "ad\u200bmin",
        "ad\u00admin",
        "ＡＤＭＩＮ",
        "𝐚𝐝𝐦𝐢𝐧",
        "ⓐdmin",
        "\u2060a\ufe0fdmin",
    ],
)
def test_variants_of_a_name_have_one_key(name: str) -> None:
    assert are_one(name, "admin")
    assert look_alike(name, "admin")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("straße", "STRASSE"),
        ("é", "e\u0301"),
        ("Å", "\u212b"),
        ("ΣΊΣΥΦΟΣ", "Σίσυφος"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("㌔", "キロ"),
        ("가", "\u1100\u1161"),
    ],
)
def test_spellings_of_one_name_have_one_key(name: str, other: str) -> None:
    assert are_one(name, other)


@pytest.mark.parametrize(
    "name",
    ["аdmin", "Аdmin", "ΑDΜΙΝ", "admіn", "admın", "ａｄmіｎ", "\u0430\u200bdmin", "ꓮꓓꓟꓲꓠ", "аdm\u2170n"],
)
def test_look_alike_has_another_key_and_the_same_skeleton(name: str) -> None:
    assert not are_one(name, "admin")
    assert look_alike(name, "admin")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Вob", "bob"),
        ("аррӏе", "apple"),
        ("Ӏvan", "Ivan"),
        ("ӑ", "ă"),
        ("а\u0301", "á"),
        ("ѕсоре", "scope"),
        ("土", "士"),
    ],
)
def test_look_alikes_have_one_skeleton(name: str, other: str) -> None:
    assert look_alike(name, other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("ádmin", "admin"),
        ("a1", "al"),
        ("Ian", "lan"),
        ("b0b", "bob"),
        ("rn", "m"),
        ("вob", "bob"),
        ("你好", "您好"),
        ("Müller", "Muller"),
    ],
)
def test_distinguishable_names_have_different_skeletons(name: str, other: str) -> None:
    assert not are_one(name, other)
    assert not look_alike(name, other)


@given(ASCII, ASCII)
def test_ascii_names_differ_by_their_letters_only(name: str, other: str) -> None:
    same = name.strip().lower() == other.strip().lower()
    assert are_one(name, other) == look_alike(name, other) == same


@given(st.text(max_size=80))
def test_key_is_idempotent_and_fits_the_index(name: str) -> None:
    assume(not name_key(name).startswith(b"\0"))
    assert name_key(name_key(name).decode("utf-8", "surrogatepass")) == name_key(name)
    assert name_skeleton(name_skeleton(name).decode("utf-8", "surrogatepass")) == name_skeleton(name)


@given(st.text(max_size=40).map(lambda text: text * 20))
def test_key_of_a_long_name_fits_the_index(name: str) -> None:
    assert len(name_key(name)) <= MAX_KEY
    assert len(name_skeleton(name)) <= MAX_KEY


def test_long_names_have_different_keys() -> None:
    assert name_key("x" * 300) != name_key("x" * 301)
    assert name_skeleton("x" * 300) != name_skeleton("x" * 301)


def test_many_marks_are_normalised_quickly() -> None:
    """Normalising it would be quadratic; this one would take minutes."""
    assert len(name_key("a" + "\u0301\u0323" * 500_000)) <= MAX_KEY


@pytest.mark.parametrize(
    "name", ["Al", "Alice", "张三", "Søren", "Владимир", "محمد", "a.b-c_d", "a#b", "🎉🎉", "O'Neil"]
)
def test_valid_name_is_accepted(name: str) -> None:
    assert is_name(name, 2, 10)


@pytest.mark.parametrize(
    "name",
    [
        "", "A", "A" * 11,  # too short, too long
        "two words", "tab\tbed", "line\n", "no\u00a0break", "全\u3000角", "\u2800\u2800", "a\u2028b",  # blank
        "#room", "@user",  # the prefix of a name
        "a\x1b[2J", "a\x07", "a\x9b", "del\x7f",  # terminal controls
        "ad\u200bmin", "a\u202eb", "a\ufe0f", "\u3164\u3164", "a\U000e0041",  # invisible
        "a\ue000", "a\ud800", "a\uffff", "a\u0378", "a\U0001faff",  # unassigned code points
        "\u0301a", "Z" + "\u0335" * 6,  # drawn at another position
    ],
)  # fmt: skip
def test_invalid_name_is_refused(name: str) -> None:
    assert not is_name(name, 2, 10)


def test_name_length_is_in_code_points_and_key_in_bytes() -> None:
    assert is_name("😀" * 10, 2, 10)
    assert not is_name("😀" * 11, 2, 10)
    assert is_name("ﷺ" * 7, 2, 10)
    assert not is_name("ﷺ" * 8, 2, 10)  # each is eighteen characters when written out


@pytest.mark.parametrize(
    "nickname", ["A", "BOB", "the real Bob", "张 三", "#1", "👨\u200d👩\u200d👧", "❤\ufe0f", "ádmin"]
)
def test_valid_nickname_is_accepted(nickname: str) -> None:
    assert is_nickname(nickname, 1, 32)


@pytest.mark.parametrize(
    "nickname",
    [
        "", " ", "x" * 33, " Bob", "Bob ", "\u3000", "\u2800", "\u200d", "\ufe0f\ufe0f", "two\nlines", "a\tb",
        "\x1b[31mBob", "B\u202eob", "B\u200bob", "B\ue000b", "\u0301", "B" + "\u0335" * 9,
    ],
)  # fmt: skip
def test_invalid_nickname_is_refused(nickname: str) -> None:
    assert not is_nickname(nickname, 1, 32)


@pytest.mark.parametrize("function", [name_key, name_skeleton])
@pytest.mark.parametrize("name", ["\ufdfa" * 255, "\u1f82" * 255, "e\u0301" * 127])
def test_long_name_is_normalised_few_times(
    function: Callable[[str], bytes], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = unicodedata.normalize, []

    def normalize(form: Literal["NFKC", "NFKD"], text: str) -> str:
        sizes.append(len(text))
        return real(form, text)

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    assert function(name) == function(name)
    assert sum(sizes) < 4 * 1500
