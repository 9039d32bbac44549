"""Every word that a person reads, in the person's language. The counterpart is ``locale/``.

A message is named by a key (an error's code is one), and the catalogue of a language fills in the facts:
``say("room_full", room="#lab", members=2, capacity=2)``. ``locale/<language>/LC_MESSAGES/`` holds two
catalogues, ``client`` and, for what only the full screen says, ``screen``. After a change of a ``.po``::

    pybabel compile --directory client/locale --domain "client screen"
"""

import gettext
import os
import re
from collections.abc import Mapping
from pathlib import Path

from chatroom.protocol.safe import safe_text

LANGUAGES = ("en", "zh")
DOMAINS = ("client", "screen")
FOLDER = Path(__file__).parents[1] / "locale"


language = ""
"""The language in use, ``en`` or ``zh``: one for the whole program, as there is one person before it."""

_catalogue: gettext.NullTranslations

_CODE = re.compile(r"[a-z_]{1,64}(?:\.[a-z_]{1,64})?")
_ARGUMENT = re.compile(r"\b[A-Z]{2,}\b")


class TranslatedFact(str):
    """A fact that is a key itself: it is worded when it is said, in the language of then."""


class _MessageFacts(dict[str, object]):
    """Facts that are missing show as ``?``: a server's errors may hold less than we know how to say."""

    def __missing__(self, key: str) -> str:
        return "?"


def use_language(wanted: str) -> None:
    """Speak this language from now on; any other than ours is English."""
    global language, _catalogue
    language = wanted if wanted in LANGUAGES else "en"
    _catalogue = gettext.NullTranslations()
    for domain in DOMAINS:
        more = gettext.translation(domain, FOLDER, [language], fallback=True)
        more.add_fallback(_catalogue)
        _catalogue = more


def locale_language(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the locale asks for: Chinese for any Chinese one, else English."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def translate(key: str, /, **facts: object) -> str:
    """The words for a key. Facts may come from anywhere, and are made safe here.

    A fact called ``count`` chooses between one and many; one called ``command_usage`` is worded by
    ``command_usage``. A key
    without words is no template: it may come from a server.
    """
    if not key:
        return ""  # under the empty key stands the catalogue's own header
    count = facts.get("count")
    words = _catalogue.ngettext(key, key, count) if isinstance(count, int) else key
    if words == key:
        words = _catalogue.gettext(key)
    if words == key:
        return safe_text(key)
    if "usage" in facts:
        facts["usage"] = command_usage(str(facts["usage"]))
    return words.format_map(_MessageFacts({name: _show_fact(fact) for name, fact in facts.items()}))


def refusal(code: str, facts: Mapping[str, object]) -> str:
    """The words for an error's code; a code without words, of a newer server say, is named itself."""
    return translate(code, **facts) if is_code(code) else translate("unknown_code", code=code)


def is_code(code: str) -> bool:
    """Whether there are words for this code of an error. A server may send any text in its place."""
    return _CODE.fullmatch(code) is not None and has_translation(code)


def command_usage(line: str) -> str:
    """How a command is written, with what stands for its arguments in words: ``/join ROOM [NICK]``."""
    return _ARGUMENT.sub(lambda found: translate(f"argument.{found[0]}"), line)


def message_pattern(key: str) -> str:
    """The words for a key with places for the facts, for whoever fills in very many; they make them safe."""
    return _catalogue.gettext(key)


def is_yes(answer: str) -> bool:
    """Whether a question that ends with ``[y/N]`` is answered with yes, in any of the languages."""
    return answer.strip().lower() in ("y", "yes", "是", "确定", "确认")


def has_translation(key: str) -> bool:
    """Whether there are words for this key: a server may be newer than this client."""
    return bool(key) and _catalogue.gettext(key) != key


def _show_fact(fact: object) -> str:
    if isinstance(fact, TranslatedFact):
        return translate(fact)
    if isinstance(fact, float):
        return f"{fact:.1f}".removesuffix(".0")
    try:
        return safe_text(str(fact))
    except ValueError:  # a whole number of more digits than Python writes
        return "?"


use_language(locale_language())
