"""The texts of the client, in the user's language.

A text has a key (an error's code is one); ``translate`` fills in the facts:
``translate("room_full", room="#lab", members=2, capacity=2)``. ``locale/<language>/LC_MESSAGES/`` holds two
catalogues: ``client.po``, and ``screen.po`` for the texts that only the full screen shows. They are read as
they are, so a change takes effect at the next start.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from chatroom.client.text.po_file import Catalogue, read_catalogue
from chatroom.protocol.safe import safe_text

LANGUAGES = ("en", "zh")
DOMAINS = ("client", "screen")
FOLDER = Path(__file__).parents[1] / "locale"


language = ""
"""The language in use, ``en`` or ``zh``: one for the whole process."""

_catalogue: Catalogue

_CODE = re.compile(r"[a-z_]{1,64}(?:\.[a-z_]{1,64})?")
_ARGUMENT = re.compile(r"\b[A-Z]{2,}\b")


class TranslatedFact(str):
    """A fact that is a key itself: it is translated when the text is made, in the language in use then."""


class _MessageFacts(dict[str, object]):
    """Shows missing facts as ``?``: an error may have fewer details than its text has fields."""

    def __missing__(self, key: str) -> str:
        return "?"


def use_language(name: str) -> None:
    """Use this language from now on; English if there is no catalogue for it."""
    global language, _catalogue
    language = name if name in LANGUAGES else "en"
    _catalogue = _load_catalogue(language)


@lru_cache
def _load_catalogue(name: str) -> Catalogue:
    return read_catalogue(*(FOLDER / name / "LC_MESSAGES" / f"{domain}.po" for domain in DOMAINS))


def locale_language(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language of the locale: Chinese for any Chinese locale, else English."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def translate(key: str, /, **facts: object) -> str:
    """Return the text of a key, with the facts filled in and made safe.

    A fact ``count`` chooses between singular and plural; a fact ``usage`` is a command line whose arguments
    are translated. A key without a text is returned itself: it may come from a server, so it is no template.
    """
    count = facts.get("count")
    text = _catalogue.text(key, count if isinstance(count, int) else None)
    if text is None:
        return safe_text(key)
    if "usage" in facts:
        facts["usage"] = command_usage(str(facts["usage"]))
    return text.format_map(_MessageFacts({name: _show_fact(fact) for name, fact in facts.items()}))


def refusal(code: str, facts: Mapping[str, object]) -> str:
    """Return the text of an error code. An unknown code, such as one of a newer server, is shown itself."""
    return translate(code, **facts) if is_code(code) else translate("unknown_code", code=code)


def is_code(code: str) -> bool:
    """Whether this is an error code with a text. A server may send any string as a code."""
    return _CODE.fullmatch(code) is not None and has_translation(code)


def command_usage(line: str) -> str:
    """Translate the arguments in the usage line of a command, such as ``/join ROOM [NICK]``."""
    return _ARGUMENT.sub(lambda match: translate(f"argument.{match[0]}"), line)


def message_pattern(key: str) -> str:
    """Return the text of a key as a template, for callers that fill in many; they make the facts safe."""
    return _catalogue.text(key) or key


def is_yes(answer: str) -> bool:
    """Whether the answer to a ``[y/N]`` question means yes, in any language."""
    return answer.strip().lower() in ("y", "yes", "是", "确定", "确认")


def has_translation(key: str) -> bool:
    """Whether there is a text for this key: a server may be newer than this client."""
    return _catalogue.text(key) is not None


def _show_fact(fact: object) -> str:
    if isinstance(fact, TranslatedFact):
        return translate(fact)
    if isinstance(fact, float):
        return f"{fact:.1f}".removesuffix(".0")
    try:
        return safe_text(str(fact))
    except ValueError:  # an integer with more digits than Python converts
        return "?"


use_language(locale_language())
