"""Keys, pastes and focus reports from what a terminal sends, piece by piece."""

import asyncio

import pytest
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatroom.client.view.input import terminal_input
from chatroom.client.view.input.terminal_input import TerminalParser, brackets_pastes

START, END = "\x1b[200~", "\x1b[201~"


class Keyboard:
    """A parser and what came out of it: typed text, and pastes in brackets."""

    def __init__(self, *, brackets: bool = True) -> None:
        self.parsed: list[str] = []
        self.late: asyncio.Queue[str] = asyncio.Queue()
        self.focus: list[bool] = []
        self.parser = TerminalParser(
            lambda key: self.parsed.append(_shown(key)),
            lambda key: self.late.put_nowait(_shown(key)),
            self.focus.append,
            brackets=brackets,
        )

    def feed(self, *reads: str) -> "Keyboard":
        for read in reads:
            self.parser.feed(read)
        return self


def _shown(key: KeyPress) -> str:
    return f"<{key.data}>" if key.key == Keys.BracketedPaste else key.data


async def test_paste_in_pieces_is_one_paste() -> None:
    keyboard = Keyboard().feed("a", START + "b\r", "c", END[:3], END[3:] + "d")
    assert keyboard.parsed == ["a", "<b\rc>", "d"]


async def test_paste_without_end_is_delivered_after_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_input, "PASTE_TIMEOUT", 0.01)
    keyboard = Keyboard().feed(START + "abc")
    assert keyboard.parsed == []
    assert await keyboard.late.get() == "<abc>"
    assert keyboard.feed("d", "\r").parsed == ["d", "\r"]


async def test_late_end_of_a_paste_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_input, "PASTE_TIMEOUT", 0.01)
    keyboard = Keyboard().feed(START + "abc")
    await keyboard.late.get()
    assert keyboard.feed("d\re" + END + "f").parsed == ["<d\re>", "f"]
    assert keyboard.feed("one\rtwo\r").parsed[2:] == [*"one", "\r", *"two", "\r"]


async def test_ctrl_c_ends_a_paste_without_end() -> None:
    assert Keyboard().feed(START + "abc", "\x03", "d").parsed == ["<abc>", "\x03", "d"]


async def test_huge_paste_is_delivered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_input, "MAX_PASTE", 10)
    keyboard = Keyboard().feed(START + "a" * 11, "b" * 11, "c" + END, "d")
    assert keyboard.parsed == [f"<{'a' * 11}>", f"<{'b' * 11}>", "<c>", "d"]


async def test_lines_in_one_read_are_typed_lines() -> None:
    assert Keyboard().feed("one\rtwo\r").parsed == [*"one", "\r", *"two", "\r"]


async def test_lines_of_a_terminal_without_brackets_are_a_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_input, "BURST_TIMEOUT", 0.01)
    keyboard = Keyboard(brackets=False).feed("one\rtwo\r", "\rthree\r")
    assert await keyboard.late.get() == "<one\rtwo\r\rthree\r\r>"  # its last line end is kept
    assert keyboard.feed("x", "\r").parsed == ["x", "\r"]


@pytest.mark.parametrize("read", ["x", "\r", "line\r", "\x1b[A\r", "/join lab\rhello\r", "é", "\r\r"])
async def test_other_input_of_a_terminal_without_brackets_is_typed(read: str) -> None:
    assert "".join(Keyboard(brackets=False).feed(read).parsed) == read


async def test_terminal_with_brackets_is_recognised() -> None:
    keyboard = Keyboard(brackets=False).feed(START + "a" + END)
    assert keyboard.feed("one\rtwo\r").parsed[1:] == [*"one", "\r", *"two", "\r"]


async def test_focus_reports_are_no_keys() -> None:
    keyboard = Keyboard().feed("a\x1b[O", "\x1b[", "Ib")
    assert keyboard.parsed == ["a", "b"]
    assert keyboard.focus == [False, True]


@pytest.mark.parametrize(
    ("environment", "brackets"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "linux"}, False),
        ({"TERM": "vt100"}, False),
        ({"TERM": "screen.xterm-256color"}, False),
        ({"TERM": "screen-256color", "TMUX": "x"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({}, True),
    ],
)
def test_terminals_that_bracket_pastes(environment: dict[str, str], brackets: bool) -> None:
    assert brackets_pastes(environment) is brackets
