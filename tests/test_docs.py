"""The documents agree with the code."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any, get_args

import msgspec
import pytest

from chatroom.protocol import events, requests, responses, values, wire
from chatroom.protocol.errors import CODES
from chatroom.server.config.settings import SETTINGS
from tests.support.processes import ROOT
from tests.support.readme_tables import READMES, readme_tables, tables_in

STRUCTS: dict[str, dict[str, type[msgspec.Struct]]] = {
    "Values": {
        name.__name__.lower(): name
        for name in (values.Message, values.Room, values.Friend, values.Member, values.User, values.Limits)
    },
    "Requests": {frame.__struct_config__.tag: frame for frame in get_args(requests.AnyRequest)},
    "Responses": {frame.__struct_config__.tag: frame for frame in get_args(responses.AnyResponse)},
    "Events": {frame.__struct_config__.tag: frame for frame in get_args(events.AnyEvent)},
}  # fmt: skip
"""The chapters of the protocol's page and what each must describe."""

EVERYTHING = [(chapter, name) for chapter, structs in STRUCTS.items() for name in structs]


@dataclass
class Section:
    """One frame's or value's description: its fields and whether each is optional, and the example lines."""

    fields: dict[str, bool] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def table(text: str) -> list[list[str]]:
    """The rows of the Markdown tables in a text, heads and rules left out."""
    rows = [re.split(r"(?<!\\)\|", line.strip("|")) for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


@cache
def chapters() -> dict[str, str]:
    """The chapters of the protocol's page by title."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


@cache
def sections(chapter: str) -> dict[str, Section]:
    _, *parts = re.split(r"^### ", chapters()[chapter], flags=re.MULTILINE)
    return {title.strip("`"): _section(text) for title, _, text in (part.partition("\n") for part in parts)}


def _section(text: str) -> Section:
    fields = {row[0].strip("`"): row[1].endswith("optional") for row in table(text)}
    examples = re.findall(r"^```json\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return Section(fields, "".join(examples).splitlines())


def struct_fields(struct: type[msgspec.Struct]) -> dict[str, bool]:
    own = [info for info in msgspec.structs.fields(struct) if info.name != "id"]
    return {info.name: not info.required for info in own}


@pytest.mark.parametrize("chapter", STRUCTS)
def test_protocol_page_describes_exactly_the_frames(chapter: str) -> None:
    assert sections(chapter).keys() == STRUCTS[chapter].keys()


@pytest.mark.parametrize(("chapter", "name"), EVERYTHING)
def test_protocol_page_names_every_field_and_marks_optional_ones(chapter: str, name: str) -> None:
    assert sections(chapter)[name].fields == struct_fields(STRUCTS[chapter][name])


@pytest.mark.parametrize(("chapter", "name"), EVERYTHING)
def test_every_example_is_decoded(chapter: str, name: str) -> None:
    examples = sections(chapter)[name].examples
    assert examples, "no example"
    for example in examples:
        decoded = decode(chapter, name, example)
        assert type(decoded) is STRUCTS[chapter][name]
        assert msgspec.json.decode(msgspec.json.encode(decoded)) == msgspec.json.decode(example)


def decode(chapter: str, name: str, line: str) -> Any:
    match chapter:
        case "Values":
            return msgspec.json.decode(line, type=STRUCTS[chapter][name])
        case "Requests":
            return wire.read_request(line.encode())
    return wire.read_answer(line.encode())


def test_example_conversation_consists_of_valid_frames() -> None:
    lines = re.findall(r"^([<>]) (.*)$", chapters()["A conversation by hand"], flags=re.MULTILINE)
    assert len(lines) > 5
    for side, line in lines:
        read = wire.read_request if side == ">" else wire.read_answer
        assert read(line.encode()) is not None


def test_protocol_page_lists_exactly_the_codes() -> None:
    assert {row[0].strip("`") for row in table(chapters()["Codes"])} == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_facts_of_a_code_match_its_text(code: str) -> None:
    listed = next(row[2] for row in table(chapters()["Codes"]) if row[0] == f"`{code}`")
    worded = set(re.findall(r"{(\w+)", CODES[code].wording))
    assert worded <= set(re.findall(r"`(\w+)`", listed))


@pytest.mark.parametrize("name", STRUCTS["Requests"])
def test_codes_beside_a_request_exist(name: str) -> None:
    _, *parts = re.split(rf"^### `{name}`$", chapters()["Requests"], maxsplit=1, flags=re.MULTILINE)
    listed = re.search(r"Codes: (.*?)\.$", parts[0].partition("### ")[0], flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`(\w+)`", listed[1]) if listed else []
    assert set(named) - STRUCTS["Requests"].keys() <= CODES.keys()


def test_links_inside_the_page_have_targets() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    targets: list[str] = []
    for title in re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        repeats = sum(1 for target in targets if re.fullmatch(re.escape(anchor) + r"(-\d+)?", target))
        targets.append(f"{anchor}-{repeats}" if repeats else anchor)
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= set(targets)


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def first_block(document: str) -> list[str]:
    """The lines of a document's first block of code."""
    return read(document).split("```")[1].splitlines()[1:]


@pytest.mark.parametrize("readme", READMES)
def test_tables_of_the_readme_match_the_program(readme: str) -> None:
    """``python -m tests.support.readme_tables`` writes them."""
    assert tables_in(read(readme)) == readme_tables(READMES[readme])


def setting_rows(document: str) -> list[list[str]]:
    """The rows of the table of settings: it is in the last section."""
    return [row for row in table(read(document).rpartition("\n## ")[2]) if len(row) == 3]


@pytest.mark.parametrize("document", ["docs/operating.md", "docs/operating.zh-CN.md"])
def test_every_setting_is_listed_with_its_default(document: str) -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in setting_rows(document)}
    settings = {name: str(setting.default) for name, setting in SETTINGS.items()}
    assert documented.keys() == settings.keys()
    del documented["data"], settings["data"]  # depends on whose machine it is
    assert documented == settings


