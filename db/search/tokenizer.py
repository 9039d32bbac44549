"""Splits a text into the terms under which it is indexed, and parses queries.

``search_index`` stores the terms of messages; ``search_query`` looks them up.

A folded text (case, width and invisible characters removed) consists of:

* *words*: runs of letters, digits and their marks in scripts that separate words by spaces. They match as a
  whole;
* *runs* of characters of scripts without spaces: Chinese, Japanese, Korean, Thai, also emoji. They match
  inside longer runs;
* everything else, which separates. It matters only in a phrase.

The terms are accepted by the full-text index of every engine without settings: lower-case ASCII letters and
digits, at most 84 (MySQL drops longer ones), with a prefix, so that no term is too short or a stop word. A
word is one term. A run has a term for every two neighbouring characters, and one for its last character; so a
single character is searched as the prefix of a term. The conversation is a term too.

Different texts may share a term, so search compares each candidate with the query afterwards.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice, pairwise

MAX_TERM_LENGTH = 84
"""The default of ``innodb_ft_max_token_size`` in MySQL and MariaDB."""

MIN_TERM_LENGTH = 3
"""Characters in the shortest term, such as ``w0a``; the default of ``innodb_ft_min_token_size``."""

MAX_COMBINING_MARKS = 30
"""Combining marks on one base character (UAX 15, section 13). Normalising thousands takes quadratic time."""

MAX_LIGATURES = 16
"""Ligatures that a text is searched for. More of them add no word to it, but thousands take long."""

MAX_QUERY_TERMS = 16
"""Terms of a query that are given to the index. They narrow the search enough; ``ParsedQuery.matches`` checks
the rest.
"""

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Invisible characters: joiners, direction marks, variation selectors, fillers. The same as
``protocol.safe.IGNORABLE``, which ``db`` does not import.
"""

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_LIGATURE = re.compile("[\ufdfa\ufdfb]")
"""Arabic phrases in one character. NFKC makes 18 and 8 characters of them, of all others at most 6."""

_ACCENTED = re.compile("[\u00df-\u024f\u0300-\u036f\u0370-\u03ff\u0451\u1e00-\u1fff]")
_ACCENTS = re.compile("([a-z\u00df-\u024f\u0370-\u03ff])[\u0300-\u036f]+")
_MARK_CLUSTER = re.compile(rf"[^\w\s]{{{MAX_COMBINING_MARKS + 1},}}")
_ASCII_WORD = re.compile("[a-z0-9]+")
_PART = re.compile("(w+)|r+")
"""A word or a run, in a text in which every character is replaced by its kind."""
_PIECE = re.compile(r'"([^"]*)"|([^\s"]+)')
_QUOTES = str.maketrans("“”", '""')  # from a Chinese keyboard; the full-width mark folds to "
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
    """To what a character of a folded text belongs."""

    WORD = "w"
    RUN = "r"
    GAP = " "


