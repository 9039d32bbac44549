"""Make remote text safe for the screen, the log and files. All text from a peer passes through ``safe_text``.

A terminal executes control sequences, so remote text must not hold characters that are commands, that hide or
reorder their neighbours, or whose width differs between programs. Each kind of character is treated so:

* A *control character* becomes its picture (ESC becomes ``␛``), which is one column wide and printable
everywhere.
  C1 controls, surrogates, private use, noncharacters and unassigned characters have no picture and become
  ``�``.
* A *line break* of any kind becomes ``\\n`` or ``␊`` (see ``lines``). A tab becomes spaces.
* An *invisible* character (bidirectional control, zero-width, variation selector, tag, filler) is removed. So
are
  the joiners of emoji, because terminals disagree about the width of joined emoji.
* A *combining mark* is removed if its base has ``MAX_MARKS`` already, or if it has no base and would be drawn
on
  the text that our own screen shows before it.
"""

import re
import unicodedata

MAX_MARKS = 4
"""Marks on one base. Vietnamese and Thai need two, pointed Hebrew three, a Tibetan stack four; Zalgo
twenty."""

TAB = "    "

IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point of Unicode 15.0 (DerivedCoreProperties.txt), for use in a regular expression's
class."""

_PLAIN = re.compile(
    "["
    " -~\u00a0-\u00ac\u00ae-\u02ff"  # Latin
    "\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f"  # Greek, Cyrillic
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u218b\u2190-\u23ff\u2500-\u27bf"  # punctuation, symbols
    "\u3000-\u3029\u3030-\u303f\u3041-\u3096\u309b-\u30ff\uff01-\uff9f"  # kana and what goes with it
    "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df\uac00-\ud7a3"  # ideographs, Hangul
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6d7\U0001f900-\U0001f9ff"  # emoji
    "]*"
)
"""Characters that are safe as they are. Nearly every text consists of them alone."""

_FORMATS = (
    "\u0600-\u0605\u06dd\u070f\u0890-\u0891\u08e2\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
)
"""The format characters (category Cf) that are not in ``IGNORABLE``."""

_NOT_IN_JSON = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_FORMATS}{IGNORABLE}]")
"""Characters that are escaped in a line of JSON: controls, line breaks, surrogates, invisible ones."""

_BREAK = re.compile("\r\n|[\r\x85\u2028\u2029]")
_IGNORABLE = re.compile(f"[{IGNORABLE}]")
_NEWER = re.compile("[\U0001f000-\U0001faff\U0001fc00-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd]")
"""Reserved for emoji and ideographs: an unassigned character here may be from a newer Unicode than this
Python's."""


def safe_text(text: str, *, lines: bool = False) -> str:
    """Return ``text`` without anything that a terminal executes, on one line; ``lines`` keeps line breaks as
    ``\\n``."""
    if _PLAIN.fullmatch(text):
        return text
    text = _BREAK.sub("\n", text).replace("\t", TAB)
    if not lines:
        text = text.replace("\n", "\u240a")
    return _limit_marks("".join(map(_safe_character, text)))


def json_text(line: str) -> str:
    """Escape everything in a line of JSON that a terminal would execute or hide. The value stays the same."""
    return line if line.isascii() and line.isprintable() else _NOT_IN_JSON.sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _safe_character(character: str) -> str:
    """Return the safe replacement of one character."""
    if character == "\n" or " " <= character <= "~":
        return character
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "\u2421"
    if _IGNORABLE.match(character):
        return ""
    match unicodedata.category(character):
        case "Cf":
            return ""
        case "Cn" if _NEWER.match(character):
            return character
        case "Cc" | "Cs" | "Co" | "Cn":
            return "\ufffd"
    return character


def _limit_marks(text: str) -> str:
    """Keep the first ``MAX_MARKS`` combining marks of each base."""
    characters, marks = [], MAX_MARKS
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me"):
            marks += 1
        else:
            marks = MAX_MARKS if character == "\n" else 0
        if marks <= MAX_MARKS:
            characters.append(character)
    return "".join(characters)
