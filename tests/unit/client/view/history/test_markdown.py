"""Light Markdown: styles are added, no character is hidden, no text takes long."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.view.history.markdown import MAX_CODE, markdown_row
from tests.unit.client.view.fake import FakeApp, make_message
from tests.unit.client.view.harness import ScreenHarness, run_steps


def styled(text: str) -> list[tuple[str, str]]:
    """Return the parts that have a style, with the names of the styles."""
    return [(style.removeprefix("x "), part) for style, part in markdown_row(text, "x") if style != "x"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a **b** c", [("class:strong", "**b**")]),
        ("a *b* _c_ `d`", [("class:emphasis", "*b*"), ("class:emphasis", "_c_"), ("class:code", "`d`")]),
        ("这是*重点*和`代码`", [("class:emphasis", "*重点*"), ("class:code", "`代码`")]),
        ("snake_case_name 2*3*4 a * b * c **", []),
        ("> quoted\n- item", [("class:quote", "> quoted"), ("class:strong", "-")]),
        ("```\n*x*\n```", [("class:hint", "```\n"), ("class:code", "*x*\n"), ("class:hint", "```")]),
        ("```\nnot closed *x*", [("class:emphasis", "*x*")]),
    ],
)
def test_parts_get_styles(text: str, parts: list[tuple[str, str]]) -> None:
    assert styled(text) == parts


def test_code_of_a_known_language_has_colours() -> None:
    parts = styled("```python\ndef f(): pass  # x\n```")
    assert ("class:code class:syntax.keyword", "def") in parts
    assert ("class:code class:syntax.comment", "# x") in parts
    assert ("class:code", "x" * MAX_CODE + "\n") in styled(f"```python\n{'x' * MAX_CODE}\n```")


def test_starting_the_screen_does_not_import_pygments() -> None:
    code = "import sys, chatroom.client.view.screen; sys.exit('pygments' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(alphabet="ab *_`>#~-1.\n你", max_size=60))
def test_nothing_is_hidden(text: str) -> None:
    assert "".join(part for _, part in markdown_row(text, "x")) == text


@pytest.mark.parametrize(
    "text",
    [
        "*" * 4000,
        "**a " * 1300,
        "`a" * 2000,
        "```\n" * 1000,
        "> " * 2000,
        "```html\n" + "<a " * 600 + "\n```",
    ],
)
def test_hostile_text_keeps_its_characters(text: str) -> None:
    assert "".join(part for _, part in markdown_row(text, "x")) == text


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("setting", ["on", "off"])
def test_screen_shows_styles_unless_the_setting_is_off(alice: FakeApp, setting: str) -> None:
    alice.config.markdown = setting
    zoo = alice.state.conversations["#zoo"]
    zoo.timeline.messages.append(make_message("see **this** now", seq=4, conversation="#zoo"))

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("see **this** now")
        row = next(at for at, line in enumerate(screen.lines) if "**this**" in line)
        cell = screen.cell(row, screen.lines[row].index("this"))
        assert cell.bold is (setting == "on")

    run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_found_words_are_marked_until_esc(alice: FakeApp) -> None:
    alice.state.search_terms = ("message", "3")

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("message 3")
        row = next(at for at, line in enumerate(screen.lines) if "message 3" in line)
        column = screen.lines[row].index("message")
        assert screen.cell(row, column).reverse
        screen.press("Esc")
        await screen.wait_until(lambda: not screen.cell(row, column).reverse, "for Esc")

    run_steps(alice, steps)
