"""Clicks, with ``/set mouse on``: a conversation, a link, the quotation above a reply, a member."""

from chatroom.client.view.draw.link_text import split_style
from chatroom.client.view.draw.text import Row, column_count
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.message_rows import QUOTE_STYLE
from chatroom.client.view.keys.bindings import use_link
from chatroom.client.view.screen_state import ScreenState


def click(screen_state: ScreenState, column: int, row: int) -> None:
    """Act on a click on this cell of the screen, counted from 0."""
    area = screen_state.click_area
    if not screen_state.logged_in or screen_state.inline_prompt.is_open or area is None:
        return
    line = row - area.top
    if column < area.left - 1:
        _click_sidebar(screen_state, line)
    elif column < area.right:
        _click_history(screen_state, line - area.banner_rows, column - area.left)
    elif column > area.right:
        _click_member(screen_state, line)


def _click_sidebar(screen_state: ScreenState, line: int) -> None:
    names = screen_state.sidebar_names
    if 0 <= line < len(names) and (name := names[line]) is not None:
        screen_state.show_conversation(name)


def _click_history(screen_state: ScreenState, line: int, column: int) -> None:
    visible, content = screen_state.history_view.visible, screen_state.history_view.current_content
    if not 0 <= line < len(visible.rows):
        return
    row = visible.rows[line]
    if target := _target_at(row, column):
        use_link(screen_state.app, target, copies=False)
    elif row[:1] and row[0][0] == QUOTE_STYLE and isinstance(content, ConversationContent):
        reply = content.message_at(visible.blocks[line])
        if reply is not None:
            screen_state.show_original(reply)


def _target_at(row: Row, column: int) -> str:
    end = 0
    for style, text in row:
        end += column_count(text)
        if column < end:
            return split_style(style)[1]
    return ""


def _click_member(screen_state: ScreenState, line: int) -> None:
    """Put the name of a member into the input."""
    names = screen_state.members.visible_names
    if 0 <= line < len(names) and names[line]:
        screen_state.composer.buffer.insert_text(f"{names[line]} ")
