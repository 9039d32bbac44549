"""The full screen: draws the desk, and brings the state to it whenever that has changed.

The counterpart is the controller, ``App``. A key is answered with a picture at once. What arrives by
itself waits for a timer, so that two hundred messages a second cost some pictures, and not two hundred.
"""

import asyncio
import signal
import time
from typing import Any

from chatroom.client import background
from chatroom.client.app import App
from chatroom.client.model import select
from chatroom.client.model.state import ConnectionState
from chatroom.client.view import key_bindings, layout
from chatroom.client.view.draw import theme
from chatroom.client.view.notifications import NotificationBell, notification_sequence
from chatroom.client.view.screen_state import ScreenState
from prompt_toolkit.application import Application
from prompt_toolkit.input import Input
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import Output
from prompt_toolkit.styles import DynamicStyle

FRAME = 0.033
"""Seconds between two pictures of what arrives by itself, at least."""

REST = 6
"""After such a picture nothing is drawn for so many times the processor's time that it took: drawing a flood
costs a seventh of a core at most, on a slow machine or a large screen too."""

TICK = 1.0
"""Seconds between two pictures while the status line counts down, or says who is writing."""

MOST_FAILURES = 3
FAILURES_WITHIN = 10.0
"""Seconds. More unexpected exceptions than this, in this time, end the program: drawing itself may fail."""

ESCAPE = 0.05
"""Seconds after which an ESC byte is the key Esc, and not the beginning of another key's bytes."""

SEQUENCE = 0.5
"""Seconds within which the second key of a sequence has to follow."""


_FAREWELLS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that ask the program to end; the terminal is to be whole then too."""


async def run_screen(app: App, *, register: bool = False) -> None:
    """Show the client until the user quits or the terminal goes away. The terminal is always restored.

    ``register``: begin with making an account.
    """
    await FullScreen(app, register=register).run_until_quit()


class FullScreen:
    """``input`` and ``output`` are the terminal unless a test gives others."""

    def __init__(
        self,
        app: App,
        *,
        register: bool = False,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self.desk = ScreenState(app, register=register)
        self._app = app
        self._bell = NotificationBell(app.state)
        self._timer: asyncio.TimerHandle | None = None
        self._failures: list[float] = []
        self._begun = 0.0  # the processor's time when the last picture was begun
        self._rested = 0.0  # when the next may come
        self.application: Application[None] = Application(
            layout=Layout(layout.root_container(self.desk)),
            key_bindings=key_bindings.all_bindings(self.desk),
            style=DynamicStyle(lambda: theme.theme_style(app.config.theme)),
            color_depth=theme.colour_depth(),
            full_screen=True,
            max_render_postpone_time=None,  # a key is answered also while much arrives
            before_render=lambda _: self._drawing_started(),
            after_render=lambda _: self._drawing_done(),
            input=input,
            output=output,
        )
        _replace_undecodable(self.application.input)
        self.application.ttimeoutlen, self.application.timeoutlen = ESCAPE, SEQUENCE

    async def run_until_quit(self) -> None:
        loop = asyncio.get_running_loop()
        handler = loop.get_exception_handler()
        loop.set_exception_handler(self._on_exception)
        for number in _FAREWELLS:
            loop.add_signal_handler(number, self._app.quit)
        quitting = background.start(self._quit())
        try:
            await self.application.run_async(pre_run=self._start_screen, set_exception_handler=False)
        except EOFError:
            pass  # the terminal is gone, and whoever sat there too
        finally:
            quitting.cancel()
            self._stop_screen(loop)
            loop.set_exception_handler(handler)

    def _start_screen(self) -> None:
        self._app.on_change, self._app.on_note = self._state_changed, self.desk.show_note
        self._app.on_seek = self.desk.show_message
        self._app.on_secret, self._app.on_confirm = self.desk.ask_secret, self.desk.confirm
        self._app.on_screen = True
        self.desk.sync_with_state()
        self._state_changed()

    def _stop_screen(self, loop: asyncio.AbstractEventLoop) -> None:
        self._app.on_change, self._app.on_note = lambda: None, lambda note: None
        self._app.on_seek = lambda name, seq: False
        if self._timer:
            self._timer.cancel()
        for number in _FAREWELLS:
            loop.remove_signal_handler(number)

    async def _quit(self) -> None:
        await self._app.done.wait()
        self._exit(None)

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of ours: tell and go on. If it comes again and again, give the terminal back and end."""
        background.report_loop_error(loop, context)
        self._failures = [at for at in self._failures if at > loop.time() - FAILURES_WITHIN]
        self._failures.append(loop.time())
        if len(self._failures) > MOST_FAILURES:
            self._exit(context.get("exception") or RuntimeError(context["message"]))

    def _exit(self, error: BaseException | None) -> None:
        future = self.application.future
        if future is not None and not future.done():
            self.application.exit(exception=error) if error else self.application.exit()

    def _state_changed(self) -> None:
        """The state has changed: some picture soon."""
        self.desk.sync_with_state()
        self._notify_user()
        loop, wait = asyncio.get_running_loop(), max(FRAME, self._rested - time.monotonic())
        if self._timer is not None and self._timer.when() > loop.time() + wait:
            self._timer.cancel()  # it waits for the next second of the countdown
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_later(wait, self._draw_now)

    def _notify_user(self) -> None:
        """Call for somebody who looks elsewhere, if something came that is worth it."""
        if call := self._bell.next_notification(self._app.config.notify):
            self.application.output.write_raw(notification_sequence(call, self._app.config.alert))
            self.application.output.flush()

    def _drawing_started(self) -> None:
        self._begun = time.thread_time()

    def _drawing_done(self) -> None:
        self._rested = time.monotonic() + REST * (time.thread_time() - self._begun)
        self.desk.mark_visible_read()

    def _draw_now(self) -> None:
        self._timer = None
        self.application.invalidate()
        if self._app.state.link is ConnectionState.RECONNECTING or select.typing_nicknames(
            self._app.state, time.monotonic()
        ):
            self._timer = asyncio.get_running_loop().call_later(TICK, self._draw_now)


def _replace_undecodable(input: Input) -> None:
    """Bytes that the terminal's encoding lacks are read as U+FFFD; surrogates could be sent and stored by
    nobody.
    """
    reader = getattr(input, "stdin_reader", None)
    if reader is not None:
        reader._stdin_decoder = reader._stdin_decoder_cls(errors="replace")