def fold_text(text: str) -> str:
    """The text in the form in which texts are compared: NFKC, case-folded, without invisible characters and
    without the accents of Latin and Greek letters.
    """
    if text.isascii():
        return text.lower()
    text = _MARK_CLUSTER.sub(_fold_cluster, _INVISIBLE.sub("", text))
    if "\ufdfa" in text or "\ufdfb" in text:
        text = _limit_ligatures(text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return fold_accents(folded) if _ACCENTED.search(folded) else folded


def fold_accents(folded: str) -> str:
    """Remove the accents of Latin and Greek letters; the Turkish dotless i becomes i, Cyrillic ё е."""
    letters = unicodedata.normalize("NFD", folded.replace("\u0131", "i").replace("\u0451", "\u0435"))
    return unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", letters))


def _limit_ligatures(text: str) -> str:
    """Replace all ligatures after the first ones with spaces."""
    ends = [match.end() for match in islice(_LIGATURE.finditer(text), MAX_LIGATURES)]
    return text[: ends[-1]] + _LIGATURE.sub(" ", text[ends[-1] :])


def _fold_cluster(cluster: re.Match[str]) -> str:
    characters, marks = [], 0
    for character in cluster[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_COMBINING_MARKS:
            characters.append(character)
    return "".join(characters)


@lru_cache(maxsize=8192)
def character_kind(character: str) -> CharacterKind:
    category = unicodedata.category(character)
    if category[0] in "PZ":
        return CharacterKind.GAP
    if category == "So" or _UNSPACED.match(character):
        return CharacterKind.RUN
    return CharacterKind.WORD if category[0] in "LNM" else CharacterKind.GAP


def index_terms(text: str) -> str:
    """The terms of a text, each once, separated by spaces.

    It runs for every message; ASCII texts, which are most, take a short path.
    """
    folded = fold_text(text)
    if folded.isascii():
        return " ".join(sorted({f"w0{word}"[:MAX_TERM_LENGTH] for word in _ASCII_WORD.findall(folded)}))
    terms: set[str] = set()
    for part, characters in _split_parts(folded):
        if part is CharacterKind.WORD:
            terms.add(_word_term(characters))
        else:
            terms.update(_bigram_terms(characters))
            terms.add(_character_term(characters[-1]))
    return " ".join(sorted(terms))


def _split_parts(folded: str) -> Iterator[tuple[CharacterKind, str]]:
    """The words and runs of a folded text."""
    for part in _PART.finditer("".join(map(character_kind, folded))):
        yield CharacterKind.RUN if part[1] is None else CharacterKind.WORD, folded[part.start() : part.end()]


def _word_term(word: str) -> str:
    return f"w0{word if word.isascii() else word.encode().hex()}"[:MAX_TERM_LENGTH]


def _bigram_terms(run: str) -> list[str]:
    return [f"c0{first}{second}" for first, second in pairwise(map(_hex_code, run))]


def _character_term(character: str) -> str:
    """The term of a run's last character, and the prefix of the terms of other characters."""
    return f"c0{_hex_code(character)}"


@lru_cache(maxsize=8192)
def _hex_code(character: str) -> str:
    return f"{ord(character):05x}"


def conversation_term(conversation_id: int) -> str:
    """The term of all messages in a conversation."""
    return f"r0{conversation_id:x}"


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A parsed query. ``words``, ``runs`` and ``phrases`` are folded; phrases have single spaces.

    Every matching text has the ``terms``; a term that ends with ``*`` is a prefix.
    """

    words: frozenset[str]
    runs: frozenset[str]
    phrases: tuple[str, ...]
    terms: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """Whether the text contains every word, run and phrase."""
        folded = fold_text(text)
        if not all(part in folded for part in (*self.runs, *self.words)):
            return False
        if not self.words <= {characters for _, characters in _split_parts(folded)}:
            return False
        return not self.phrases or _holds_phrases(" ".join(folded.split()), self.phrases)


def parse_query(query: str) -> ParsedQuery | None:
    """Parse words and "phrases" in quotation marks. Returns ``None`` if the query contains no word."""
    words: set[str] = set()
    runs: set[str] = set()
    phrases = []
    for phrase, piece in _PIECE.findall(fold_text(query).translate(_QUOTES)):
        for part, characters in _split_parts(phrase or piece):
            (words if part is CharacterKind.WORD else runs).add(characters)
        if phrase.strip():
            phrases.append(" ".join(phrase.split()))
    terms = [_word_term(word) for word in sorted(words, key=len, reverse=True)]
    for run in sorted(runs, key=len, reverse=True):
        terms += _bigram_terms(run) or [f"{_character_term(run)}*"]
    if not terms:
        return None
    some_terms = tuple(dict.fromkeys(terms))[:MAX_QUERY_TERMS]
    return ParsedQuery(frozenset(words), frozenset(runs), tuple(dict.fromkeys(phrases)), some_terms)


def _holds_phrases(text: str, phrases: tuple[str, ...]) -> bool:
    return all(
        any(_is_whole(text, phrase, start) for start in _phrase_positions(text, phrase)) for phrase in phrases
    )


def _phrase_positions(text: str, phrase: str) -> Iterator[int]:
    start = text.find(phrase)
    while start >= 0:
        yield start
        start = text.find(phrase, start + 1)


def _is_whole(text: str, phrase: str, start: int) -> bool:
    """Whether a phrase at this position neither begins nor ends within a word."""
    return not _is_inside_word(text, start) and not _is_inside_word(text, start + len(phrase))


def _is_inside_word(text: str, position: int) -> bool:
    return (
        0 < position < len(text)
        and character_kind(text[position - 1]) is character_kind(text[position]) is CharacterKind.WORD
    )
