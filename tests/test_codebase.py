"""Rules for the whole code base that no single test would notice."""

import ast
import configparser
import re
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from chatroom.db.queries import messages, revisions
from chatroom.db.search import tokenizer
from chatroom.protocol import safe, values
from chatroom.protocol.requests import SentKind
from tests.support.processes import ROOT

PACKAGES = ("client", "db", "protocol", "server")
MODULES = sorted(path for name in (*PACKAGES, "tests", "bench") for path in (ROOT / name).rglob("*.py"))
OURS = [path for path in MODULES if path.relative_to(ROOT).parts[0] in PACKAGES]

MAX_LINES = 450
"""A longer module is two modules. A table of characters is not meant to be read."""
TABLES = {ROOT / "protocol" / "confusables.py"}

MAX_MODULES = 16
"""In one folder of the packages, ``__init__`` not counted."""

MAX_METHODS = 25
"""In one class, special methods not counted. A larger class does several things."""
LARGE_CLASSES = {
    "ClientSession",  # one state machine: the order of a session's requests depends on all of its state
}

LAZY_IMPORTS = {
    ROOT / "server" / "cluster" / "nats_bus.py",  # the library of the extra `cluster`
    ROOT / "server" / "http" / "start.py",  # the libraries of the extra `http`
    ROOT / "db" / "migrate.py",  # Alembic, only for a database that lacks a migration
}
"""Modules that may import inside a function, because most starts do not need what is imported."""

VAGUE = re.compile(
    r"\b(somebody|someone|anybody|anyone|nobody|no one|everybody|everyone|whoever|whomever|oneself"
    r"|wherever|whatever)\b",
    re.IGNORECASE,
)
"""Words used in place of the name of a thing: session, sender, member, process."""

MAX_VAGUE = 1 / 1000
"""Of the words of prose."""

VAGUE_NAMES = {"found", "heard", "here", "kept", "meant", "one", "said", "seen", "them", "there", "told",
               "wanted", "what", "which", "who"}  # fmt: skip
"""Names that do not tell whether the value is a row, a message, a frame or an account."""

MAX_ONE_WORD = {"functions": 0.47, "classes": 0.36}
"""The share of names that are a single word, outside ``protocol``, whose classes are the frames of the
wire."""


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(source(path))


