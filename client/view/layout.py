"""The layout of the screen, from the top: topic; sidebar, history and members; question; status; input.

Parts that do not fit are hidden. ``ScreenState`` holds the parts.
"""

from typing import NamedTuple

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

from chatroom.client.text import i18n
from chatroom.client.text.keys import key_of
from chatroom.client.view.draw.canvas import Canvas
from chatroom.client.view.draw.text import Row, fit_text, wrap_text
from chatroom.client.view.draw.widths import line_text
from chatroom.client.view.history.link_hints import with_hints
from chatroom.client.view.panes import members, sidebar
from chatroom.client.view.panes.banner import banner_rows
from chatroom.client.view.panes.sidebar import sidebar_names, sidebar_rows
from chatroom.client.view.panes.status import status_row, topic_row
from chatroom.client.view.screen_state import ClickArea, ScreenState

SIDEBAR_FROM = 80
"""Columns of a screen that shows the sidebar, unless the user has hidden it (F7)."""

MEMBERS_FROM = 110
"""Columns of a screen that shows the members too, unless the user has hidden them (F8)."""

_MIN_HISTORY_COLUMNS = 24
"""Below this width of the history, the panes are hidden even if the user has shown them."""

_BANNER_FROM = 4
"""Lines of a history that leaves space for the banner."""

_TEXT_COLUMNS = 45
"""Columns of text for which panes get narrower than their rows, if the user has set no width."""

_MAX_MENU_ROWS = 8


def root_container(screen_state: ScreenState) -> Container:
    chat = FloatContainer(
        _ChatContainer(screen_state),
        [Float(CompletionsMenu(max_height=_MAX_MENU_ROWS), xcursor=True, ycursor=True)],
    )
    return DynamicContainer(lambda: chat if screen_state.logged_in else screen_state.login_form.container)


class PaneWidths(NamedTuple):
    """The columns of the two side panes; 0 for a pane that is not shown."""

    sidebar: int
    members: int


def shows_sidebar(screen_state: ScreenState) -> bool:
    return bool(pane_widths(screen_state).sidebar)


def shows_members(screen_state: ScreenState) -> bool:
    return bool(pane_widths(screen_state).members)


def pane_widths(screen_state: ScreenState) -> PaneWidths:
    """Return the widths of the panes: the user's choice, or else what their rows need.

    If the text would get less than ``_TEXT_COLUMNS``, panes without a chosen width get narrower.
    """
    width = get_app().output.get_size().columns
    conversation, config = screen_state.conversation, screen_state.app.config
    left = right = least_left = least_right = 0
    if _is_pane_wanted(screen_state, "sidebar", width >= SIDEBAR_FROM):
        left = _chosen_width(config.sidebar_width) or sidebar.preferred_width(screen_state.state)
        least_left = _chosen_width(config.sidebar_width) or sidebar.MIN_WIDTH
    if (
        conversation
        and conversation.is_room
        and _is_pane_wanted(screen_state, "members", width >= MEMBERS_FROM)
    ):
        right = _chosen_width(config.members_width) or members.preferred_width(conversation)
        least_right = _chosen_width(config.members_width) or members.MIN_WIDTH
    borders = bool(left) + bool(right)
    history = width - left - right - borders
    lacking = screen_state.content.text_columns(history).indent(history) + _TEXT_COLUMNS - history
    if lacking > 0:
        from_right = min(lacking, max(0, right - least_right))
        right -= from_right
        left -= min(lacking - from_right, max(0, left - least_left))
    return _fitting_panes(width, left, right)


def _fitting_panes(width: int, left: int, right: int) -> PaneWidths:
    """Leave out the members, then the sidebar, if the history would be too narrow."""
    if left and width <= left + 1 + _MIN_HISTORY_COLUMNS:
        left = 0
    if right and width <= left + bool(left) + right + 1 + _MIN_HISTORY_COLUMNS:
        right = 0
    return PaneWidths(left, right)


def _is_pane_wanted(screen_state: ScreenState, pane: str, by_default: bool) -> bool:
    return screen_state.pane_choices.get(pane, by_default) and not screen_state.history_only


def _chosen_width(value: str) -> int:
    return int(value) if value.isdecimal() else 0


class LayoutShares(NamedTuple):
    """The number of lines of each part, from the top."""

    topic: int
    history: int
    question: int
    status: int
    search: int
    input: int


