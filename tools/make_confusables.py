"""Make ``protocol/confusables.py`` from Unicode's own table. Its counterpart is ``protocol.names``.

    python tools/make_confusables.py confusables.txt > protocol/confusables.py

``confusables.txt`` is the data file of UTS 39, https://www.unicode.org/Public/security/. Three things are
different here:

* Nothing is said of an ASCII character. There ``1``, ``I`` and ``l`` are all ``l``, ``0`` is ``O`` and ``m``
  is ``rn``, so that ``a1`` and ``al`` could not both have an account.
* As ``I`` is no ``l`` then, a look-alike of it that is a capital goes to ``I`` and not, as there, to ``l``.
* The small palochka is an ``l``, as everybody saw who was sent to "аррӏе.com"; there it is an ``i``.
"""

import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import Path

SMALL_PALOCHKA = "\N{CYRILLIC SMALL LETTER PALOCHKA}"

CAPITALS = ("LISU", "OLD ITALIC", "CARIAN", "MIAO", "RUNIC", "TIFINAGH")
"""Scripts without case, whose letters look like Latin capitals."""

TIE = "\xa0"
"""A blank at which no line is broken."""

MODULE = '''"""Which character looks like which, by Unicode {version} (UTS 39). Its counterpart is
``names.name_skeleton``.

Made by ``tools/make_confusables.py``, which says how it differs from the original: change that, not this.
Derived from confusables.txt, © {year} Unicode, Inc.; terms of use: https://www.unicode.org/terms_of_use.html
"""

# fmt: off
PROTOTYPES = {{
{rows}
}}
"""A character that is not ASCII, and what it looks like; as ``str.translate`` takes it."""
'''


def prototypes(text: str) -> Iterator[tuple[str, str]]:
    """Every (character, prototype) that a name in normal form NFKD can meet."""
    for codes in re.findall(r"^([0-9A-F]+) ;\t([0-9A-F ]+) ;\tMA", text, re.MULTILINE):
        character, prototype = ("".join(chr(int(code, 16)) for code in field.split()) for field in codes)
        if not character.isascii() and unicodedata.normalize("NFKD", character) == character:
            yield character, ours(character, prototype)


def ours(character: str, prototype: str) -> str:
    if character == SMALL_PALOCHKA:
        return "l"
    return "I" if prototype == "l" and is_capital(character) else prototype


def is_capital(character: str) -> bool:
    return character.isupper() or unicodedata.name(character, "").startswith(CAPITALS)


def row(character: str, prototype: str) -> str:
    """An entry of the table, in ASCII: nothing in the source can be mistaken, or reorder what is beside
    it."""
    literal = prototype.encode("unicode_escape").decode().replace(" ", r"\x20")
    return f'0x{ord(character):04x}:{TIE}"{literal}",'


def module(text: str) -> str:
    version, year = re.search(r"Version: (\S+)", text), re.search(r"© (\d+)", text)
    if not (version and year):
        raise SystemExit("this is no confusables.txt")
    rows = textwrap.fill(" ".join(row(*pair) for pair in sorted(prototypes(text))), 106)
    rows = textwrap.indent(rows.replace(TIE, " "), "    ")
    return MODULE.format(version=version[1], year=year[1], rows=rows)


if __name__ == "__main__":
    print(module(Path(sys.argv[1]).read_text("utf-8-sig")), end="")
