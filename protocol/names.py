"""When two names are one name, when they only look like one, and what may be a name at all.

A name is kept as it was typed and found by its ``name_key``. Two names with one key are one name; two with
one
``name_skeleton`` could be taken for each other on a screen, and only one of them may exist. Of any two ASCII
names
neither is ever the case unless they differ in nothing but upper and lower case. ``confusables`` holds what
looks like what.

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
"""In bytes; what an index of every database holds."""

MAX_TYPED = 255
"""In code points. What is longer is not looked at closely: normalising marks takes time that grows
quadratically."""

MAX_EXPANDED = 512
"""In code points: no name is longer after normalising. One character may become 18, so what is longer is
normalised no further; it is found under a key of its own, and looks like nothing."""

MAX_REACTION = 32
"""In code points: a family of emoji needs 11, and a short word fits."""

_IGNORABLE = re.compile(f"[{IGNORABLE}]")
_JOINERS = re.compile("[\u200c\u200d\ufe0e\ufe0f]")
_BLANK = re.compile("[\\s\u2800]")
"""White space, and the Braille pattern without dots, which looks like it."""


def name_key(name: str) -> bytes:
    """What a name is found by, at most ``MAX_KEY`` bytes: NFKC, case-folded, without invisibles and outer
    blanks."""
    return _bounded_bytes(_casefolded(name))


def name_skeleton(name: str) -> bytes:
    """What a name looks like (UTS 39, section 4), at most ``MAX_KEY`` bytes. An ASCII name looks like its
    key.

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


def is_name(name: str, least: int, most: int) -> bool:
    """Whether this may be the name of an account or a room; the lengths are in code points.

    Nothing blank or invisible, nothing that a screen would not show as it is, and no ``#`` or ``@`` in front.
    """
    return (
        least <= len(name) <= most
        and not name.startswith((labels.ROOM, labels.DIRECT))
        and not _BLANK.search(name)
        and safe_text(name) == name
        and all(unicodedata.category(character) != "Cn" for character in name)
        and 0 < len(_casefolded(name).encode()) <= MAX_KEY
    )


def is_nickname(nickname: str, least: int, most: int) -> bool:
    """Whether this may be a nickname: printable, with blanks only inside. Emoji may have their joiners."""
    visible = _JOINERS.sub("", nickname)
    return (
        least <= len(nickname) <= most
        and nickname == nickname.strip()
        and safe_text(visible) == visible
        and _BLANK.sub("", visible) != ""
    )


def is_reaction(text: str) -> bool:
    """Whether this may be a reaction to a message: an emoji or a word, without blanks."""
    return is_nickname(text, 1, MAX_REACTION) and not _BLANK.search(text)


def _casefolded(name: str) -> str:
    """NFKC_Casefold (Unicode, section 3.13) and no blanks around it, repeated until it changes nothing."""
    if name.isascii():
        return name.lower().strip()
    if len(name) > MAX_TYPED:
        return name
    further = unicodedata.normalize("NFKC", _IGNORABLE.sub("", name).casefold()).strip()
    return further if further == name or len(further) > MAX_EXPANDED else _casefolded(further)


def _bounded_bytes(text: str) -> bytes:
    """Text as bytes; where that is too long for a key, a digest behind a byte that no name begins with."""
    encoded = text.encode("utf-8", "surrogatepass")
    return encoded if len(encoded) <= MAX_KEY else b"\0" + sha256(encoded).digest()
