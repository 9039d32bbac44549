"""Links in rows, and the sequences that make a terminal treat them as links (OSC 8)."""

import re
from functools import lru_cache
from zlib import crc32

_LINK_CLASS = "class:link"

_MARK = re.compile(r" \[([!-~]+)\]$")
"""The end of a style that holds a link's target. prompt_toolkit ignores words in brackets."""


class LinkText(str):
    """The text of a cell, with the target of its link. Equal only to the same text with the same target."""

    target: str

    def __new__(cls, text: str, target: str) -> "LinkText":
        link = super().__new__(cls, text)
        link.target = target
        return link

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinkText) and str(self) == str(other) and self.target == other.target

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    @property
    def sequence(self) -> str:
        """The text between the sequences that open and close the link.

        Its id joins the parts of a link that is wrapped.
        """
        name = f"{crc32(self.target.encode()):08x}"
        return f"\x1b]8;id={name};{self.target}\x1b\\{self!s}\x1b]8;;\x1b\\"


def link_style(style: str, target: str) -> str:
    """Return the style of a fragment that is a link."""
    return f"{style} {_LINK_CLASS} [{target}]" if _LINK_CLASS not in style else f"{style} [{target}]"


@lru_cache(maxsize=4096)
def split_style(style: str) -> tuple[str, str]:
    """Return the style without the target, and the target; an empty one if this is no link."""
    match = _MARK.search(style) if style.endswith("]") else None
    return (style[: match.start()], match[1]) if match else (style, "")


def shows_links(setting: str, terminal: str) -> bool:
    """Return whether to send link sequences. ``terminal`` is ``$TERM``.

    These kinds of terminals print unknown sequences, or are too old to know this one.
    """
    unable = terminal.startswith(("linux", "screen", "vt", "ansi", "rxvt", "cons", "cygwin", "sun", "Eterm"))
    return setting == "on" or (setting == "auto" and not unable)