def test_every_setting_has_its_own_explanation() -> None:
    documented = {row[0].strip("`"): row[2] for row in setting_rows("docs/operating.md")}
    assert documented == {name: setting.purpose for name, setting in SETTINGS.items()}


def test_operating_pages_begin_with_the_same_synopsis() -> None:
    assert first_block("docs/operating.md") == first_block("docs/operating.zh-CN.md")


def test_every_flag_of_the_server_is_listed() -> None:
    synopsis = first_block("docs/operating.md")
    documented = set(re.findall(r"--[a-z-]+", " ".join(synopsis)))
    finished = subprocess.run(
        [sys.executable, "-m", "chatroom.server", "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "500"},  # a narrow terminal breaks lines inside of flags
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r"--[a-z-]+", finished.stdout)) - documented <= {
        "--help",
        "--show-config",
        "--version",
    }
    assert documented <= set(re.findall(r"--[a-z-]+", finished.stdout))


def test_both_readmes_begin_with_the_same_commands() -> None:
    assert first_block("README.md") == first_block("README.zh-CN.md")
    assert first_block("README.md")[-1].endswith("chat-client")


DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_have_targets(document: str) -> None:
    folder = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(document))
    missing = [link for link in links if "://" not in link and not (folder / link).exists()]
    assert not missing


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_package(readme: str) -> None:
    (plan,) = [block for block in read(readme).split("```") if block.startswith("\nprotocol/")]
    folders = re.findall(r"^(\w+)/", plan, flags=re.MULTILINE)
    assert all((ROOT / folder).is_dir() for folder in folders)
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} <= set(folders)


def message_path() -> list[str]:
    """The functions that ``docs/architecture.md`` names on the path of one message."""
    page = read("docs/architecture.md")
    path = page.partition("## The path of one message")[2].partition("\n## ")[0]
    return re.findall(r"`([a-z_.]+:[A-Za-z_.]+)`", path)


def test_message_path_has_few_hops() -> None:
    assert 20 < len(message_path()) <= 60


@pytest.mark.parametrize("hop", message_path())
def test_hop_of_message_path_exists(hop: str) -> None:
    module, _, name = hop.partition(":")
    assert callable(attrgetter(name)(import_module(f"chatroom.{module}")))
