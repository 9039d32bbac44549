"""The full screen: runs prompt_toolkit, and draws when a key is pressed or the state has changed.

A key is drawn at once. Changes that come from the server are drawn by a timer, so that 200 messages a second
do not cost 200 frames.
"""

import asyncio
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import Output
from prompt_toolkit.styles import DynamicStyle

from chatroom.client import background
from chatroom.client.app import App
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientNote, ConnectionState, PendingMessage
from chatroom.client.view import layout
from chatroom.client.view.alerts import OFF, is_quiet, run_notify_command
from chatroom.client.view.clipboard import copy_sequence
from chatroom.client.view.draw import theme, widths
from chatroom.client.view.draw.link_text import shows_links
from chatroom.client.view.draw.terminal_output import TerminalOutput
from chatroom.client.view.input.terminal_input import use_parser
from chatroom.client.view.job_control import JobControl
from chatroom.client.view.keys.bindings import all_bindings
from chatroom.client.view.notifications import NotificationBell, notification_sequence, terminal_title
from chatroom.client.view.screen_state import ScreenState
from chatroom.client.view.terminal_reports import TerminalReports
from chatroom.client.view.theme_watcher import ThemeWatcher
from chatroom.protocol import events, responses

MIN_FRAME_INTERVAL = 0.033
"""Seconds, at least, between two frames that are drawn by the timer."""

PAUSE_PER_FRAME_TIME = 6
"""After such a frame, the timer waits this many times the CPU time that the frame took. So drawing a flood of
messages takes at most a seventh of a core, on a slow machine or a large screen too."""

STATUS_INTERVAL = 1.0
"""Seconds between two frames while the status line counts down or shows who is typing."""

MAX_FAILURES = 3
FAILURE_WINDOW = 10.0
"""Seconds. More unexpected exceptions in this time end the program: drawing itself may fail."""

ESCAPE_TIMEOUT = 0.05
"""Seconds after which an ESC byte is the key Esc, and not the start of another key's sequence."""

SEQUENCE_TIMEOUT = 0.5
"""Seconds within which the second key of a sequence must follow."""

