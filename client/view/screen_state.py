"""What lies on the screen: its parts, and what the view alone knows (what is folded, asked, announced).

``layout`` says where the parts stand, ``actions`` changes them by keys, ``screen`` draws them. What is
so about the chat itself is in the state.
"""

from chatroom.client.app import App, Refused
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientNote, ConnectionState, Conversation
from chatroom.client.text import i18n
from chatroom.client.text.keys import key_of
from chatroom.client.view.history.content import ConversationContent, DisplayOptions, ScrollContent
from chatroom.client.view.history.message_rows import note_text
from chatroom.client.view.history.timeline import HistoryView
from chatroom.client.view.history.viewport import ContentEdge
from chatroom.client.view.input.composer import Composer
from chatroom.client.view.input.confirm_prompt import ConfirmPrompt
from chatroom.client.view.input.login_form import FormMode, LoginForm
from chatroom.client.view.input.message_target import MessageTargets
from chatroom.client.view.input.password_prompt import PasswordPrompt
from chatroom.client.view.input.switcher import Switcher
from chatroom.client.view.panes.banner import is_announced
from chatroom.client.view.panes.help import help_content
from chatroom.client.view.panes.home import home_content
from chatroom.client.view.panes.members import MembersPane
from prompt_toolkit.application import get_app


