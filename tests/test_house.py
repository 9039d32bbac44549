"""What holds for every room of the house, and no single test would see."""

import ast
import configparser
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

from db import messages, revisions, terms
from protocol import safe, values
from protocol.requests import SentKind
from tests.processes import ROOT

PACKAGES = ("client", "db", "protocol", "server")
MODULES = sorted(path for name in (*PACKAGES, "tests", "bench") for path in (ROOT / name).rglob("*.py"))

LONGEST = 450
"""Lines; what is longer is two modules. A table of characters is no module to be read."""
TABLES = {ROOT / "protocol" / "confusables.py"}

WHEN_NEEDED = {
    ROOT / "db" / "migrate.py",  # Alembic, for a database that lacks a step
}
"""Where an import waits until somebody needs it, because most starts would lose time by it and nothing else.
What these starts do without is told in ``test_start``."""


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def names(paths: Iterator[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_a_module_opens_with_what_it_is_for() -> None:
    assert not names(
        path for path in MODULES if source(path) and not ast.get_docstring(ast.parse(source(path)))
    )


def test_a_module_can_be_read_in_one_sitting() -> None:
    assert not names(path for path in MODULES if source(path).count("\n") > LONGEST and path not in TABLES)


def test_nothing_is_imported_inside_a_function() -> None:
    unasked = (path for path in MODULES if path not in WHEN_NEEDED)
    assert not names(path for path in unasked if any(imports_inside(ast.parse(source(path)))))


def imports_inside(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b")
    assert not names(path for path in MODULES if words.search(source(path)))


def test_a_folder_with_modules_is_a_package() -> None:
    """Without ``__init__`` it works in the checkout and is missing in the wheel."""
    ours = (path for path in MODULES if path.relative_to(ROOT).parts[0] in PACKAGES)
    assert not names(path for path in ours if not (path.parent / "__init__.py").exists())


def test_every_file_that_is_no_module_is_installed_too() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    data = {package: patterns.split() for package, patterns in setup["options.package_data"].items()}
    for package in PACKAGES:
        folder = ROOT / package
        installed = {path for pattern in data.get(package, []) for path in folder.glob(pattern)}
        others = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
        assert not names(iter(others - installed))


def test_the_line_front_ends_write_to_the_terminal_in_one_module_only() -> None:
    writes = re.compile(r"\bprint\(|\bstd(?:out|err)\.write\(|\bsys\.exit\((?:f?\"|text)")
    ours = (path for path in (ROOT / "client").rglob("*.py") if path.name != "line_output.py")
    assert not names(path for path in ours if writes.search(source(path)))


def test_search_and_display_ignore_the_same_invisible_characters() -> None:
    """``db`` and ``protocol`` do not import each other."""
    assert terms.INVISIBLE == safe.IGNORABLE


def test_siblings_that_do_not_know_each_other_mean_the_same_kinds_of_message() -> None:
    assert set(messages.SPOKEN_KINDS) == values.SPOKEN_KINDS
    assert set(revisions.KINDS) == values.CHANGE_KINDS
    assert set(get_args(SentKind)) == values.SPOKEN_KINDS | values.CHANGE_KINDS
