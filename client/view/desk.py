"""What lies on the screen: its parts, and what the view alone knows (what is folded, asked, announced).

``layout`` says where the parts stand, ``actions`` changes them by keys, ``screen`` draws them. What is
so about the chat itself is in the state.
"""

from prompt_toolkit.application import get_app

from client import words
from client.app import App, Refused
from client.keys import key_of
from client.model import apply, select
from client.model.state import Conversation, Link, Note
from client.view.banner import is_announced
from client.view.composer import Composer
from client.view.forms import Form, Mode
from client.view.home import home
from client.view.manual import manual
from client.view.members import Members
from client.view.message_target import MessageTargets
from client.view.messages import note_text
from client.view.question import Question
from client.view.scroll import Edge
from client.view.secret import Secret
from client.view.story import ConversationStory, Manner, Story
from client.view.switcher import Switcher
from client.view.timeline import Timeline


class Desk:
    """The parts, and who of them is in sight."""

    def __init__(self, app: App, *, register: bool = False) -> None:
        self.app = app
        self.state = app.state
        self.banner: Note | None = None
        self.question: Question | None = None
        self.helping = False  # the manual lies over the history
        self.bare = False  # nothing but the history and the input
        self.folds: dict[str, bool] = {}  # what F7 and F8 have said
        self.unfolded: set[str] = set()  # the conversations whose tall messages and crowds are opened
        self.goal = 0  # the seq of a message that is to be shown once it is here
        self._sent_for = False  # and that was sent for
        self.composer = Composer(app.state, app.complete)
        self.targets = MessageTargets(app.state)
        self.switcher = Switcher(app.state)
        self.members = Members()
        self.secret = Secret()
        self.timeline = Timeline(self._story)
        self.form = Form(app, Mode.REGISTER if register else Mode.LOGIN)
        self._chatting: bool | None = None  # unknown until the first picture
        self.composer.buffer.on_text_changed += lambda _: self._typed()

    @property
    def logged_in(self) -> bool:
        return bool(self.state.username)

    @property
    def conversation(self) -> Conversation | None:
        """The one whose history is in sight; ``None`` on the home screen and under the manual."""
        return None if self.helping else select.current(self.state)

    def sync(self) -> None:
        """The state has changed: who is logged in, which conversation is in sight, what was sought."""
        if self.logged_in is not self._chatting:
            self._chatting = self.logged_in
            if self.logged_in:
                get_app().layout.focus(self.composer.control)
            else:
                self._clear()
        self.composer.sync()
        self.targets.follow(self.composer.text)
        self.pursue()

    def _clear(self) -> None:
        """Back at the form: nothing of whoever was here stays."""
        self.banner = self.question = None
        self.helping = self.bare = self.switcher.opened = False
        self.secret.close()
        self.unfolded.clear()
        self.timeline.forget()
        self.composer.forget()
        self.targets.forget()
        self.form.start()

    async def ask_secret(self, key: str, facts: dict[str, object]) -> str:
        """Ask for a password where the input is. Raises ``Refused`` if none is given."""
        text = await self._ask_in_place(words.say(key, **facts), hidden=True)
        if not text:
            raise Refused("cancelled")
        return text

    async def confirm(self, question: str) -> bool:
        """Ask where the input is. An answer that is a longer text was meant for the input, and goes there."""
        answer = await self._ask_in_place(f"{question} ", hidden=False)
        if len(answer) > len("cancel"):
            self.composer.buffer.insert_text(answer)
        return words.is_yes(answer)

    async def _ask_in_place(self, prompt: str, *, hidden: bool) -> str:
        """Return what is typed; nothing, if Esc is pressed."""
        application = get_app()
        self.switcher.close()
        answer = self.secret.open(prompt, hidden=hidden)
        application.layout.focus(self.secret.control)
        application.invalidate()
        try:
            return await answer
        finally:
            self.secret.close()
            if self.logged_in:
                application.layout.focus(self.composer.control)

    def ask(self, question: Question) -> None:
        self.question = question

    def _typed(self) -> None:
        """Whoever types on has answered."""
        self.question = None
        self.targets.follow(self.composer.text)
        self.app.composing(self.composer.text)

    def announce(self, note: Note) -> None:
        """The client says something. It stands in its story anyway; if it matters, in the banner as well.

        A warning stays in the banner until the user puts it away, or something else goes wrong.
        """
        unread = self.banner is not None and self.banner.warning
        if not self.logged_in:
            self.form.notice = note_text(note)
        elif is_announced(note) and (note.is_serious or not unread):
            self.banner = note

    def seek(self, seq: int) -> None:
        """Show the message with this seq, as soon as it is here."""
        self.goal, self._sent_for = seq, False
        self.pursue()

    def pursue(self) -> None:
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
                apply.selected(self.state, conversation.name, 0)  # it cannot be shown
            goal, self.goal = min(max(self.goal, here.first), here.last), 0
            self.timeline.show(self._tell(conversation).block_of(goal))

    def go_to(self, name: str, seq: int) -> bool:
        """Show a message of any conversation."""
        if name != self.state.current:
            self.turn_to(name)
        self.helping = False
        self.app.on_change()  # so that a picture is drawn soon
        self.seek(seq)
        return True

    @property
    def _may_load(self) -> bool:
        conversation = self.conversation
        return bool(conversation and conversation.member) and self.state.link is Link.LOGGED_IN

    def load_older(self) -> None:
        if self._may_load:
            self.app.load_older(self.state.current)

    def load_newer(self) -> None:
        if self._may_load:
            self.app.load_newer(self.state.current)

    def come_back(self) -> None:
        """To the end of the conversation, from wherever somebody has gone back to."""
        self.goal = 0
        if self.state.current:
            apply.came_back(self.state, self.state.current)
        self.timeline.to(Edge.END)

    def seen(self) -> None:
        """What stands on the screen has been read; and when its top is near, what is above will be wanted."""
        conversation, story = self.conversation, self.timeline.story
        if conversation is None or not isinstance(story, ConversationStory):
            return
        apply.held(self.state, conversation.name, self.timeline.picture.place is not Edge.END)
        self._viewed(conversation, story)
        if self.timeline.near_top:
            self.load_older()
        if conversation.past and self.timeline.near_bottom:
            self.load_newer()

    def _viewed(self, conversation: Conversation, story: ConversationStory) -> None:
        """Whoever has gone back has not read what lies between, nor has who is on the way there."""
        seen = self.timeline.picture
        seq, first = story.seq_at(seen.bottom.block), story.seq_at(seen.top.block)
        if seq and not self.goal and (conversation.past is None or first <= conversation.read + 1):
            self.app.viewed(conversation.name, seq)

    def turn_to(self, name: str) -> None:
        """Another conversation, or home. What was announced has been seen."""
        self.goal, self.helping, self.question, self.banner = 0, False, None, None
        if not name:
            self.timeline.restart(name)
        self.app.switch(name)

    def _story(self) -> Story:
        if self.helping:
            return manual(self.app.config.keys)
        conversation = select.current(self.state)
        return self._tell(conversation) if conversation else home(self.state, self.app.config.keys)

    def _tell(self, conversation: Conversation) -> ConversationStory:
        config = self.app.config
        folded = config.fold == "on" and conversation.name not in self.unfolded
        manner = Manner(
            compact=config.compact == "on",
            folded=folded,
            unfolds=key_of("unfold", config.keys),
            returns=key_of("bottom", config.keys),
        )
        return ConversationStory(self.state, conversation, manner)
