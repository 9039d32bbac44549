"""All texts exist in both languages, and every key of the code has a text."""

import ast
import re
import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from chatroom.client.commands.table import COMMANDS
from chatroom.client.storage.config import SETTINGS
from chatroom.client.text import i18n
from chatroom.client.text.keys import KEYS
from chatroom.protocol.errors import CODES

CLIENT = Path(i18n.__file__).parents[1]


def catalogue(language: str, domain: str) -> Catalog:
    with open(i18n.FOLDER / language / "LC_MESSAGES" / f"{domain}.po", "rb") as file:
        return read_po(file, locale=language)


def texts_of(message: Message) -> list[str]:
    """Return the texts for one and for several."""
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def key_of(identity: str | Sequence[str]) -> str:
    return identity if isinstance(identity, str) else identity[0]


def facts_of(texts: list[str]) -> set[str]:
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("domain", i18n.DOMAINS)
def test_languages_have_same_keys_and_facts(domain: str) -> None:
    english = {key_of(entry.id): entry for entry in catalogue("en", domain) if entry.id}
    chinese = {key_of(entry.id): entry for entry in catalogue("zh", domain) if entry.id}
    assert english.keys() == chinese.keys()
    for key, entry in english.items():
        assert entry.string, key
        assert chinese[key].string, key
        assert facts_of(texts_of(chinese[key])) <= facts_of(texts_of(entry)) | {"count"}, key


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_code_command_key_and_setting_has_text(language: str) -> None:
    i18n.use_language(language)
    needed = [
        *CODES,
        *(command.help for command in COMMANDS),
        *(key.help for key in KEYS),
        *(setting.help for setting in SETTINGS),
    ]
    assert [key for key in needed if not i18n.has_translation(key)] == []


def test_every_key_in_source_has_text() -> None:
    unknown = {
        f"{path.name}: {key}"
        for path in CLIENT.rglob("*.py")
        for key in _keys_named_in(ast.parse(path.read_text("utf-8")))
        if not i18n.has_translation(key)
    }
    assert unknown == set()


def _keys_named_in(tree: ast.Module) -> set[str]:
    """Yield the literal keys in the calls that translate, show a note or refuse."""
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            key = first.value if isinstance(first, ast.Constant) else ""
            if key and name in ("translate", "note", "show", "Refused", "UsageError"):
                named.add(str(key))
    return named


def test_count_selects_singular_or_plural() -> None:
    assert i18n.translate("saved", path="log.txt", count=1) == "Saved 1 message to log.txt"
    assert i18n.translate("saved", path="log.txt", count=2) == "Saved 2 messages to log.txt"


def test_facts_are_escaped_and_never_formats() -> None:
    text = i18n.translate("unknown_room", room="#\x1b[2J{capacity}\n")
    assert "\x1b" not in text
    assert "\n" not in text
    assert "{capacity}" in text


def test_missing_facts_show_question_mark() -> None:
    assert i18n.translate("room_full").startswith("Room ? is full")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANGUAGE": "zh_TW:en", "LANG": "C"}, "zh"),
        ({"LANG": "C"}, "en"),
        ({}, "en"),
    ],
)
def test_locale_selects_language(environment: dict[str, str], language: str) -> None:
    assert i18n.locale_language(environment) == language


def test_transcript_notices_have_the_required_words() -> None:
    i18n.use_language("zh")
    assert i18n.translate("log.enter.room", nickname="ALICE") == '昵称为"ALICE"的用户进入了房间。'
    assert i18n.translate("log.leave.room", nickname="ALICE") == '昵称为"ALICE"的用户退出了房间。'
    assert i18n.translate("log.enter.direct", nickname="ALICE") == '昵称为"ALICE"的用户进入了私聊。'
    assert i18n.translate("log.leave.direct", nickname="ALICE") == '昵称为"ALICE"的用户退出了私聊。'


def test_every_notice_has_a_sentence_for_the_transcript() -> None:
    notices = [key for key in _keys("en", "client") if key.startswith("notice.")]
    assert notices
    assert [key for key in notices if not i18n.has_translation(key.replace("notice.", "log.", 1))] == []


LOG_KEYS = ("log.", "said.", "change.")
"""Texts of log.txt, which has the report's half-width punctuation, and parts of sentences."""


@pytest.mark.parametrize("domain", i18n.DOMAINS)
def test_chinese_texts_have_full_width_punctuation_and_one_form_of_address(domain: str) -> None:
    texts = {
        key: texts_of(entry) for key, entry in _keys("zh", domain).items() if not key.startswith(LOG_KEYS)
    }
    assert texts
    wrong = {
        key: text
        for key, forms in texts.items()
        for text in forms
        if re.search(r"[\u4e00-\u9fff][,:;?!()]|[,;?!()][\u4e00-\u9fff]| （|您", text)
    }
    assert wrong == {}


ENGLISH_PARAPHRASES = r"\b(somebody|anybody|nobody|whoever|oneself|calls you|on its way|put out)\b"


@pytest.mark.parametrize("domain", i18n.DOMAINS)
def test_english_texts_avoid_paraphrases(domain: str) -> None:
    texts = {key: texts_of(entry) for key, entry in _keys("en", domain).items()}
    assert texts
    assert [
        key for key, forms in texts.items() if re.search(ENGLISH_PARAPHRASES, " ".join(forms), re.I)
    ] == []


def _keys(language: str, domain: str) -> dict[str, Message]:
    return {key_of(entry.id): entry for entry in catalogue(language, domain) if entry.id}
