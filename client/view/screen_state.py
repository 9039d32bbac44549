"""The state of the screen: its parts, the banner, the open question, and which panes are shown.

``layout`` places the parts, ``keys`` changes them, ``screen`` draws them. The state of the chat is in
``ClientState``.
"""

from functools import partial
from typing import NamedTuple

from prompt_toolkit.application import get_app

from chatroom.client.app import App, Refused
from chatroom.client.commands.completion import complete_word
from chatroom.client.model import apply, select
from chatroom.client.model.numbers import ConversationNumbers
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation
from chatroom.client.text import i18n
from chatroom.client.view.focus import TerminalFocus
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.history_view import HistoryView
from chatroom.client.view.history.message_rows import note_text
from chatroom.client.view.history.viewport import ContentEdge
from chatroom.client.view.input.composer import Composer
from chatroom.client.view.input.confirm_prompt import ConfirmPrompt
from chatroom.client.view.input.inline_prompt import InlinePrompt
from chatroom.client.view.input.login_form import FormMode, LoginForm
from chatroom.client.view.input.message_target import MessageTargets
from chatroom.client.view.input.switcher import Switcher
from chatroom.client.view.panes.banner import belongs_in_banner
from chatroom.client.view.panes.members import MembersPane
from chatroom.client.view.screen_content import ScreenContent
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message


class ClickArea(NamedTuple):
    """Where the history is: its first line, its columns, and how many lines the banner takes of it."""

    top: int
    left: int
    right: int
    banner_rows: int


