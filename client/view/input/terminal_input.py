"""Turns the bytes of the terminal into keys, pastes and focus reports.

prompt_toolkit's parser waits for the end of a paste for ever, and knows neither focus reports nor pastes
without brackets.
"""

import asyncio
import os
import re
from collections.abc import Callable, Mapping

from prompt_toolkit.input import Input
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatroom.client.view.input.escape_sequences import SequenceTranslator

PASTE_TIMEOUT = 2.0
"""Seconds without a byte after which a paste counts as complete, though its end is missing."""

MAX_PASTE = 1 << 18
"""Characters of a paste that are inserted at once. The rest is a paste of its own."""

BURST_TIMEOUT = 0.4
"""Seconds without a byte after which a paste without brackets is complete."""

_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_FOCUS_REPORTS = {"\x1b[I": True, "\x1b[O": False}
_CTRL_C = "\x03"

for _sequence in (_PASTE_END, *_FOCUS_REPORTS):
    ANSI_SEQUENCES.setdefault(_sequence, Keys.Ignore)  # so that the parser does not split them

_LINES = re.compile(r"[^\x00-\x1f/][^\x00-\x08\x0b\x0c\x0e-\x1f]*[\r\n][\r\n\t -\U0010ffff]*[^\r\n]")
"""Several lines, the first of which is no command."""

_MORE_LINES = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]{2,}")
"""More than one character: what may follow the beginning of such a paste."""

_UNBRACKETED = ("linux", "vt", "ansi", "cygwin", "cons25", "wsvt25", "sun", "eterm", "screen")
"""Kinds of terminals that send a paste like typed text, or may do so."""


def brackets_pastes(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal marks pastes, so that lines which arrive together are typed lines."""
    return bool(environment.get("TMUX")) or not environment.get("TERM", "").startswith(_UNBRACKETED)


class TerminalParser(Vt100Parser):
    """Parses the input of one terminal.

    ``on_focus`` gets focus reports, ``on_report`` other reports and clicks, ``on_late_key`` keys that a
    timeout completes. Without ``brackets``, lines that arrive together are a paste.
    """

    def __init__(
        self,
        on_key: Callable[[KeyPress], None],
        on_late_key: Callable[[KeyPress], None],
        on_focus: Callable[[bool], None],
        on_report: Callable[[str], None] = lambda report: None,
        *,
        brackets: bool,
    ) -> None:
        super().__init__(on_key)
        self._translator = SequenceTranslator(on_report)
        self._on_late_key = on_late_key
        self._on_focus = on_focus
        self._brackets = brackets
        self._burst = ""  # a paste without brackets, as far as it has arrived
        self._is_end_missing = False  # of the last paste
        self._burst_ended_at = -PASTE_TIMEOUT  # in the time of the loop
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: str) -> None:
        """Parse input. Ctrl-C alone ends a paste whose end is missing."""
        if not self._in_bracketed_paste:
            data = self._translator.translate(data)
        if data == _CTRL_C:
            self._complete(self.feed_key_callback)
        if self._in_bracketed_paste:
            super().feed(data)
        elif self._is_end_missing and _PASTE_END in data and _PASTE_START not in data:
            rest, _, data = data.partition(_PASTE_END)
            self._is_end_missing = False
            self._complete(self.feed_key_callback)
            self.feed_key_callback(KeyPress(Keys.BracketedPaste, rest))
            super().feed(data)
        elif self._burst or self._is_burst(data):
            self._burst += data
        else:
            super().feed(data)
        self._restart_timer()

    def flush(self) -> None:
        """Take what has arrived of a key's sequence as it is."""
        if rest := self._translator.flush():
            super().feed(rest)
        super().flush()

    def _is_burst(self, data: str) -> bool:
        if self._brackets and not self._is_end_missing:
            return False
        is_rest = asyncio.get_running_loop().time() - self._burst_ended_at < PASTE_TIMEOUT
        return (_MORE_LINES.fullmatch if is_rest else _LINES.match)(data) is not None

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._in_bracketed_paste and len(self._paste_buffer) > MAX_PASTE:
            self._deliver_paste(self.feed_key_callback)
        if self._in_bracketed_paste or self._burst:
            timeout = PASTE_TIMEOUT if self._in_bracketed_paste else BURST_TIMEOUT
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(timeout, self._complete, self._on_late_key)

    def _complete(self, on_key: Callable[[KeyPress], None]) -> None:
        """Stop waiting for the rest of a paste, and deliver what has arrived of it."""
        if self._burst:
            burst, self._burst = self._burst, ""
            self._burst_ended_at = asyncio.get_running_loop().time()
            # The last line end of a paste is dropped, but more lines of this one may follow.
            on_key(KeyPress(Keys.BracketedPaste, f"{burst}\r"))
        if self._in_bracketed_paste:
            self._in_bracketed_paste, self._is_end_missing = False, True
            self._deliver_paste(on_key)

    def _deliver_paste(self, on_key: Callable[[KeyPress], None]) -> None:
        text, self._paste_buffer = self._paste_buffer, ""
        on_key(KeyPress(Keys.BracketedPaste, text))

    def _call_handler(self, key: str | Keys | tuple[Keys, ...], insert_text: str) -> None:
        if insert_text in _FOCUS_REPORTS:
            self._on_focus(_FOCUS_REPORTS[insert_text])
        elif insert_text != _PASTE_END:
            if key == Keys.BracketedPaste:
                self._brackets, self._is_end_missing = True, False
            super()._call_handler(key, insert_text)


def use_parser(
    input: Input,
    on_late_key: Callable[[KeyPress], None],
    on_focus: Callable[[bool], None],
    on_report: Callable[[str], None],
) -> None:
    """Let ``input`` use a ``TerminalParser``, and read undecodable bytes as U+FFFD.

    prompt_toolkit would make surrogates of them, which cannot be sent.
    """
    reader = getattr(input, "stdin_reader", None)
    if reader is not None:
        reader._stdin_decoder = reader._stdin_decoder_cls(errors="replace")
    parser = getattr(input, "vt100_parser", None)
    if isinstance(parser, Vt100Parser):
        on_key = parser.feed_key_callback
        brackets = brackets_pastes()
        # An attribute of prompt_toolkit's POSIX input, which its base class does not declare.
        input.vt100_parser = TerminalParser(  # type: ignore[attr-defined]
            on_key, on_late_key, on_focus, on_report, brackets=brackets
        )
