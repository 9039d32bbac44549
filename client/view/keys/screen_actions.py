"""Keys that show or hide parts of the screen."""

import os
import signal

from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from chatroom.client.view.layout import shows_members, shows_sidebar
from chatroom.client.view.screen_state import ScreenState


class ScreenActions:
    """Help, panes, and the terminal itself."""

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state

    def toggle_help(self, event: KeyPressEvent) -> None:
        """Open the help, in place of a banner that only confirms something, or close it."""
        screen_state = self._screen_state
        screen_state.help_open = not screen_state.help_open
        if screen_state.banner is not None and not screen_state.banner.is_serious:
            screen_state.banner = None

    def toggle_sidebar(self, event: KeyPressEvent) -> None:
        self._screen_state.pane_choices["sidebar"] = not shows_sidebar(self._screen_state)

    def toggle_members(self, event: KeyPressEvent) -> None:
        self._screen_state.pane_choices["members"] = not shows_members(self._screen_state)

    def scroll_members_up(self, event: KeyPressEvent) -> None:
        self._screen_state.members.scroll_pages(-1)

    def scroll_members_down(self, event: KeyPressEvent) -> None:
        self._screen_state.members.scroll_pages(1)

    def toggle_history_only(self, event: KeyPressEvent) -> None:
        self._screen_state.history_only = not self._screen_state.history_only
        event.app.renderer.clear()  # so that the rows are written, and joined, from the top

    def redraw(self, event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    def suspend(self, event: KeyPressEvent) -> None:
        os.kill(0, signal.SIGTSTP)  # the whole group; ``FullScreen`` restores the terminal first