class ScreenState:
    """The parts of the screen, and which of them are shown."""

    def __init__(self, app: App, *, register: bool = False) -> None:
        self.app = app
        self.state = app.state
        self.banner: ClientNote | None = None
        self.shows_banner = True  # whether there is space for it
        self.confirm_prompt: ConfirmPrompt | None = None
        self.click_area: ClickArea | None = None  # of the last frame
        self.sidebar_names: list[str | None] = []  # of the rows of the sidebar
        self.link_hints: dict[str, str] = {}  # target -> letter, while the user chooses a link
        self.help_open = False  # the help replaces the history
        self.history_only = False  # only the history and the input are shown
        self.pane_choices: dict[str, bool] = {}  # panes that the user has shown or hidden (F7, F8)
        self.expanded: set[str] = set()  # the conversations in which nothing is collapsed
        self.sought_seq = 0  # of a message to show when it is loaded; 0 for none
        self._sought_requested = False  # whether it was requested from the server
        self.composer = Composer(app.state, partial(complete_word, app.state))
        self.targets = MessageTargets(app.state)
        self.switcher = Switcher(app.state)
        self.members = MembersPane()
        self.numbers = ConversationNumbers(app.state)
        self.inline_prompt = InlinePrompt()
        self.content = ScreenContent(self)
        self.history_view = HistoryView(self.content.current)
        self.login_form = LoginForm(app, FormMode.REGISTER if register else FormMode.LOGIN)
        self.focus = TerminalFocus()
        self._was_logged_in: bool | None = None  # at the last sync
        self.composer.buffer.on_text_changed += lambda _: self._input_changed()

    @property
    def logged_in(self) -> bool:
        return bool(self.state.username)

    @property
    def conversation(self) -> Conversation | None:
        """The conversation whose history is shown; ``None`` for the home screen and the help."""
        return None if self.help_open else select.current_conversation(self.state)

    @property
    def watches_end(self) -> bool:
        """Whether the user sees the newest messages of the current conversation, as far as is known."""
        is_at_end = self.history_view.visible.position is ContentEdge.END
        return is_at_end and not self.help_open and self.focus.is_watched

    def sync_with_state(self) -> None:
        """Follow a change of the client's state: login, current conversation, draft, sought message."""
        if self.logged_in is not self._was_logged_in:
            self._was_logged_in = self.logged_in
            if self.logged_in:
                get_app().layout.focus(self.composer.control)
            else:
                self._reset_to_form()
        self.composer.sync_with_state()
        self.targets.follow_input(self.composer.text)
        self._continue_seek()

    def rename_room(self, former: str, name: str) -> None:
        """Keep the input, the scroll position and the number of a room that was renamed."""
        self.composer.rename_room(former, name)
        self.targets.rename_room(former, name)
        self.history_view.rename_title(former, name)
        self.numbers.rename_room(former, name)
        if former in self.expanded:
            self.expanded.add(name)

    def _reset_to_form(self) -> None:
        """Show the login form. Nothing of the previous user stays."""
        self.banner = self.confirm_prompt = None
        self.help_open = self.history_only = self.switcher.is_open = False
        self.link_hints = {}
        self.inline_prompt.close_prompt()
        self.expanded.clear()
        self.numbers.forget()
        self.content.forget_conversations()
        self.history_view.forget_positions()
        self.composer.reset_composer()
        self.targets.clear_targets()
        self.login_form.show_form()

    async def ask_password(self, key: str, facts: dict[str, object]) -> str:
        """Ask for a password in place of the input. Raises ``Refused`` if the user enters none."""
        text = await self._ask_inline(i18n.translate(key, **facts), hidden=True)
        if not text:
            raise Refused("cancelled")
        return text

    async def ask_yes_no(self, question: str) -> bool:
        """Ask in place of the input. A longer answer was meant for the input, and is put there."""
        answer = await self._ask_inline(f"{question} ", hidden=False)
        if len(answer) > len("cancel"):
            self.composer.buffer.insert_text(answer)
        return i18n.is_yes(answer)

    async def _ask_inline(self, prompt: str, *, hidden: bool) -> str:
        """Return the entered text, or an empty text after Esc."""
        application = get_app()
        self.switcher.close_switcher()
        answer = self.inline_prompt.open_prompt(prompt, hidden=hidden)
        application.layout.focus(self.inline_prompt.control)
        application.invalidate()
        try:
            return await answer
        finally:
            self.inline_prompt.close_prompt()
            if self.logged_in:
                application.layout.focus(self.composer.control)

    def ask_confirmation(self, prompt: ConfirmPrompt) -> None:
        self.confirm_prompt = prompt

    def take_input(self) -> str:
        """Return the shown line and remove it from the input."""
        text = self.composer.take_text()
        self._input_changed()
        return text

    def _input_changed(self) -> None:
        """Store the draft, and dismiss the open question."""
        self.confirm_prompt = None
        self.targets.follow_input(self.composer.text)
        self.app.input_changed(self.composer.conversation, self.composer.draft)

    def can_dismiss(self) -> bool:
        """Return whether Esc has something to close."""
        conversation = self.conversation
        return bool(
            self.banner
            or self.confirm_prompt
            or self.help_open
            or self.state.search_terms
            or self.history_only
            or self.composer.buffer.complete_state
            or (conversation and conversation.selected)
        )

    def show_note(self, note: ClientNote) -> None:
        """Show an important note in the banner, or in the login form. All notes are in the history.

        A warning stays in the banner until the user dismisses it or another warning replaces it.
        """
        has_warning = self.banner is not None and self.banner.warning
        if not self.logged_in:
            self.login_form.notice = note_text(note)
        elif belongs_in_banner(note) and (note.is_serious or not has_warning):
            self.banner = note
            self.content.show_in_banner(note)

    def seek_message(self, seq: int) -> None:
        """Show the message with this seq, now or when it is loaded."""
        self.sought_seq, self._sought_requested = seq, False
        self._continue_seek()

    def _continue_seek(self) -> None:
        """Show the sought message, or request it. If it cannot be loaded, show the nearest one."""
        conversation = self.conversation
        if not self.sought_seq or conversation is None:
            return
        shown = conversation.shown
        is_loaded = shown.find(self.sought_seq) is not None
        if shown.loading and not is_loaded:
            return
        if not is_loaded and not self._sought_requested and self._may_load:
            self._sought_requested = True
            self.app.history.load_around(conversation.name, self.sought_seq)
        else:
            if not is_loaded and conversation.selected == self.sought_seq:
                apply.select_message(self.state, conversation.name, 0)  # it cannot be shown
            seq, self.sought_seq = min(max(self.sought_seq, shown.first), shown.last), 0
            content = self.content.of_conversation(conversation, self.history_view.width)
            self.history_view.center_block(content.block_of(seq))

    def show_original(self, reply: Message) -> None:
        """Select and show the message that a reply answers."""
        if reply.target is not UNSET:
            apply.select_message(self.state, reply.conversation, reply.target)
            self.targets.follow_selection()
            self.show_message(reply.conversation, reply.target)

    def show_message(self, name: str, seq: int) -> None:
        """Show a message of any conversation."""
        if name != self.state.current:
            self.show_conversation(name)
        self.help_open = False
        self.app.front_end.state_changed()  # draws the screen
        self.seek_message(seq)

    @property
    def _may_load(self) -> bool:
        conversation = self.conversation
        return bool(conversation and conversation.member) and self.state.link is ConnectionState.LOGGED_IN

    def load_older(self) -> None:
        if self._may_load:
            self.app.history.load_older(self.state.current)

    def load_newer(self) -> None:
        if self._may_load:
            self.app.history.load_newer(self.state.current)

    def return_to_end(self) -> None:
        """Show the newest messages of the current conversation."""
        self.sought_seq = 0
        if self.state.current:
            apply.show_newest(self.state, self.state.current)
        self.history_view.go_to_edge(ContentEdge.END)

    def mark_visible_read(self) -> None:
        """Mark the visible messages as read, and load more if the view is near an end of the loaded ones."""
        conversation, content = self.conversation, self.history_view.current_content
        if conversation is None or not isinstance(content, ConversationContent):
            return
        at_end = self.history_view.visible.position is ContentEdge.END
        apply.set_keeps_all(self.state, conversation.name, not at_end)
        self._mark_viewed(conversation, content)
        if self.history_view.near_top:
            self.load_older()
        if conversation.past and self.history_view.near_bottom:
            self.load_newer()

    def _mark_viewed(self, conversation: Conversation, content: ConversationContent) -> None:
        """Mark messages as read up to the last visible one, but none while the terminal has no focus.

        While the user views old history, or a jump is pending, messages in between are not marked as read.
        """
        if self.focus.reported is False:
            return
        visible = self.history_view.visible
        seq, first = content.seq_at(visible.bottom.block), content.seq_at(visible.top.block)
        if seq and not self.sought_seq and (conversation.past is None or first <= conversation.read + 1):
            self.app.history.mark_read(conversation.name, seq)

    def show_conversation(self, name: str) -> None:
        """Switch to a conversation, or home. Closes the help, the open question and the banner."""
        self.sought_seq, self.help_open, self.confirm_prompt, self.banner = 0, False, None, None
        if not name:
            self.history_view.reset_position(name)
        self.app.conversations.show(name)
