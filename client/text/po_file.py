"""Reads gettext's ``.po`` files, so that no compiled ``.mo`` has to be built, shipped or kept up to date.

It reads what this project's catalogues consist of: ``msgid``, ``msgid_plural``, ``msgstr``, ``msgstr[n]``,
strings over several lines, and comments. ``tests/unit/client/text/test_po_file.py`` compares it with Babel.
"""

import json
import re
from collections.abc import Callable
from gettext import c2py
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r'^(?:(msgid|msgid_plural|msgstr)(?:\[\d+\])? )?"(.*)"$', re.MULTILINE)
_PLURAL_FORMS = re.compile(r"plural=([^;]+);")


class Catalogue(NamedTuple):
    """``texts``: the forms of each message, by its ``msgid``. ``plural``: which form a count takes."""

    texts: dict[str, list[str]]
    plural: Callable[[int], int]

    def text(self, key: str, count: int | None = None) -> str | None:
        """Return the message, in the form for ``count``; ``None`` if the catalogue has no such key."""
        forms = self.texts.get(key)
        if forms is None or count is None:
            return forms[0] if forms else None
        return forms[min(self.plural(count), len(forms) - 1)]


def read_catalogue(*paths: Path) -> Catalogue:
    """Read the files of one language. Raises ``OSError``."""
    texts: dict[str, list[str]] = {}
    for path in paths:
        texts |= _read_texts(path.read_text("utf-8"))
    (header,) = texts.pop("")
    rule = _PLURAL_FORMS.search(header)
    return Catalogue(texts, c2py(rule[1] if rule else "n != 1"))


def _read_texts(text: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    forms: list[str] = []
    keyword = key = ""
    for start, string in _LINE.findall(text):
        keyword = start or keyword
        part = json.loads(f'"{string}"') if "\\" in string else string  # JSON has the same escapes
        if start == "msgid":
            key, forms = part, []
        elif start == "msgstr":
            forms.append(part)
            texts[key] = forms
        elif not start and keyword == "msgid":
            key += part
        elif not start and keyword == "msgstr":
            forms[-1] += part
    return texts
