"""What lies on the screen: its parts, and what the view alone knows (what is folded, asked, announced).

``layout`` says where the parts stand, ``actions`` changes them by keys, ``screen`` draws them. What is
so about the chat itself is in the state.
"""

from prompt_toolkit.application import get_app

from client import words
from client.app import App, Refused
from client.model import select
from client.model.state import Conversation, Link, Note
from client.view.banner import is_announced
from client.view.composer import Composer
from client.view.forms import Form, Mode
from client.view.home import home
from client.view.manual import manual
from client.view.messages import note_text
from client.view.question import Question
from client.view.secret import Secret
from client.view.story import ConversationStory, Story
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
        self.goal = 0  # the seq of a message that is to be shown once it is here
        self.composer = Composer(app.state, app.complete)
        self.switcher = Switcher(app.state)
        self.secret = Secret()
        self.timeline = Timeline(self._story)
        self.form = Form(app, Mode.REGISTER if register else Mode.LOGIN)
        self._chatting: bool | None = None  # unknown until the first picture
        self.composer.buffer.on_text_changed += lambda _: self._unask()

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
        self.pursue()

    def _clear(self) -> None:
        """Back at the form: nothing of whoever was here stays."""
        self.banner = self.question = None
        self.helping = self.bare = self.switcher.opened = False
        self.secret.close()
        self.timeline.forget()
        self.composer.forget()
        self.form.start()

    async def ask_secret(self, key: str, facts: dict[str, object]) -> str:
        """Ask for a password where the input is. Raises ``Refused`` if none is given."""
        application = get_app()
        self.switcher.close()
        answer = self.secret.open(words.say(key, **facts))
        application.layout.focus(self.secret.control)
        application.invalidate()
        try:
            text = await answer
        finally:
            self.secret.close()
            if self.logged_in:
                application.layout.focus(self.composer.control)
        if not text:
            raise Refused("cancelled")
        return text

    def ask(self, question: Question) -> None:
        self.question = question

    def _unask(self) -> None:
        """Whoever types on has answered."""
        self.question = None

    def announce(self, note: Note) -> None:
        """The client says something. It stands in its story anyway; if it matters, in the banner as well."""
        if not self.logged_in:
            self.form.notice = note_text(note)
        elif is_announced(note):
            self.banner = note

    def seek(self, seq: int) -> None:
        """Show the message with this seq, as soon as it is here."""
        self.goal = seq
        self.pursue()

    def pursue(self) -> None:
        """Come closer to what is sought: show it, or have the page above fetched."""
        conversation = self.conversation
        if not self.goal or conversation is None:
            return
        timeline = conversation.timeline
        if timeline.messages and (self.goal >= timeline.first or not timeline.more):
            story = ConversationStory(self.state, conversation)
            self.timeline.show(story.block_of(max(self.goal, timeline.first)))
            self.goal = 0
        else:
            self.load_older()

    def load_older(self) -> None:
        conversation = self.conversation
        if conversation and conversation.member and self.state.link is Link.LOGGED_IN:
            self.app.load_older(conversation.name)

    def seen(self) -> None:
        """What stands on the screen has been read; and when its top is near, what is above will be wanted."""
        conversation, story = self.conversation, self.timeline.story
        if conversation is None or not isinstance(story, ConversationStory):
            return
        if seq := story.seq_at(self.timeline.picture.bottom.block):
            self.app.viewed(conversation.name, seq)
        if self.timeline.near_top:
            self.load_older()

    def turn_to(self, name: str) -> None:
        """Another conversation, or home."""
        self.goal, self.helping, self.question = 0, False, None
        if not name:
            self.timeline.restart(name)
        self.app.switch(name)

    def _story(self) -> Story:
        if self.helping:
            return manual(self.app.config.keys)
        conversation = select.current(self.state)
        return ConversationStory(self.state, conversation) if conversation else home(self.state)
