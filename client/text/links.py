"""Finds what a text contains that can be opened or copied: links and invitations.

A link is shown, opened and copied exactly as in the text: no text hides another target. Only the schemes
in ``SCHEMES`` are links, and a target is printable ASCII, so it misleads neither a terminal nor a program.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

SCHEMES = ("https", "http", "mailto", "ftp", "irc", "ircs", "xmpp", "gemini")
"""The schemes of links. No other is ever opened."""

MAX_TARGET = 2048
"""Characters of a target. Longer ones are no links: programs and terminals cut them."""

_CJK = (
    "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
    "\ufe30-\ufe4f\uff00-\uffef\u2018-\u201d\u2026"
)
"""Characters next to which a link ends: Chinese, Japanese and Korean letters and punctuation."""

_CONTROL_PICTURES = "\u2400-\u243f\ufffd"
"""What the screen shows in place of control characters; a link ends there."""

_CHARACTERS = rf"[^\s\x00-\x20\x7f-\xa0<>\"`\\^{{|}}{_CJK}{_CONTROL_PICTURES}]"

_LINK = re.compile(
    rf"(?<![A-Za-z0-9+.-])(?:(?:https?|ftp|ircs?|gemini)://|(?:mailto|xmpp):(?=[^\s@]+@)){_CHARACTERS}+",
    re.IGNORECASE,
)

_INVITATION = re.compile(r"(?<![A-Za-z0-9_-])chat1-[A-Za-z0-9_-]{8,}")

_UNQUOTED = "!#$%&()*+,-./:;=?@[]_~"
"""Characters that a target contains as they are, besides letters and digits. Others are encoded."""

_CLOSING = {")": "(", "]": "["}

_AFTER_LINK = ".,;:!?'*_~"
"""Characters that belong to the sentence if a link ends with them."""


class FoundLink(NamedTuple):
    """Where a link is in its text, and its target."""

    start: int
    end: int
    target: str


def find_links(text: str) -> Iterator[FoundLink]:
    """Yield the links of a text in order."""
    for match in _LINK.finditer(text):
        link = _without_end(match[0])
        target = quote(
            link, safe="".join(map(chr, range(33, 127))).translate({ord(c): None for c in "'\"`\\"})
        )
        if len(target) <= MAX_TARGET and not link.endswith((":", "//")):
            yield FoundLink(match.start(), match.start() + len(link), target)


def find_targets(text: str) -> list[str]:
    """Return the targets of links and the invitations in a text, in order."""
    targets = [(link.start, link.target) for link in find_links(text)]
    targets += [(match.start(), match[0]) for match in _INVITATION.finditer(text)]
    return [target for _, target in sorted(targets)]


def find_invitation(text: str) -> str:
    """Return the first invitation in a text, or an empty string."""
    match = _INVITATION.search(text)
    return match[0] if match else ""


def is_link(target: str) -> bool:
    """Whether this can be opened: printable ASCII, with one of the schemes."""
    scheme = target.partition(":")[0].lower()
    return scheme in SCHEMES and target.isascii() and target.isprintable() and " " not in target


def _without_end(link: str) -> str:
    """Return a link without the punctuation and the closing brackets of the sentence around it."""
    opened = {close: link.count(opening) for close, opening in _CLOSING.items()}
    closed = {close: link.count(close) for close in _CLOSING}
    end = len(link)
    while end:
        last = link[end - 1]
        if last in _CLOSING and closed[last] > opened[last]:
            closed[last] -= 1
        elif last not in _AFTER_LINK:
            break
        end -= 1
    return link[:end]