def share_lines(height: int, *, bars: bool, question: int, search: int, input: int) -> LayoutShares:
    """Share the lines out: one for the input first, then questions and bars, then the history.

    ``question``, ``search`` and ``input`` are the lines that these parts need. ``bars`` tells whether to show
    topic and status.
    """
    left = height - 1
    question = min(left, question)
    left -= question
    search = min(left, search)
    left -= search
    status = int(bars and height >= 3 and left > 0)
    left -= status
    topic = int(bars and height >= 6 and left > 0)
    left -= topic
    more_input = max(0, min(input - 1, left - 1))
    return LayoutShares(topic, left - more_input, question, status, search, 1 + more_input)


class _ChatContainer(Container):
    """Everything but the login form.

    prompt_toolkit draws only the input fields. Its nested containers ask each other for their sizes several
    times per frame; here ``share_lines`` computes them once.
    """

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state

    def reset(self) -> None:
        for child in self.get_children():
            child.reset()

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return Dimension()

    def get_children(self) -> list[Container]:
        return [to_container(self._screen_state.composer.search), self._input_container()]

    def _input_container(self) -> Container:
        screen_state = self._screen_state
        if screen_state.inline_prompt.is_open:
            return screen_state.inline_prompt.container
        return (
            screen_state.switcher.container if screen_state.switcher.is_open else screen_state.composer.window
        )

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
        question = _question_rows(self._screen_state, width)
        search, input = (child.preferred_height(width, height).preferred for child in children)
        lines = share_lines(
            height,
            bars=not self._screen_state.history_only,
            question=len(question),
            search=search,
            input=input,
        )
        menu_open = self._screen_state.composer.buffer.complete_state is not None
        canvas = Canvas(screen, width, split=menu_open)
        self._draw_middle(canvas, lines.topic, lines.history, width)
        canvas.draw_rows(question[: lines.question], lines.topic + lines.history)
        self._draw_bars(canvas, lines, width)
        top = height - lines.search - lines.input
        for child, share in zip(children, (lines.search, lines.input), strict=True):
            position = WritePosition(0, top, width, share)
            child.write_to_screen(screen, mouse_handlers, position, parent_style, erase_bg, z_index)
            top += share

    def _draw_middle(self, canvas: Canvas, top: int, height: int, width: int) -> None:
        """Draw the sidebar, the history and the members side by side."""
        screen_state, left, right = self._screen_state, 0, width
        conversation, widths = screen_state.conversation, pane_widths(screen_state)
        border: list[Row] = [[("class:border", line_text("│"))]] * height
        if widths.sidebar:
            left = widths.sidebar + 1
            numbers = screen_state.numbers.current_numbers()
            rows = sidebar_rows(screen_state.state, widths.sidebar, height, numbers)
            canvas.draw_rows(rows, top, 0, widths.sidebar)
            canvas.draw_rows(border, top, widths.sidebar, 1)
        if conversation and widths.members:
            right = width - widths.members - 1
            canvas.draw_rows(border, top, right, 1)
            up, down = (
                key_of(f"members_{direction}", screen_state.app.config.keys) for direction in ("up", "down")
            )
            rows = screen_state.members.pane_rows(conversation, widths.members, height, up, down)
            canvas.draw_rows(rows, top, right + 1, widths.members)
        screen_state.sidebar_names = sidebar_names(screen_state.state, height) if left else []
        screen_state.shows_banner = height >= _BANNER_FROM
        rows = []
        if screen_state.banner and screen_state.shows_banner:
            rows = banner_rows(screen_state.banner, right - left, height)
        screen_state.click_area = ClickArea(top, left, right, len(rows))
        screen_state.history_view.update_view(right - left, height - len(rows))
        rows += with_hints(screen_state.history_view.visible.rows, screen_state.link_hints)
        rows += [[]] * (height - len(rows))
        canvas.draw_rows(rows[:height], top, left, right - left)

    def _draw_bars(self, canvas: Canvas, lines: LayoutShares, width: int) -> None:
        """Draw topic and status, after the history, whose visible rows the status needs."""
        screen_state = self._screen_state
        if lines.topic:
            canvas.draw_rows([topic_row(screen_state.state, width)], 0)
        if lines.status:
            help_key = key_of("help", screen_state.app.config.keys)
            row = status_row(screen_state.state, screen_state.history_view.below_text, help_key, width)
            canvas.draw_rows([row], lines.topic + lines.history + lines.question)


def _question_rows(screen_state: ScreenState, width: int) -> list[Row]:
    """Return the rows of the question, or of the target of a command. A question is never cut off."""
    if screen_state.link_hints:
        return [[("class:question", fit_text(f" {i18n.translate('question.links')}", width))]]
    if screen_state.confirm_prompt is None:
        return screen_state.targets.target_rows(width)
    text = screen_state.confirm_prompt.text
    spans = wrap_text(text, max(1, width - 1))
    return [[("class:question", fit_text(f" {text[start:end]}", width))] for start, end in spans]
