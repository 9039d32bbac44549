"""Passwords typed at a terminal: without echo, and ended by signals."""

import os
import pty
import signal
import termios
from collections.abc import Iterator

import pytest

from chatroom.client.line_ui.stdin import read_hidden_line


@pytest.fixture
def keyboard() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: keys are written to the first, and programs read the second."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


def has_echo(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.parametrize(
    ("keys", "line"),
    [(b"secret\n", "secret"), ("密码123\n".encode(), "密码123"), (b"caf\xe9\n", "caf\ufffd"), (b"\x04", "")],
)
def test_hidden_line_is_read(keyboard: tuple[int, int], keys: bytes, line: str) -> None:
    keys_end, terminal = keyboard
    os.write(keys_end, keys)
    assert read_hidden_line(terminal) == line
    assert has_echo(terminal)


def test_interrupt_just_before_the_wait_ends_it(
    keyboard: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Event loops replace the handler of SIGINT by one that does not raise."""
    _, terminal = keyboard
    earlier_handler = signal.signal(signal.SIGINT, lambda number, frame: None)
    set_attributes = termios.tcsetattr

    def interrupt(*arguments: object) -> None:
        set_attributes(*arguments)  # type: ignore[arg-type]  # three, as this function gets them
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(termios, "tcsetattr", interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            read_hidden_line(terminal)
    finally:
        signal.signal(signal.SIGINT, earlier_handler)
    assert has_echo(terminal)
