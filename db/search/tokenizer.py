"""From a text to the terms under which it is indexed, and from a query to what it asks for.

The counterparts are ``documents``, which keeps the terms of messages, and ``search``, which looks them up.

What a text consists of, once it is folded (upper and lower case, full and half width, invisibles are gone):

* *words*: runs of letters, digits and their marks, in scripts that put blanks between words. They are found
  whole;
* *runs* of characters that stand without blanks: Chinese, Japanese, Korean, Thai, also emoji. They are found
  inside longer runs;
* everything else, which divides. It counts only in a phrase.

The terms are what the full-text index of any engine takes as it is, without settings: lower-case ASCII
letters and digits, at most 84 (MySQL drops what is longer), beginning with a mark of ours, so that none is
too short and none is on a list of words to leave out. A word is one term. A run is a term for every two
neighbours, and one for its last character; so a single character is sought as the beginning of a term. The
conversation is a term too.

Different texts may share a term, so whatever the index finds is held against the query afterwards.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

MAX_TERM_LENGTH = 84
"""``innodb_ft_max_token_size``, as MySQL and MariaDB come."""

MIN_TERM_LENGTH = 3
"""Characters in the shortest term, as in ``w0a``; ``innodb_ft_min_token_size`` as it comes."""

MAX_COMBINING_MARKS = 30
"""Combining marks on one base (UAX 15, section 13). Putting thousands in order takes quadratic time."""

MAX_QUERY_TERMS = 16
"""Terms of a query that the index is asked for. They narrow enough; the rest is for ``Query.matches``."""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What no reader sees: joiners, direction marks, variation selectors, fillers. The same as
``protocol.safe.IGNORABLE``, which ``db`` does not import.
"""

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_PILE = re.compile(rf"[^\w\s]{{{MAX_COMBINING_MARKS + 1},}}")
_ASCII_WORD = re.compile("[a-z0-9]+")
_PART = re.compile("(w+)|r+")
"""A word or a run, where every character is told by its kind alone."""
_PIECE = re.compile(r'"([^"]*)"|([^\s"]+)')
_QUOTES = str.maketrans("“”", '""')  # as a Chinese keyboard types them; the wide one folds to it
_UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao; Myanmar; Khmer
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul: what follows a word is written onto it
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3041-\u31ff"  # radicals, kana, bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs, Yi
    "\U0001b000-\U0001b16f\U0001f000-\U0001faff"  # more kana; emoji, also those newer than this Python
    "]"
)


class CharacterKind(StrEnum):
    """What a character of a folded text is part of, as a letter."""

    WORD = "w"
    RUN = "r"
    GAP = " "


def fold_text(text: str) -> str:
    """A text as it is compared: NFKC, case-folded, without invisibles."""
    if text.isascii():
        return text.lower()
    text = _PILE.sub(_fold_cluster, _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _fold_cluster(pile: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in pile[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_COMBINING_MARKS:
            kept.append(character)
    return "".join(kept)


@lru_cache(maxsize=8192)
def character_kind(character: str) -> CharacterKind:
    category = unicodedata.category(character)
    if category[0] in "PZ":
        return CharacterKind.GAP
    if category == "So" or _UNSPACED.match(character):
        return CharacterKind.RUN
    return CharacterKind.WORD if category[0] in "LNM" else CharacterKind.GAP


def index_terms(text: str) -> str:
    """The terms of a text, each once, a blank between any two.

    Made for every message; most are in ASCII, and for these it is done in few steps.
    """
    folded = fold_text(text)
    if folded.isascii():
        return " ".join(sorted({f"w0{word}"[:MAX_TERM_LENGTH] for word in _ASCII_WORD.findall(folded)}))
    found: set[str] = set()
    for part, characters in _split_parts(folded):
        if part is CharacterKind.WORD:
            found.add(_word_term(characters))
        else:
            found.update(_bigram_terms(characters))
            found.add(_character_term(characters[-1]))
    return " ".join(sorted(found))


def _split_parts(folded: str) -> Iterator[tuple[CharacterKind, str]]:
    """The words and runs of a folded text."""
    for part in _PART.finditer("".join(map(character_kind, folded))):
        yield CharacterKind.RUN if part[1] is None else CharacterKind.WORD, folded[part.start() : part.end()]


def _word_term(word: str) -> str:
    return f"w0{word if word.isascii() else word.encode().hex()}"[:MAX_TERM_LENGTH]


def _bigram_terms(run: str) -> list[str]:
    return [f"c0{first}{second}" for first, second in pairwise(map(_hex_code, run))]


def _character_term(character: str) -> str:
    """The term of a run's last character, and what the term of any other begins with."""
    return f"c0{_hex_code(character)}"


@lru_cache(maxsize=8192)
def _hex_code(character: str) -> str:
    return f"{ord(character):05x}"


def conversation_term(conversation_id: int) -> str:
    """The term of all that is said in a conversation."""
    return f"r0{conversation_id:x}"


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What is sought. Folded throughout: ``words``, ``runs``, and ``phrases`` with single blanks.

    ``index_terms`` every text has that matches; one that ends with ``*`` is the beginning of such a term.
    """

    words: frozenset[str]
    runs: frozenset[str]
    phrases: tuple[str, ...]
    terms: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """Whether every word, run and phrase is there."""
        folded = fold_text(text)
        if not all(part in folded for part in (*self.runs, *self.words)):
            return False
        if not self.words <= {characters for _, characters in _split_parts(folded)}:
            return False
        return not self.phrases or _holds_phrases(" ".join(folded.split()), self.phrases)


def parse_query(query: str) -> ParsedQuery | None:
    """What somebody typed: words, and "phrases" in quotation marks. ``None`` when there is no word in it."""
    words: set[str] = set()
    runs: set[str] = set()
    phrases = []
    for phrase, piece in _PIECE.findall(fold_text(query).translate(_QUOTES)):
        for part, characters in _split_parts(phrase or piece):
            (words if part is CharacterKind.WORD else runs).add(characters)
        if phrase.strip():
            phrases.append(" ".join(phrase.split()))
    sought = [_word_term(word) for word in sorted(words, key=len, reverse=True)]
    for run in sorted(runs, key=len, reverse=True):
        sought += _bigram_terms(run) or [f"{_character_term(run)}*"]
    if not sought:
        return None
    return ParsedQuery(
        frozenset(words), frozenset(runs), tuple(phrases), tuple(dict.fromkeys(sought))[:MAX_QUERY_TERMS]
    )


def _holds_phrases(text: str, phrases: tuple[str, ...]) -> bool:
    return all(
        any(_is_whole(text, phrase, place) for place in _phrase_places(text, phrase)) for phrase in phrases
    )


def _phrase_places(text: str, phrase: str) -> Iterator[int]:
    place = text.find(phrase)
    while place >= 0:
        yield place
        place = text.find(phrase, place + 1)


def _is_whole(text: str, phrase: str, place: int) -> bool:
    """Whether a phrase that stands here begins and ends no word half-way."""
    return not _is_word_boundary(text, place) and not _is_word_boundary(text, place + len(phrase))


def _is_word_boundary(text: str, place: int) -> bool:
    return (
        0 < place < len(text)
        and character_kind(text[place - 1]) is character_kind(text[place]) is CharacterKind.WORD
    )
