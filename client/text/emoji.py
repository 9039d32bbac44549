"""Emoji by their names: those of Unicode, and the short ones that people's hands know from elsewhere.

``completion`` offers what a few letters may mean; ``said`` takes a whole name for its picture.
"""

import unicodedata
from functools import cache

MOST = 20
"""A longer list helps nobody; another letter does."""

SHORT = {
    "+1": "👍",
    "-1": "👎",
    "check": "✅",
    "clap": "👏",
    "cry": "😢",
    "eyes": "👀",
    "fire": "🔥",
    "heart": "❤",
    "hundred": "💯",
    "joy": "😂",
    "laughing": "😆",
    "ok": "👌",
    "party": "🎉",
    "pray": "🙏",
    "question": "❓",
    "rocket": "🚀",
    "smile": "😄",
    "sob": "😭",
    "star": "⭐",
    "tada": "🎉",
    "thinking": "🤔",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "warning": "⚠",
    "wave": "👋",
    "wink": "😉",
    "x": "❌",
}
"""Names that Unicode does not have, or has for another picture."""

_BLOCKS = (range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FA00))


def find_emoji(letters: str) -> list[tuple[str, str]]:
    """The pictures whose names hold these letters, and their names; the likeliest first."""
    wanted = _plain_name(letters)
    found = [(picture, name) for picture, name in _named_emoji() if wanted in _plain_name(name)]
    found.sort(key=lambda pair: (not _plain_name(pair[1]).startswith(wanted), len(pair[1])))
    likeliest: dict[str, str] = {}
    for picture, name in found:
        likeliest.setdefault(picture, name)
    return list(likeliest.items())[:MOST]


def emoji_or_text(text: str) -> str:
    """``:tada:`` or ``tada`` -> its picture; anything else as it is."""
    name = _plain_name(text[1:-1] if len(text) > 2 and text[0] == text[-1] == ":" else text)
    return next((picture for picture, known in _named_emoji() if _plain_name(known) == name), text)


def is_unknown_name(text: str) -> bool:
    """Whether this looks like an emoji's name, and there is none."""
    return text.isascii() and any(map(str.isalnum, text)) and emoji_or_text(text) == text


def _plain_name(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "")


@cache
def _named_emoji() -> list[tuple[str, str]]:
    pictures = (chr(code) for block in _BLOCKS for code in block)
    named = ((picture, unicodedata.name(picture, "").lower()) for picture in pictures)
    short = [(picture, name) for name, picture in SHORT.items()]
    return short + [(picture, name) for picture, name in named if name and "emoji modifier" not in name]
