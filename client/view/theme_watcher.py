"""Draws the screen in the new colours soon after the user has saved the theme's file."""

import asyncio
from collections.abc import Callable

from chatroom.client.app import App
from chatroom.client.storage.theme_files import ThemeError
from chatroom.client.view.draw.theme import ThemeStyles

THEME_INTERVAL = 1.0
"""Seconds between two looks at the file of the theme."""


class ThemeWatcher:
    """Reads the theme in use again when its file changes, and reports errors in it."""

    def __init__(self, app: App, themes: ThemeStyles, redraw: Callable[[], None]) -> None:
        self._app = app
        self._themes = themes
        self._redraw = redraw

    async def watch(self) -> None:
        """Watch the file until cancelled."""
        while True:
            await asyncio.sleep(THEME_INTERVAL)
            self.reload()

    def reload(self) -> None:
        name = self._app.config.theme
        try:
            if self._themes.reload_changed(name):
                self._redraw()
        except ThemeError as error:
            self._app.notes.show("theme_error", error=True, name=name, why=str(error))