class ScreenState:
    """The parts, and who of them is in sight."""

    def __init__(self, app: App, *, register: bool = False) -> None:
        self.app = app
        self.state = app.state
        self.banner: ClientNote | None = None
        self.question: ConfirmPrompt | None = None
        self.helping = False  # the manual lies over the history
        self.bare = False  # nothing but the history and the input
        self.folds: dict[str, bool] = {}  # what F7 and F8 have said
        self.unfolded: set[str] = set()  # the conversations whose tall messages and crowds are opened
        self.goal = 0  # the seq of a message that is to be shown once it is here
        self._sent_for = False  # and that was sent for
        self.composer = Composer(app.state, app.complete)
        self.targets = MessageTargets(app.state)
        self.switcher = Switcher(app.state)
        self.members = MembersPane()
        self.secret = PasswordPrompt()
        self.timeline = HistoryView(self._current_content)
        self.form = LoginForm(app, FormMode.REGISTER if register else FormMode.LOGIN)
        self._chatting: bool | None = None  # unknown until the first picture
        self.composer.buffer.on_text_changed += lambda _: self._on_typed()

    @property
    def logged_in(self) -> bool:
        return bool(self.state.username)

    @property
    def conversation(self) -> Conversation | None:
        """The one whose history is in sight; ``None`` on the home screen and under the manual."""
        return None if self.helping else select.current_conversation(self.state)

    def sync_with_state(self) -> None:
        """The state has changed: who is logged in, which conversation is in sight, what was sought."""
        if self.logged_in is not self._chatting:
            self._chatting = self.logged_in
            if self.logged_in:
                get_app().layout.focus(self.composer.control)
            else:
                self._reset_to_form()
        self.composer.sync_with_state()
        self.targets.follow(self.composer.text)
        self.continue_seek()

    def _reset_to_form(self) -> None:
        """Back at the form: nothing of whoever was here stays."""
        self.banner = self.question = None
        self.helping = self.bare = self.switcher.opened = False
        self.secret.close_prompt()
        self.unfolded.clear()
        self.timeline.forget_places()
        self.composer.reset_composer()
        self.targets.forget()
        self.form.show_form()

    async def ask_secret(self, key: str, facts: dict[str, object]) -> str:
        """Ask for a password where the input is. Raises ``Refused`` if none is given."""
        text = await self._ask_in_place(i18n.translate(key, **facts), hidden=True)
        if not text:
            raise Refused("cancelled")
        return text

    async def confirm(self, question: str) -> bool:
        """Ask where the input is. An answer that is a longer text was meant for the input, and goes there."""
        answer = await self._ask_in_place(f"{question} ", hidden=False)
        if len(answer) > len("cancel"):
            self.composer.buffer.insert_text(answer)
        return i18n.is_yes(answer)

    async def _ask_in_place(self, prompt: str, *, hidden: bool) -> str:
        """Return what is typed; nothing, if Esc is pressed."""
        application = get_app()
        self.switcher.close_switcher()
        answer = self.secret.ask_password(prompt, hidden=hidden)
        application.layout.focus(self.secret.control)
        application.invalidate()
        try:
            return await answer
        finally:
            self.secret.close_prompt()
            if self.logged_in:
                application.layout.focus(self.composer.control)

    def ask_confirmation(self, question: ConfirmPrompt) -> None:
        self.question = question

    def _on_typed(self) -> None:
        """Whoever types on has answered."""
        self.question = None
        self.targets.follow(self.composer.text)
        self.app.composing(self.composer.text)

    def show_note(self, note: ClientNote) -> None:
        """The client says something. It stands in its story anyway; if it matters, in the banner as well.

        A warning stays in the banner until the user puts it away, or something else goes wrong.
        """
        unread = self.banner is not None and self.banner.warning
        if not self.logged_in:
            self.form.notice = note_text(note)
        elif is_announced(note) and (note.is_serious or not unread):
            self.banner = note

    def seek_message(self, seq: int) -> None:
        """Show the message with this seq, as soon as it is here."""
        self.goal, self._sent_for = seq, False
        self.continue_seek()

    def continue_seek(self) -> None:
        """Show what is sought, or have it fetched; if it does not come, what is nearest to it."""
        conversation = self.conversation
        if not self.goal or conversation is None:
            return
        here = conversation.shown
        is_here = here.find(self.goal) is not None
        if here.loading and not is_here:
            return
        if not is_here and not self._sent_for and self._may_load:
            self._sent_for = True
            self.app.visit(conversation.name, self.goal)
        else:
            if not is_here and conversation.selected == self.goal:
                apply.select_message(self.state, conversation.name, 0)  # it cannot be shown
            goal, self.goal = min(max(self.goal, here.first), here.last), 0
            self.timeline.center_block(self._conversation_content(conversation).block_of(goal))

    def show_message(self, name: str, seq: int) -> bool:
        """Show a message of any conversation."""
        if name != self.state.current:
            self.show_conversation(name)
        self.helping = False
        self.app.on_change()  # so that a picture is drawn soon
        self.seek_message(seq)
        return True

    @property
    def _may_load(self) -> bool:
        conversation = self.conversation
        return bool(conversation and conversation.member) and self.state.link is ConnectionState.LOGGED_IN

    def load_older(self) -> None:
        if self._may_load:
            self.app.load_older(self.state.current)

    def load_newer(self) -> None:
        if self._may_load:
            self.app.load_newer(self.state.current)

    def return_to_end(self) -> None:
        """To the end of the conversation, from wherever somebody has gone back to."""
        self.goal = 0
        if self.state.current:
            apply.show_newest(self.state, self.state.current)
        self.timeline.go_to_edge(ContentEdge.END)

    def mark_visible_read(self) -> None:
        """What stands on the screen has been read; and when its top is near, what is above will be wanted."""
        conversation, story = self.conversation, self.timeline.current_content
        if conversation is None or not isinstance(story, ConversationContent):
            return
        apply.set_held(self.state, conversation.name, self.timeline.picture.place is not ContentEdge.END)
        self._mark_viewed(conversation, story)
        if self.timeline.near_top:
            self.load_older()
        if conversation.past and self.timeline.near_bottom:
            self.load_newer()

    def _mark_viewed(self, conversation: Conversation, story: ConversationContent) -> None:
        """Whoever has gone back has not read what lies between, nor has who is on the way there."""
        seen = self.timeline.picture
        seq, first = story.seq_at(seen.bottom.block), story.seq_at(seen.top.block)
        if seq and not self.goal and (conversation.past is None or first <= conversation.read + 1):
            self.app.viewed(conversation.name, seq)

    def show_conversation(self, name: str) -> None:
        """Another conversation, or home. What was announced has been seen."""
        self.goal, self.helping, self.question, self.banner = 0, False, None, None
        if not name:
            self.timeline.show_start(name)
        self.app.switch(name)

    def _current_content(self) -> ScrollContent:
        if self.helping:
            return help_content(self.app.config.keys)
        conversation = select.current_conversation(self.state)
        return (
            self._conversation_content(conversation)
            if conversation
            else home_content(self.state, self.app.config.keys)
        )

    def _conversation_content(self, conversation: Conversation) -> ConversationContent:
        config = self.app.config
        folded = config.fold == "on" and conversation.name not in self.unfolded
        manner = DisplayOptions(
            compact=config.compact == "on",
            folded=folded,
            unfolds=key_of("unfold", config.keys),
            returns=key_of("bottom", config.keys),
        )
        return ConversationContent(self.state, conversation, manner)
