"""Where the parts stand: the topic on top; conversations, history, members; questions and status; the
input.

What there is no room for folds away. The counterpart is ``desk``, which holds the parts.
"""

from typing import NamedTuple

from chatroom.client.model import select
from chatroom.client.text.keys import key_of
from chatroom.client.view.draw.canvas import Canvas
from chatroom.client.view.draw.text import Row, fit_text, wrap_text
from chatroom.client.view.panes import members, sidebar
from chatroom.client.view.panes.banner import banner_rows
from chatroom.client.view.panes.sidebar import sidebar_rows
from chatroom.client.view.panes.status import status_row, topic_row
from chatroom.client.view.screen_state import ScreenState
from prompt_toolkit.application import get_app
from prompt_toolkit.layout import (
    CompletionsMenu,
    Container,
    Dimension,
    DynamicContainer,
    Float,
    FloatContainer,
    to_container,
)
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Screen, WritePosition

WIDE = 80
"""Columns from which the conversations are shown, unless F7 says otherwise."""

WIDER = 110
"""Columns from which the members are shown as well, unless F8 says otherwise."""

_LEAST = 24
"""Columns that the history keeps, whatever F7 and F8 say."""

_BANNER = 8
"""Lines of the history from which what just happened is announced above it."""

_MENU_ROWS = 8


def root_container(desk: ScreenState) -> Container:
    chat = FloatContainer(
        _ChatContainer(desk), [Float(CompletionsMenu(max_height=_MENU_ROWS), xcursor=True, ycursor=True)]
    )
    return DynamicContainer(lambda: chat if desk.logged_in else desk.form.container)


def shows_sidebar(desk: ScreenState) -> bool:
    return _shows_pane(desk, "sidebar", WIDE, sidebar.WIDTH)


def shows_members(desk: ScreenState) -> bool:
    conversation = desk.conversation
    taken = members.WIDTH + (sidebar.WIDTH + 1 if shows_sidebar(desk) else 0)
    return bool(conversation and conversation.is_room) and _shows_pane(desk, "members", WIDER, taken)


def _shows_pane(desk: ScreenState, pane: str, wide: int, taken: int) -> bool:
    """What F7 or F8 said, or else whether there is room; never so that the history has none."""
    width = get_app().output.get_size().columns
    wanted = not desk.folds[pane] if pane in desk.folds else width >= wide
    return wanted and not desk.bare and width > taken + _LEAST


class LayoutShares(NamedTuple):
    """How many lines each part has, from the top down."""

    topic: int
    history: int
    question: int
    status: int
    search: int
    input: int


def share_lines(height: int, *, bars: bool, question: int, search: int, input: int) -> LayoutShares:
    """Share the lines out: one for what is typed before all, then what cannot wait, then the history.

    ``question``, ``search`` and ``input`` are the lines that these would like to have, ``bars`` says whether
    the topic and the status are wanted.
    """
    left = height - 1
    asked = min(left, question)
    left -= asked
    sought = min(left, search)
    left -= sought
    status = int(bars and height >= 3 and left > 0)
    left -= status
    topic = int(bars and height >= 6 and left > 0)
    left -= topic
    more = max(0, min(input - 1, left - 1))
    return LayoutShares(topic, left - more, asked, status, sought, 1 + more)


class _ChatContainer(Container):
    """All of it but the form.

    Only what is typed into is prompt_toolkit's to draw. Its boxes within boxes ask each other for their sizes
    several times a picture; here one look at what there is shares the screen out.
    """

    def __init__(self, desk: ScreenState) -> None:
        self._desk = desk

    def reset(self) -> None:
        for child in self.get_children():
            child.reset()

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return Dimension()

    def get_children(self) -> list[Container]:
        return [to_container(self._desk.composer.search), self._input_container()]

    def _input_container(self) -> Container:
        desk = self._desk
        if desk.secret.is_open:
            return desk.secret.container
        return desk.switcher.container if desk.switcher.opened else desk.composer.window

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        width, height = write_position.width, write_position.height
        children = self.get_children()
        question = _question_rows(self._desk, width)
        search, input = (child.preferred_height(width, height).preferred for child in children)
        lines = share_lines(
            height, bars=not self._desk.bare, question=len(question), search=search, input=input
        )
        covered = self._desk.composer.buffer.complete_state is not None  # by the menu, here and there
        sheet = Canvas(screen, width, torn=covered)
        self._draw_middle(sheet, lines.topic, lines.history, width)
        sheet.draw_rows(question[: lines.question], lines.topic + lines.history)
        self._draw_bars(sheet, lines, width)
        top = height - lines.search - lines.input
        for child, share in zip(children, (lines.search, lines.input), strict=True):
            place = WritePosition(0, top, width, share)
            child.write_to_screen(screen, mouse_handlers, place, parent_style, erase_bg, z_index)
            top += share

    def _draw_middle(self, sheet: Canvas, top: int, height: int, width: int) -> None:
        """The conversations, the history, the members, side by side."""
        desk, left, right = self._desk, 0, width
        conversation = select.current_conversation(desk.state)
        border: list[Row] = [[("class:border", "│")]] * height
        if shows_sidebar(desk):
            left = sidebar.WIDTH + 1
            sheet.draw_rows(sidebar_rows(desk.state, sidebar.WIDTH, height), top, 0, sidebar.WIDTH)
            sheet.draw_rows(border, top, sidebar.WIDTH, 1)
        if conversation and shows_members(desk):
            right = width - members.WIDTH - 1
            sheet.draw_rows(border, top, right, 1)
            up, down = (key_of(f"members_{way}", desk.app.config.keys) for way in ("up", "down"))
            rows = desk.members.pane_rows(conversation, members.WIDTH, height, up, down)
            sheet.draw_rows(rows, top, right + 1, members.WIDTH)
        rows = banner_rows(desk.banner, right - left) if desk.banner and height >= _BANNER else []
        desk.timeline.update_picture(right - left, height - len(rows))
        rows += desk.timeline.picture.rows
        rows += [[]] * (height - len(rows))
        sheet.draw_rows(rows[:height], top, left, right - left)

    def _draw_bars(self, sheet: Canvas, lines: LayoutShares, width: int) -> None:
        """The topic and the status. How much stands below the history is known once that is drawn."""
        desk = self._desk
        if lines.topic:
            sheet.draw_rows([topic_row(desk.state, width)], 0)
        if lines.status:
            helps = key_of("help", desk.app.config.keys)
            row = status_row(desk.state, desk.timeline.count_below, helps, width)
            sheet.draw_rows([row], lines.topic + lines.history + lines.question)


def _question_rows(desk: ScreenState, width: int) -> list[Row]:
    """As many as it takes: what Enter would do must not be cut off."""
    if desk.question is None:
        return desk.targets.rows(width)
    text = desk.question.text
    spans = wrap_text(text, max(1, width - 1))
    return [[("class:question", fit_text(f" {text[start:end]}", width))] for start, end in spans]
