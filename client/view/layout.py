"""Where the parts stand: the topic on top; conversations, history, members; questions and status; the
input.

What there is no room for folds away. The counterpart is ``desk``, which holds the parts.
"""

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import (
    AnyContainer,
    CompletionsMenu,
    ConditionalContainer,
    Container,
    Dimension,
    DynamicContainer,
    Float,
    FloatContainer,
    HSplit,
    VSplit,
    Window,
)

from client.keys import key_of
from client.model import select
from client.view import members, sidebar
from client.view.banner import banner_rows
from client.view.desk import Desk
from client.view.members import members_rows
from client.view.pane import Pane, line, pane
from client.view.sidebar import sidebar_rows
from client.view.status import status_row, topic_row
from client.view.text import Row, fit, wrap

WIDE = 80
"""Columns from which the conversations are shown, unless F7 says otherwise."""

WIDER = 110
"""Columns from which the members are shown as well, unless F8 says otherwise."""

_LEAST = 24
"""Columns that the history keeps, whatever F7 and F8 say."""

_MENU_ROWS = 8


def root(desk: Desk) -> Container:
    chat = _chat(desk)
    return DynamicContainer(lambda: chat if desk.logged_in else desk.form.container)


def shows_sidebar(desk: Desk) -> bool:
    return _shows(desk, "sidebar", WIDE, sidebar.WIDTH)


def shows_members(desk: Desk) -> bool:
    conversation = desk.conversation
    taken = members.WIDTH + (sidebar.WIDTH + 1 if shows_sidebar(desk) else 0)
    return bool(conversation and conversation.is_room) and _shows(desk, "members", WIDER, taken)


def _shows(desk: Desk, pane: str, wide: int, taken: int) -> bool:
    """What F7 or F8 said, or else whether there is room; never so that the history has none."""
    width = _columns()
    wanted = not desk.folds[pane] if pane in desk.folds else width >= wide
    return wanted and not desk.bare and width > taken + _LEAST


def _chat(desk: Desk) -> Container:
    state = desk.state
    return FloatContainer(
        HSplit(
            [
                _when(lambda: _rows() >= 6 and not desk.bare, line(lambda width: topic_row(state, width))),
                _middle(desk),
                _when(lambda: bool(desk.question), _question(desk)),
                _when(
                    lambda: _rows() >= 3 and not desk.bare,
                    line(lambda width: _status(desk, width)),
                ),
                desk.composer.search,
                DynamicContainer(lambda: _input(desk)),
            ]
        ),
        [Float(CompletionsMenu(max_height=_MENU_ROWS), xcursor=True, ycursor=True)],
    )


def _middle(desk: Desk) -> Container:
    conversations = pane(lambda *size: sidebar_rows(desk.state, *size), width=sidebar.WIDTH)
    roster = pane(lambda *size: _members(desk, *size), width=members.WIDTH)
    return VSplit(
        [
            _when(lambda: shows_sidebar(desk), conversations),
            _when(lambda: shows_sidebar(desk), _border()),
            HSplit([_banner(desk), Window(desk.timeline)], width=lambda: _exactly(_middle_width(desk))),
            _when(lambda: shows_members(desk), _border()),
            _when(lambda: shows_members(desk), roster),
        ],
        height=Dimension(),  # whatever there is; nothing in it need be measured for that
    )


def _input(desk: Desk) -> Container:
    if desk.secret.opened:
        return desk.secret.container
    return desk.switcher.container if desk.switcher.opened else desk.composer.window


def _when(condition: Callable[[], bool], container: AnyContainer) -> Container:
    return ConditionalContainer(container, Condition(condition))


def _middle_width(desk: Desk) -> int:
    """Columns that the panes at the sides leave."""
    left = sidebar.WIDTH + 1 if shows_sidebar(desk) else 0
    right = members.WIDTH + 1 if shows_members(desk) else 0
    return _columns() - left - right


def _exactly(columns: int) -> Dimension:
    """Told so, prompt_toolkit need not share the columns out one by one."""
    return Dimension.exact(max(1, columns))


def _border() -> Window:
    return Window(width=1, char="│", style="class:border")


def _banner(desk: Desk) -> Container:
    def rows() -> list[Row]:
        return banner_rows(desk.banner, _middle_width(desk)) if desk.banner else []

    def height() -> Dimension:
        return Dimension(preferred=len(rows()), max=len(rows()))

    window = Window(Pane(lambda width, height: rows()[:height]), height=height)
    return _when(lambda: desk.banner is not None and _rows() >= 10, window)


def _members(desk: Desk, width: int, height: int) -> list[Row]:
    conversation = select.current(desk.state)
    return members_rows(conversation, width, height) if conversation else []


def _question(desk: Desk) -> Window:
    """As many rows as it takes: what Enter would do must not be cut off."""

    def rows(width: int) -> list[Row]:
        text = desk.question.text if desk.question else ""
        lines = [text[start:end] for start, end in wrap(text, max(1, width - 1))]
        return [[("class:question", fit(f" {line}", width))] for line in lines]

    return Window(
        Pane(lambda width, height: rows(width)[:height]),
        height=lambda: Dimension(preferred=len(rows(_columns())), max=len(rows(_columns()))),
    )


def _status(desk: Desk, width: int) -> Row:
    return status_row(desk.state, desk.timeline.more, key_of("help", desk.app.config.keys), width)


def _columns() -> int:
    return get_app().output.get_size().columns


def _rows() -> int:
    return get_app().output.get_size().rows
