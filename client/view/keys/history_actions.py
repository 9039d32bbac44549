"""Keys that scroll the history and go to messages."""

from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from chatroom.client.model import apply, select
from chatroom.client.model.select import mentions_me
from chatroom.client.model.state import Conversation
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.link_hints import hints_for
from chatroom.client.view.history.viewport import ContentEdge
from chatroom.client.view.screen_state import ScreenState


class HistoryActions:
    """Scrolling, jumps to unread messages and mentions, and expanding."""

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state
        self._app = screen_state.app
        self._state = screen_state.state
        self._history_view = screen_state.history_view

    def scroll_up(self, event: KeyPressEvent) -> None:
        self._scroll_pages(-1)

    def scroll_down(self, event: KeyPressEvent) -> None:
        self._scroll_pages(1)

    def wheel_up(self, event: KeyPressEvent) -> None:
        self._scroll_rows(-1)

    def wheel_down(self, event: KeyPressEvent) -> None:
        self._scroll_rows(1)

    def _scroll_rows(self, rows: int) -> None:
        self._screen_state.sought_seq = 0
        self._history_view.scroll_rows(rows)

    def _scroll_pages(self, pages: int) -> None:
        self._screen_state.sought_seq = 0
        self._history_view.scroll_pages(pages)

    def go_to_start(self, event: KeyPressEvent) -> None:
        self._history_view.go_to_edge(ContentEdge.START)
        self._screen_state.seek_message(1)

    def go_to_end(self, event: KeyPressEvent) -> None:
        self._screen_state.return_to_end()

    def go_to_unread(self, event: KeyPressEvent) -> None:
        conversation = self._screen_state.conversation
        if conversation and conversation.unread_from:
            self._screen_state.seek_message(conversation.unread_from)
        else:
            self._app.notes.show("view.nothing_unread")

    def next_mention(self, event: KeyPressEvent) -> None:
        self._go_to_mention(1)

    def previous_mention(self, event: KeyPressEvent) -> None:
        self._go_to_mention(-1)

    def _go_to_mention(self, step: int) -> None:
        """Select and show the nearest mention. On the home screen, go to the first unread one.

        The search starts at the selected message, or else at the edge of the visible messages.
        """
        conversation, content = self._screen_state.conversation, self._history_view.current_content
        if conversation is None or not isinstance(content, ConversationContent):
            self._go_to_unread_mention()
            return
        start = self._mention_search_start(conversation, content, step)
        seq = self._loaded_mention(conversation, start, step) or select.mention_beyond(conversation, step)
        if seq:
            apply.select_message(self._state, conversation.name, seq)
            self._screen_state.targets.follow_selection()
            self._screen_state.seek_message(seq)
        else:
            self._app.notes.show("view.no_mention")

    def _mention_search_start(
        self, conversation: Conversation, content: ConversationContent, step: int
    ) -> int:
        visible = self._history_view.visible
        above, last = content.seq_at(visible.top.block - 1), content.seq_at(visible.bottom.block)
        if above < conversation.selected <= last:
            return conversation.selected
        return above if step > 0 else last + 1

    def _loaded_mention(self, conversation: Conversation, start: int, step: int) -> int:
        """Return the seq of the next mention after ``start`` among the loaded messages, or 0."""
        shown = conversation.shown
        candidates = range(start + step, shown.last + 1 if step > 0 else shown.first - 1, step)
        return next((seq for seq in candidates if self._is_mention(conversation, seq)), 0)

    def _is_mention(self, conversation: Conversation, seq: int) -> bool:
        message = conversation.shown.find(seq)
        return message is not None and mentions_me(self._state, conversation, message)

    def _go_to_unread_mention(self) -> None:
        """Go to the first unread mention of any conversation."""
        for conversation in select.sidebar_conversations(self._state):
            if seq := select.first_mention(conversation):
                apply.select_message(self._state, conversation.name, seq)
                self._screen_state.show_message(conversation.name, seq)
                return
        self._app.notes.show("view.no_mention")

    def go_to_original(self, event: KeyPressEvent) -> None:
        """Go to the message that the selected reply answers, or else the lowest reply in sight."""
        conversation, content = self._screen_state.conversation, self._history_view.current_content
        if conversation is None or not isinstance(content, ConversationContent):
            return
        if conversation.selected:
            reply = conversation.shown.find(conversation.selected)
        else:
            messages = map(content.message_at, reversed(self._history_view.visible.blocks))
            reply = next(filter(select.is_reply, messages), None)
        if reply is not None and select.is_reply(reply):
            self._screen_state.show_original(reply)
        else:
            self._app.notes.show("no_reply")

    def choose_link(self, event: KeyPressEvent) -> None:
        """Show letters over the visible links. ``link_hint_keys`` are active until one is chosen."""
        self._screen_state.link_hints = hints_for(self._history_view.visible.rows)
        if not self._screen_state.link_hints:
            self._app.notes.show("no_links")

    def toggle_collapse(self, event: KeyPressEvent) -> None:
        """Expand or collapse long messages and runs of notices in this conversation."""
        self._screen_state.expanded ^= {self._state.current}
