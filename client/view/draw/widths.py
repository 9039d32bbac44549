"""The columns of characters whose width Unicode leaves open ("ambiguous": ``─``, ``…``, ``①``, Cyrillic).

Terminals draw them one column wide, or two with fonts for Chinese, Japanese and Korean. ``use_wide`` sets it
for the whole process, also for prompt_toolkit's input fields.
"""

import unicodedata
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache, lru_cache
from typing import TypeVar

from prompt_toolkit.layout import screen
from prompt_toolkit.utils import _CHAR_SIZES_CACHE, get_cwidth
from wcwidth import wcswidth, wcwidth

Result = TypeVar("Result")

_FIRST, _LAST = 0xA1, 0x1F1E5
"""The ambiguous characters, without those for private use and the halves of flags."""

_ASCII_LINES = str.maketrans("─│┌╭╮╰╯", "-|+++++")

_is_wide = False
_clear_caches: list[Callable[[], None]] = []


def use_wide(wide: bool) -> bool:
    """Set whether ambiguous characters are two columns wide. Return whether this has changed."""
    global _is_wide
    if wide is _is_wide:
        return False
    _is_wide = wide
    for text in [text for text in _CHAR_SIZES_CACHE if len(text) > 1 or text in ambiguous_characters()]:
        del _CHAR_SIZES_CACHE[text]
    if wide:
        _CHAR_SIZES_CACHE.update(dict.fromkeys(ambiguous_characters(), 2))
    screen._CHAR_CACHE.clear()
    for clear in _clear_caches:
        clear()
    return True


def cached_by_width(maxsize: int) -> Callable[[Callable[..., Result]], "_lru_cache_wrapper[Result]"]:
    """Cache the results of a function until ``use_wide`` changes the widths."""

    def decorate(function: Callable[..., Result]) -> "_lru_cache_wrapper[Result]":
        cached = lru_cache(maxsize)(function)
        _clear_caches.append(cached.cache_clear)
        return cached

    return decorate


@cache
def ambiguous_characters() -> frozenset[str]:
    """Return the ambiguous characters that are not combining marks."""
    characters = map(chr, range(_FIRST, _LAST))
    return frozenset(
        character
        for character in characters
        if unicodedata.east_asian_width(character) == "A" and wcwidth(character) == 1
    )


def is_ambiguous(text: str) -> bool:
    """Whether a text begins with a character that is wide only because of ``use_wide``."""
    return _is_wide and text[:1] in ambiguous_characters()


def cluster_width(cluster: str) -> int:
    """Return the columns of one grapheme cluster."""
    width = max(0, wcswidth(cluster))
    return 2 if width == 1 and is_ambiguous(cluster) else width


def character_widths(text: str) -> int:
    """Return the columns of a text in which every character stands for itself."""
    return sum(map(get_cwidth, text))


def line_text(text: str) -> str:
    """Return a text of box-drawing characters as the terminal can align it."""
    return text.translate(_ASCII_LINES) if _is_wide else text
