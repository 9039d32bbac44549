"""The tables of commands and keys in the READMEs, generated from the program's tables.

``python -m tests.support.readme_tables`` writes them; ``tests/test_docs.py`` compares them.
"""

import re
from pathlib import Path

from chatroom.client.commands.table import COMMANDS
from chatroom.client.text import i18n
from chatroom.client.text.keys import KEYS
from tests.support.processes import ROOT

READMES = {"README.md": "en", "README.zh-CN.md": "zh"}
"""And their languages."""

_HEADINGS = {
    "en": (("command", "meaning", "also"), ("key", "meaning")),
    "zh": (("命令", "含义", "别名"), ("按键", "含义")),
}


def readme_tables(language: str) -> list[str]:
    """Return the table of commands and the table of keys, in Markdown."""
    i18n.use_language(language)
    commands = [
        (
            f"`{i18n.command_usage(row.usage)}`",
            i18n.translate(row.help),
            " ".join(f"`/{alias}`" for alias in row.aliases),
        )
        for row in COMMANDS
    ]
    keys = [(row.name, i18n.translate(row.help)) for row in KEYS]
    command_heading, key_heading = _HEADINGS[language]
    return [_table([command_heading, *commands]), _table([key_heading, *keys])]


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return re.sub(r" +(?=\|$)", " ", "\n".join(lines), flags=re.MULTILINE) + "\n"


def tables_in(text: str) -> list[str]:
    """Return the tables of commands and keys in a README: those whose first column is one or the other."""
    first_cells = "|".join(heading[0] for headings in _HEADINGS.values() for heading in headings)
    return re.findall(rf"^\| (?:{first_cells}) \|.*\n(?:\|.*\n)*", text, flags=re.MULTILINE)


def main() -> None:
    for name, language in READMES.items():
        path = Path(ROOT / name)
        text = path.read_text("utf-8")
        for old, new in zip(tables_in(text), readme_tables(language), strict=True):
            text = text.replace(old, new)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
