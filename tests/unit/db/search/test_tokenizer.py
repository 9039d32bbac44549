"""What a text is indexed under, what a query asks for, and which texts it means."""

import re

import pytest
from chatroom.db.search.tokenizer import MAX_QUERY_TERMS, MAX_TERM_LENGTH, fold_text, index_terms, parse_query
from hypothesis import given
from hypothesis import strategies as st


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
        ("Été", "w0c3a974c3a9"),
        ("Ｆｏｘ", "w0fox"),
        ("fo\u200bx", "w0fox"),
        ("❤\ufe0f", "c002764"),
        ("x" * 100, "w0" + "x" * 82),
    ],
)
def test_the_terms_of_a_text(text: str, expected: str) -> None:
    assert index_terms(text) == expected


@given(st.text())
def test_any_engine_takes_the_terms_of_any_text(text: str) -> None:
    assert all(
        re.fullmatch(rf"[wc]0[0-9a-z]{{1,{MAX_TERM_LENGTH - 2}}}", term) for term in index_terms(text).split()
    )


@given(st.text(st.characters(codec="ascii")))
def test_a_word_in_ascii_is_the_same_word_beside_other_scripts(text: str) -> None:
    assert set(index_terms(text).split()) == set(index_terms(f"{text} é").split()) - {"w0c3a9"}


@pytest.mark.parametrize("query", ["", " ", "%", '""', '"', '"..."', "\u200b"])
def test_a_query_without_a_word_asks_for_nothing(query: str) -> None:
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
def test_a_text_that_is_meant(query: str, text: str) -> None:
    sought = parse_query(query)
    assert sought is not None
    assert sought.matches(text)
    assert all(is_among(term, index_terms(text).split()) for term in sought.terms)


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
def test_a_text_that_is_not_meant(query: str, text: str) -> None:
    sought = parse_query(query)
    assert sought is not None
    assert not sought.matches(text)


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_whatever_matches_has_the_terms(query: str, before: str, behind: str) -> None:
    sought = parse_query(query.replace('"', ""))
    text = f"{before} {query} {behind}"
    if sought is not None and sought.matches(text):
        assert all(is_among(term, index_terms(text).split()) for term in sought.terms)


def is_among(term: str, terms: list[str]) -> bool:
    return any(one.startswith(term[:-1]) if term.endswith("*") else one == term for one in terms)


def test_a_very_long_query_asks_the_index_for_a_few_terms() -> None:
    query = " ".join(f"word{number}" for number in range(1000))
    sought = parse_query(query)
    assert sought is not None
    assert len(sought.terms) == MAX_QUERY_TERMS
    assert sought.matches(query)
    assert not sought.matches(query.replace("word999", ""))


def test_a_heap_of_marks_is_as_good_as_a_few() -> None:
    few, many = ("e" + "\u0316\u0301" * count + "nd" for count in (15, 2000))
    assert fold_text(many) == fold_text(few)