def relative(paths: Iterator[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_modules_are_found() -> None:
    assert len(OURS) > 100


def test_module_begins_with_docstring() -> None:
    assert not relative(path for path in MODULES if source(path) and not ast.get_docstring(tree(path)))


def test_module_is_short_enough_to_read() -> None:
    assert not relative(
        path for path in MODULES if source(path).count("\n") > MAX_LINES and path not in TABLES
    )


def test_folder_has_few_modules() -> None:
    modules = Counter(
        path.parent for path in OURS if path.name != "__init__.py" and path.parent.name != "versions"
    )
    assert not [str(folder) for folder, count in modules.items() if count > MAX_MODULES]


def test_imports_stand_at_module_level() -> None:
    modules = (path for path in MODULES if path not in LAZY_IMPORTS)
    assert not relative(path for path in modules if any(imports_inside(tree(path))))


def imports_inside(module: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b")
    assert not relative(path for path in MODULES if words.search(source(path)))


def test_folder_with_modules_is_package() -> None:
    """A folder without ``__init__`` works in the checkout and is missing in the wheel."""
    assert not relative(path for path in OURS if not (path.parent / "__init__.py").exists())


def test_package_list_matches_folders() -> None:
    folders = {path.parent.relative_to(ROOT).parts for path in OURS if path.name == "__init__.py"}
    assert set(setup_cfg()["options"]["packages"].split()) == {
        ".".join(("chatroom", *folder)) for folder in folders
    }


def test_every_other_file_is_package_data() -> None:
    data = {package: patterns.split() for package, patterns in setup_cfg()["options.package_data"].items()}
    for package in PACKAGES:
        folder = ROOT / package
        installed = {path for pattern in data.get(f"chatroom.{package}", []) for path in folder.glob(pattern)}
        installed |= {path for pattern in data["*"] for path in folder.rglob(pattern)}
        others = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
        assert not relative(iter(others - installed))


def setup_cfg() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def test_class_name_is_unique_outside_protocol() -> None:
    names = Counter(
        node.name
        for path in OURS
        if path.relative_to(ROOT).parts[0] != "protocol"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    )
    assert len(names) > 100
    assert not [name for name, count in names.items() if count > 1]


def test_class_has_few_methods() -> None:
    methods = {
        node.name: sum(
            isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and not part.name.startswith("__")
            for part in node.body
        )
        for path in OURS
        if path.relative_to(ROOT).parts[0] != "protocol"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    assert {name for name, count in methods.items() if count > MAX_METHODS} <= LARGE_CLASSES


def test_test_cannot_pass_without_an_assertion() -> None:
    """A test whose assertions are all in a loop, or in ``all()``, passes if there is nothing to loop over."""
    tests = [
        (path, node)
        for path in MODULES
        if path.name.startswith("test_")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert len(tests) > 1000
    assert not [f"{path.relative_to(ROOT)}: {test.name}" for path, test in tests if can_pass_on_nothing(test)]


def can_pass_on_nothing(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if any("given" in ast.unparse(decorator) for decorator in test.decorator_list):
        return False  # hypothesis also tries inputs with elements
    filled = {
        target.id
        for node in ast.walk(test)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_filled(node.value)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    asserts = [node for node in ast.walk(test) if isinstance(node, ast.Assert)]
    looped = {
        id(node)
        for loop in ast.walk(test)
        if isinstance(loop, ast.For | ast.AsyncFor) and not is_filled(loop.iter, filled)
        for node in ast.walk(loop)
        if isinstance(node, ast.Assert)
    }
    return bool(asserts) and all(id(node) in looped or is_vacuous(node.test, filled) for node in asserts)


def is_vacuous(condition: ast.expr, filled: set[str]) -> bool:
    """Whether it is ``all(…)`` of something that may be empty."""
    if not (isinstance(condition, ast.Call) and ast.unparse(condition.func) == "all"):
        return False
    (values,) = condition.args
    loops = values.generators if isinstance(values, ast.GeneratorExp | ast.ListComp) else []
    return not loops or any(not is_filled(loop.iter, filled) for loop in loops)


def is_filled(iterable: ast.expr, filled: Collection[str] = ()) -> bool:
    """Whether an iterable surely has elements: a literal, a range, a constant, or made of these."""
    match iterable:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return bool(elements)
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in filled or name.isupper()
        case ast.Call(func=ast.Name(id="range")):
            return True
        case ast.Call(func=ast.Name(id=("enumerate" | "zip" | "sorted" | "reversed" | "list"))):
            return any(is_filled(argument, filled) for argument in iterable.args)
    return False


def test_import_is_not_renamed() -> None:
    allowed = {"sa", "Path"}
    renamed = [
        f"{path.relative_to(ROOT)}: {alias.name} as {alias.asname}"
        for path in OURS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chatroom")
        for alias in node.names
        if alias.asname and alias.asname not in allowed
    ]
    assert not renamed


@pytest.mark.parametrize(
    ("kind", "types", "parts"),
    [
        ("functions", (ast.FunctionDef, ast.AsyncFunctionDef), r"[a-z0-9]+"),
        ("classes", (ast.ClassDef,), r"[A-Z][a-z0-9]*"),
    ],
)
def test_few_names_are_one_word(kind: str, types: tuple[type[ast.AST], ...], parts: str) -> None:
    names = [
        node.name.strip("_")
        for path in OURS
        if kind == "functions" or path.relative_to(ROOT).parts[0] != "protocol"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and isinstance(node, types)
        and not node.name.startswith("__")
    ]
    single = [name for name in names if len(re.findall(parts, name)) == 1]
    assert len(names) > 100
    assert len(single) / len(names) <= MAX_ONE_WORD[kind]


def test_name_tells_what_the_value_is() -> None:
    modules = (path for path in MODULES if path.relative_to(ROOT).parts[0] != "protocol")
    vague = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules
        for name, line in bound_names(tree(path))
        if name.strip("_") in VAGUE_NAMES
    ]
    assert not vague


def bound_names(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the names of functions, parameters, variables and attributes where they are defined."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=str(name)) | ast.AsyncFunctionDef(name=str(name)):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno


def test_bound_names_are_found() -> None:
    module = ast.parse(
        "def a(b, *c):\n d = lambda e: [f for f in e]\n b.g = 1\n match d:\n  case [*h, i]: pass"
    )
    assert {name for name, _ in bound_names(module)} == set("abcdefghi")


def prose(path: Path) -> str:
    """The docstrings and comments of a module, or the text of a document without its code blocks."""
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`\n]*`", "", source(path), flags=re.DOTALL)
    strings = [
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    comments = re.findall(r"(?:^|\s)#\s(.*)$", source(path), flags=re.MULTILINE)
    return "\n".join([*(str(string.value) for string in strings), *comments])


def test_prose_names_its_subjects() -> None:
    documents = [ROOT / name for name in tracked("*.md")]
    text = "\n".join(prose(path) for path in [*MODULES, *documents])
    words = re.findall(r"[A-Za-z']+", text)
    assert len(words) > 10_000
    assert len(VAGUE.findall(text)) / len(words) <= MAX_VAGUE


def tracked(pattern: str) -> list[str]:
    command = ["git", "ls-files", pattern]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_packages_agree_on_kinds_of_message() -> None:
    """``db`` and ``protocol`` do not import each other, so each lists the kinds."""
    assert set(messages.SPOKEN_KINDS) == values.SPOKEN_KINDS
    assert set(revisions.CHANGE_KINDS) == values.CHANGE_KINDS
    assert set(get_args(SentKind)) == values.SPOKEN_KINDS | values.CHANGE_KINDS


def test_line_front_ends_write_to_terminal_in_one_module() -> None:
    writes = re.compile(r"\bprint\(|\bstd(?:out|err)\.write\(|\bsys\.exit\((?:f?\"|text)")
    modules = (path for path in (ROOT / "client").rglob("*.py") if path.name != "line_output.py")
    assert not relative(path for path in modules if writes.search(source(path)))


def test_search_and_display_ignore_the_same_invisible_characters() -> None:
    """``db`` and ``protocol`` do not import each other."""
    assert tokenizer.INVISIBLE == safe.IGNORABLE
