"""Names: which are valid, which are equal, and which look alike.

A name is stored as typed and looked up by its ``name_key``. Two names with the same key are the same name.
Two names with the same ``name_skeleton`` look alike on a screen, and only one of them may exist. Two ASCII
names are equal or alike only if they differ in nothing but case. ``confusables`` holds the table of
look-alikes.

A name holds only characters that this Python's Unicode has assigned, and Unicode promises that for those no
later version changes a key (https://www.unicode.org/policies/stability_policy.html).
"""

import re
import unicodedata
from hashlib import sha256

from chatroom.protocol import labels
from chatroom.protocol.confusables import PROTOTYPES
from chatroom.protocol.safe import IGNORABLE, safe_text

MAX_KEY = 255
"""In bytes; an index of every supported database can hold it."""

MAX_TYPED = 255
"""In code points. A longer name is not normalised, because normalising marks takes quadratic time."""

MAX_EXPANDED = 512
"""In code points: no valid name is longer after normalising. One character may become 18, so normalising
stops there; a longer text gets a key of its own and looks like no other name."""

MAX_REACTION = 32
"""In code points: a family of emoji needs 11, and a short word fits."""

_IGNORABLE = re.compile(f"[{IGNORABLE}]")
_JOINERS = re.compile("[\u200c\u200d\ufe0e\ufe0f]")
_BLANK = re.compile("[\\s\u2800]")
"""White space, and the Braille pattern without dots, which looks like it."""


def name_key(name: str) -> bytes:
    """Return the lookup key of a name, at most ``MAX_KEY`` bytes: NFKC, case-folded, without invisible
    characters and outer spaces."""
    return _bounded_bytes(_casefolded(name))


def name_skeleton(name: str) -> bytes:
    """Return a key that is equal for names that look alike (UTS 39, section 4), at most ``MAX_KEY`` bytes.

    The skeleton of an ASCII name equals its key.

    Look-alikes are replaced before case is folded: Cyrillic ``В`` looks like ``B``, but ``в`` not like ``b``.
    """
    if len(name) > MAX_TYPED:
        return _bounded_bytes(name)
    text = _IGNORABLE.sub("", name)
    while len(expanded := unicodedata.normalize("NFKD", text)) <= MAX_EXPANDED:
        if (further := _casefolded(expanded.translate(PROTOTYPES))) == text:
            break
        text = further
    return _bounded_bytes(text)


def is_name(name: str, min_length: int, max_length: int) -> bool:
    """Whether ``name`` is valid for an account or a room; the lengths are in code points.

    It has no spaces, no invisible or unprintable characters, and no ``#`` or ``@`` in front.
    """
    return (
        min_length <= len(name) <= max_length
        and not name.startswith((labels.ROOM, labels.DIRECT))
        and not _BLANK.search(name)
        and safe_text(name) == name
        and all(unicodedata.category(character) != "Cn" for character in name)
        and 0 < len(_casefolded(name).encode()) <= MAX_KEY
    )


def is_nickname(nickname: str, min_length: int, max_length: int) -> bool:
    """Whether a nickname is valid: printable, with spaces only inside. Emoji may have their joiners."""
    visible = _JOINERS.sub("", nickname)
    return (
        min_length <= len(nickname) <= max_length
        and nickname == nickname.strip()
        and safe_text(visible) == visible
        and _BLANK.sub("", visible) != ""
    )


def is_reaction(text: str) -> bool:
    """Whether ``text`` is a valid reaction: an emoji or a word, without spaces."""
    return is_nickname(text, 1, MAX_REACTION) and not _BLANK.search(text)


def _casefolded(name: str) -> str:
    """Apply NFKC_Casefold (Unicode, section 3.13) and strip spaces, repeated until nothing changes."""
    if name.isascii():
        return name.lower().strip()
    if len(name) > MAX_TYPED:
        return name
    further = unicodedata.normalize("NFKC", _IGNORABLE.sub("", name).casefold()).strip()
    return further if further == name or len(further) > MAX_EXPANDED else _casefolded(further)


def _bounded_bytes(text: str) -> bytes:
    """Return text as bytes; if too long for a key, a digest after a byte that begins no name."""
    encoded = text.encode("utf-8", "surrogatepass")
    return encoded if len(encoded) <= MAX_KEY else b"\0" + sha256(encoded).digest()
