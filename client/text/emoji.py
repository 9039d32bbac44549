"""Finds emoji by name: the Unicode names, and the short names that other chat programs use."""

import unicodedata
from functools import cache

MAX_MATCHES = 20
"""Matches to offer. With more of them, the user types another letter."""

SHORT_NAMES = {
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
"""Names that Unicode does not have, or that it has for another emoji."""

_BLOCKS = (range(0x1F300, 0x1F650), range(0x1F680, 0x1F700), range(0x1F900, 0x1FA00))


def find_emoji(letters: str) -> list[tuple[str, str]]:
    """Return emoji whose names contain these letters, with the names; the best matches first."""
    query = _plain_name(letters)
    matches = [(emoji, name) for emoji, name in _named_emoji() if query in _plain_name(name)]
    matches.sort(key=lambda match: (not _plain_name(match[1]).startswith(query), len(match[1])))
    best_names: dict[str, str] = {}
    for emoji, name in matches:
        best_names.setdefault(emoji, name)
    return list(best_names.items())[:MAX_MATCHES]


def emoji_or_text(text: str) -> str:
    """Return the emoji for ``:tada:`` or ``tada``; any other text unchanged."""
    name = _plain_name(text[1:-1] if len(text) > 2 and text[0] == text[-1] == ":" else text)
    return next((emoji for emoji, emoji_name in _named_emoji() if _plain_name(emoji_name) == name), text)


def is_unknown_name(text: str) -> bool:
    """Whether this looks like the name of an emoji, but no emoji has it."""
    return text.isascii() and any(map(str.isalnum, text)) and emoji_or_text(text) == text


def _plain_name(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "")


@cache
def _named_emoji() -> list[tuple[str, str]]:
    characters = (chr(code) for block in _BLOCKS for code in block)
    named = ((character, unicodedata.name(character, "").lower()) for character in characters)
    short = [(emoji, name) for name, emoji in SHORT_NAMES.items()]
    return short + [(emoji, name) for emoji, name in named if name and "emoji modifier" not in name]
