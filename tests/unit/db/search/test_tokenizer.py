"""The terms of texts, the parts of queries, and which texts a query matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.db.search.tokenizer import MAX_QUERY_TERMS, MAX_TERM_LENGTH, fold_text, index_terms, parse_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("... %", ""),
        ("The QUICK quick fox", "w0fox w0quick w0the"),
        ("sure_thing, it's 3.14", "w014 w03 w0it w0s w0sure w0thing"),
        ("天", "c005929"),
        ("天气", "c00592906c14 c006c14"),
        ("hi天气", "c00592906c14 c006c14 w0hi"),
        ("Été", "w0ete"),
        ("Ёж", "w0d0b5d0b6"),
        ("Ｆｏｘ", "w0fox"),
        ("fo\u200bx", "w0fox"),
        ("❤\ufe0f", "c002764"),
        ("x" * 100, "w0" + "x" * 82),
    ],
)
def test_terms_of_text(text: str, expected: str) -> None:
    assert index_terms(text) == expected


@given(st.text())
def test_terms_of_any_text_are_short_ascii(text: str) -> None:
    assert all(
        re.fullmatch(rf"[wc]0[0-9a-z]{{1,{MAX_TERM_LENGTH - 2}}}", term) for term in index_terms(text).split()
    )


@given(st.text(st.characters(codec="ascii")))
def test_ascii_word_has_same_term_beside_other_scripts(text: str) -> None:
    assert set(index_terms(text).split()) == set(index_terms(f"{text} ж").split()) - {"w0d0b6"}


@pytest.mark.parametrize("query", ["", " ", "%", '""', '"', '"..."', "\u200b"])
def test_query_without_word_is_none(query: str) -> None:
    assert parse_query(query) is None


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("fox", "FOX!"),
        ("FOX quick", "the quick, the fox"),
        ("straße", "STRASSE"),
        ("mhz", "5 ㎒"),
        ("天", "今天"),
        ("天天", "今天天气"),
        ("你好 hello", "hello,你好吗"),
        ("한국", "한국은"),
        ("ｶﾞ", "ガ"),
        ("👍", "👍🏽"),
        ("hello你好", "你好 and hello"),
        ('"quick one"', "a Quick\n one."),
        ("“quick one”", "a quick one"),
        ('"3.14"', "about 3.14!"),
        ('"天气 fine"', "今天天气 fine"),
        ('"一二', "三一二"),
        ('a "b', "b a"),
        ("x" * 200, "x" * 200),
    ],
)
def test_query_matches_text(query: str, text: str) -> None:
    parsed = parse_query(query)
    assert parsed is not None
    assert parsed.matches(text)
    assert all(is_among(term, index_terms(text).split()) for term in parsed.terms)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("fox", "foxes"),
        ("fox dog", "a fox"),
        ("天气", "天 气"),
        ('"quick one"', "one quick"),
        ('"quick one"', "quick, one"),
        ('"uick one"', "quick one"),
        ('"quick on"', "quick one"),
        ('"3.14"', "3 14"),
        ("x" * 200, "x" * 201),
    ],
)
def test_query_does_not_match_text(query: str, text: str) -> None:
    parsed = parse_query(query)
    assert parsed is not None
    assert not parsed.matches(text)


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_matching_text_has_all_terms_of_query(query: str, before: str, behind: str) -> None:
    parsed = parse_query(query.replace('"', ""))
    text = f"{before} {query} {behind}"
    if parsed is not None and parsed.matches(text):
        assert all(is_among(term, index_terms(text).split()) for term in parsed.terms)


def is_among(term: str, terms: list[str]) -> bool:
    return any(other.startswith(term[:-1]) if term.endswith("*") else other == term for other in terms)


def test_long_query_has_limited_terms() -> None:
    query = " ".join(f"word{number}" for number in range(1000))
    parsed = parse_query(query)
    assert parsed is not None
    assert len(parsed.terms) == MAX_QUERY_TERMS
    assert parsed.matches(query)
    assert not parsed.matches(query.replace("word999", ""))


def test_excess_combining_marks_are_dropped() -> None:
    few, many = ("e" + "\u0316\u0301" * count + "nd" for count in (15, 2000))
    assert fold_text(many) == fold_text(few)


def test_text_of_ligatures_does_not_grow() -> None:
    text = "\ufdfa " * 2040 + "x"
    assert len(fold_text(text)) < 4500
    assert index_terms(text) == index_terms("\ufdfa x")
    query = parse_query("\ufdfa x")
    assert query is not None
    assert query.matches(text)


@pytest.mark.parametrize(("text", "query"), [
    ("Caf\u00e9", "cafe"),
    ("cafe", "caf\u00e9"),
    ("Cafe\u0301", "CAF\u00c9"),
    ("\u0130stanbul", "istanbul"),
    ("ISTANBUL", "\u0131stanbul"),
    ("istanbul", "\u0130STANBUL"),
    ("\u0131l\u0131k", "ilik"),
    ("Ti\u1ebfng Vi\u1ec7t", "tieng viet"),
    ("\u03b1\u03bd\u03ac\u03c3\u03c4\u03b1\u03c3\u03b7", "\u0391\u039d\u0391\u03a3\u03a4\u0391\u03a3\u0397"),
    ("\u0451\u043b\u043a\u0430", "\u0435\u043b\u043a\u0430"),
    ("na\u00efve approach", '"naive approach"'),
])  # fmt: skip
def test_accents_do_not_matter(text: str, query: str) -> None:
    parsed = parse_query(query)
    assert parsed is not None
    assert parsed.matches(text)
    assert set(parsed.terms) <= set(index_terms(text).split())


@pytest.mark.parametrize(("text", "query"), [
    ("\u043c\u043e\u0439", "\u043c\u043e\u0438"),  # other letters in Cyrillic
    ("\u304c\u304e", "\u304b\u304d"),  # and in Japanese
    ("\u0915\u093c", "\u0915"),
])  # fmt: skip
def test_marks_of_other_scripts_matter(text: str, query: str) -> None:
    parsed = parse_query(query)
    assert parsed is not None
    assert not parsed.matches(text)