_END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end the program. The terminal is restored then too."""


class FullScreen:
    """The full-screen front end. With ``register``, it starts with the form that creates an account.

    Tests pass their own ``input`` and ``output``.
    """

    is_full_screen = True
    is_scripted = False
    screen_state: ScreenState  # from ``open`` on
    application: Application[None]
    _app: App
    _bell: NotificationBell
    _job_control: JobControl

    def __init__(
        self, *, register: bool = False, input: Input | None = None, output: Output | None = None
    ) -> None:
        self._register = register
        self._input = input
        self._output = output
        self._is_running = False
        self._timer: asyncio.TimerHandle | None = None
        self._failures: list[float] = []
        self._frame_started = 0.0  # CPU time
        self._next_frame_at = 0.0  # monotonic time

    async def run(self, app: App) -> None:
        """Show the client until the user quits or the terminal closes. The terminal is always restored."""
        self.open(app)
        await self.run_until_quit()

    def open(self, app: App) -> None:
        """Build the screen for a client."""
        self.screen_state = ScreenState(app, register=self._register)
        self._app = app
        self._bell = NotificationBell(app.state)
        self._themes = theme.ThemeStyles(app.config.theme_files)
        self.application = Application(
            layout=Layout(layout.root_container(self.screen_state)),
            key_bindings=all_bindings(self.screen_state),
            style=DynamicStyle(lambda: self._themes.style(app.config.theme)),
            color_depth=theme.colour_depth(),
            full_screen=True,
            max_render_postpone_time=None,  # do not postpone frames while the loop is busy
            before_render=lambda _: self._on_frame_start(),
            after_render=lambda _: self._on_frame_end(),
            input=self._input,
            output=self._output or TerminalOutput.from_pty(sys.stdout, os.environ.get("TERM")),
        )
        self._job_control = JobControl(self.application)
        redraw = self.application.invalidate
        self._theme_watcher = ThemeWatcher(app, self._themes, redraw)
        self._reports = TerminalReports(self.screen_state, self.application.output, self._themes, redraw)
        use_parser(self.application.input, self._on_late_key, self._on_focus, self._reports.handle)
        self.application.key_processor.before_key_press += lambda _: self.screen_state.focus.key_pressed()
        self.application.ttimeoutlen, self.application.timeoutlen = ESCAPE_TIMEOUT, SEQUENCE_TIMEOUT

    async def run_until_quit(self) -> None:
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        loop.set_exception_handler(self._on_exception)
        for number in _END_SIGNALS:
            loop.add_signal_handler(number, self._app.quit)
        self._job_control.add_handlers()
        quitting = background.start(self._quit())
        watching = background.start(self._theme_watcher.watch())
        try:
            await self.application.run_async(pre_run=self._start_screen, set_exception_handler=False)
        except EOFError:
            pass  # the terminal was closed
        finally:
            quitting.cancel()
            watching.cancel()
            self._stop_screen(loop)
            loop.set_exception_handler(handler)

    def _start_screen(self) -> None:
        self._is_running = True
        self.screen_state.sync_with_state()
        self.state_changed()
        if not self.screen_state.logged_in:
            self.screen_state.login_form.log_in_at_start()

    def _stop_screen(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_running = False
        if self._timer:
            self._timer.cancel()
        self._job_control.remove_handlers()
        for number in _END_SIGNALS:
            loop.remove_signal_handler(number)

    async def _quit(self) -> None:
        await self._app.done.wait()
        self._exit(None)

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an unexpected exception. After too many of them, restore the terminal and end."""
        background.report_loop_error(loop, context)
        self._failures = [at for at in self._failures if at > loop.time() - FAILURE_WINDOW]
        self._failures.append(loop.time())
        if len(self._failures) > MAX_FAILURES:
            self._exit(context.get("exception") or RuntimeError(context["message"]))

    def _exit(self, error: BaseException | None) -> None:
        future = self.application.future
        if future is not None and not future.done():
            self.application.exit(exception=error) if error else self.application.exit()

    def _on_late_key(self, key: KeyPress) -> None:
        self.application.key_processor.feed(key)
        self.application.key_processor.process_keys()

    def _on_focus(self, has_focus: bool) -> None:
        """A line marks the messages that arrived without the focus."""
        self.screen_state.focus.reported = has_focus
        if has_focus:
            apply.mark_first_unread(self._app.state, self._app.state.current)
        self.state_changed()

    def state_changed(self) -> None:
        """Bring the screen up to date and schedule a frame."""
        if not self._is_running:
            return
        self.screen_state.sync_with_state()
        self._notify_user()
        loop = asyncio.get_running_loop()
        wait = max(MIN_FRAME_INTERVAL, self._next_frame_at - time.monotonic())
        if self._timer is not None and self._timer.when() > loop.time() + wait:
            self._timer.cancel()  # it was set for the next second of the countdown
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_later(wait, self._draw_now)

    def show_note(self, note: ClientNote) -> None:
        if self._is_running:
            self.screen_state.show_note(note)

    def show_frame(self, frame: responses.AnyResponse | events.AnyEvent) -> None:
        """Do nothing: the screen draws the state."""

    def room_renamed(self, former: str, name: str) -> None:
        self.screen_state.rename_room(former, name)
        self._bell.rename_room(former, name)

    def show_refused(self, pending: PendingMessage) -> bool:
        """The current conversation shows a refused message with the reason."""
        return pending.conversation == self._app.state.current

    def seek(self, name: str, seq: int) -> bool:
        if self._is_running:
            self.screen_state.show_message(name, seq)
        return self._is_running

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        return await self.screen_state.ask_password(key, facts)

    async def confirm(self, question: str) -> bool | None:
        return await self.screen_state.ask_yes_no(question)

    def copy_text(self, text: str) -> bool:
        sequence = copy_sequence(text)
        self.application.output.write_raw(sequence)
        self.application.output.flush()
        return bool(sequence)

    async def edit_file(self, path: Path) -> bool:
        buffer = self.screen_state.composer.buffer
        await run_in_terminal(lambda: buffer._open_file_in_editor(str(path)), in_executor=True)
        self._theme_watcher.reload()
        return True

    def _notify_user(self) -> None:
        """Notify the user of a new message that is not visible."""
        in_sight = self._app.state.current if self.screen_state.watches_end else None
        notification = self._bell.next_notification(self._app.config.notify, in_sight)
        config = self._app.config
        if notification is None or config.dnd == "on" or is_quiet(config.quiet_hours, datetime.now().time()):
            return
        if config.notify_command != OFF:
            try:
                run_notify_command(config.notify_command, notification.title, notification.text)
            except (OSError, ValueError) as error:
                config.notify_command = OFF  # in this session
                self._app.notes.show("notify_command_failed", error=True, why=str(error))
        else:
            self.application.output.write_raw(notification_sequence(notification, config.alert))
            self.application.output.flush()

    def _on_frame_start(self) -> None:
        self.application.editing_mode = EditingMode(self._app.config.editing.upper())
        output = self.application.output
        if isinstance(output, TerminalOutput):
            output.shows_links = shows_links(self._app.config.links, os.environ.get("TERM", ""))
            output.asks_terminal = shows_links("auto", os.environ.get("TERM", ""))
            output.asks_width = self._app.config.ambiguous_width == "auto"
            output.set_mouse(self._app.config.mouse == "on")
        setting = self._app.config.ambiguous_width
        if widths.use_wide(setting == "wide" or (setting == "auto" and self._reports.draws_wide)):
            self.application.renderer.clear()
        self._frame_started = time.thread_time()

    def _on_frame_end(self) -> None:
        output = self.application.output
        if isinstance(output, TerminalOutput) and self._app.config.title == "on":
            output.set_terminal_title(terminal_title(self._app.state))
        frame_time = time.thread_time() - self._frame_started
        self._next_frame_at = time.monotonic() + PAUSE_PER_FRAME_TIME * frame_time
        self._job_control.remember_modes()
        self.screen_state.mark_visible_read()

    def _draw_now(self) -> None:
        self._timer = None
        self.application.invalidate()
        state = self._app.state
        counts_down = state.link is ConnectionState.RECONNECTING
        if counts_down or select.typing_nicknames(state, time.monotonic()):
            self._timer = asyncio.get_running_loop().call_later(STATUS_INTERVAL, self._draw_now)
