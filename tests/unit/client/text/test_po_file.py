"""The reader of ``.po`` files, compared with Babel's."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from chatroom.client.text import i18n
from chatroom.client.text.po_file import read_catalogue

CATALOGUES = sorted(i18n.FOLDER.rglob("*.po"))

SAMPLE = r"""# A comment.
msgid ""
msgstr ""
"Language: en\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#. Another comment.
msgid "quoted"
msgstr "a \"quote\", a \\ and\ta tab"

msgid "long"
msgstr ""
"first line\n"
"second line"

msgid "saved"
msgid_plural "saved"
msgstr[0] "{count} message"
msgstr[1] "{count} messages"
"""


def test_catalogues_are_found() -> None:
    assert len(CATALOGUES) == len(i18n.LANGUAGES) * len(i18n.DOMAINS)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "/".join(path.parts[-3:]))
def test_texts_are_read_as_babel_reads_them(path: Path) -> None:
    with open(path, "rb") as file:
        expected = {
            message.id if isinstance(message.id, str) else message.id[0]: (
                [message.string] if isinstance(message.string, str) else list(message.string or ())
            )
            for message in read_po(file)
            if message.id
        }
    assert read_catalogue(path).texts == expected


def test_escapes_and_continued_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "sample.po").write_text(SAMPLE, "utf-8")
    sample = read_catalogue(tmp_path / "sample.po")
    assert sample.text("quoted") == 'a "quote", a \\ and\ta tab'
    assert sample.text("long") == "first line\nsecond line"


def test_count_chooses_the_plural_form(tmp_path: Path) -> None:
    (tmp_path / "sample.po").write_text(SAMPLE, "utf-8")
    sample = read_catalogue(tmp_path / "sample.po")
    assert [sample.text("saved", count) for count in (0, 1, 2)] == [
        "{count} messages",
        "{count} message",
        "{count} messages",
    ]


def test_unknown_key_and_the_header_have_no_text(tmp_path: Path) -> None:
    (tmp_path / "sample.po").write_text(SAMPLE, "utf-8")
    sample = read_catalogue(tmp_path / "sample.po")
    assert sample.text("nothing") is None
    assert sample.text("") is None
