"""A client without a network for tests of the view. It records the calls of the view."""

from pathlib import Path

from chatroom.client.app import App
from chatroom.client.core.conversations import Conversations
from chatroom.client.core.history import HistoryPager
from chatroom.client.core.requester import Requester
from chatroom.client.core.session import Session
from chatroom.client.model import apply
from chatroom.client.model.apply_values import find_or_add_conversation
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.storage.config import ClientConfig
from chatroom.client.typed_lines import TypedLines
from chatroom.protocol.values import Limits, Member, Message, format_time
from tests.unit.client.fake_front_end import FakeFrontEnd

NOON = 1_671_105_600_000
"""2022-12-15 12:00:00 UTC, in milliseconds."""

LIMITS = Limits(
    line=65536, text=4096, username=(2, 10), password=(6, 72), room=(1, 32), nickname=(1, 32), page=100
)


class FakeApp(App):
    """``calls`` are the recorded calls, in order. The next registration or login raises ``refusal``."""

    def __init__(self, folder: Path) -> None:
        config, known_servers = ClientConfig(folder / "config"), KnownServers(folder / "trust")
        self.screen = FakeFrontEnd(is_full_screen=True)
        super().__init__(config, known_servers, folder, self.screen)
        self.state.server = "127.0.0.1:7878"
        self.calls: list[tuple[object, ...]] = []
        self.refusal: Refused | None = None
        self.requests = _FakeRequester(self, known_servers)
        self.session = _FakeSession(self)
        self.history = _FakeHistory(self)
        self.conversations = _FakeConversations(self)
        self.lines = _FakeLines(self)

    def input_changed(self, conversation: str, draft: str) -> None:
        apply.set_draft(self.state, conversation, draft)

    def raise_refusal(self) -> None:
        refusal, self.refusal = self.refusal, None
        if refusal:
            raise refusal


class _FakeRequester(Requester):
    def __init__(self, app: FakeApp, known_servers: KnownServers) -> None:
        super().__init__(app.state, known_servers, app.screen, lambda request, frame: None)
        self._app = app

    async def connect(self, to: object) -> None:
        self._app.calls.append(("connect", to))
        state = self._app.state
        state.server, state.limits, state.link = str(to), LIMITS, ConnectionState.ONLINE


class _FakeSession(Session):
    def __init__(self, app: FakeApp) -> None:
        self._app = app

    async def register(self, username: str, password: str) -> None:
        self._app.calls.append(("register", username, password))
        self._app.raise_refusal()

    async def login(self, username: str, password: str) -> None:
        self._app.calls.append(("login", username, password))
        self._app.raise_refusal()
        self._app.state.username, self._app.state.link = username, ConnectionState.LOGGED_IN
        self._app.screen.state_changed()


class _FakeHistory(HistoryPager):
    def __init__(self, app: FakeApp) -> None:
        self._app = app

    def load_older(self, name: str) -> None:
        self._app.calls.append(("load_older", name))

    def load_newer(self, name: str) -> None:
        self._app.calls.append(("load_newer", name))

    def load_around(self, name: str, seq: int) -> None:
        self._app.calls.append(("load_around", name, seq))

    def mark_read(self, name: str, seq: int) -> None:
        if seq > self._app.state.conversations[name].read:
            self._app.calls.append(("mark_read", name, seq))
            apply.mark_read(self._app.state, name, seq)


class _FakeConversations(Conversations):
    def __init__(self, app: FakeApp) -> None:
        self._app = app

    def show(self, name: str) -> None:
        apply.switch_to(self._app.state, name)
        self._app.screen.state_changed()


class _FakeLines(TypedLines):
    def __init__(self, app: FakeApp) -> None:
        self._app = app

    def submit_line(self, text: str) -> bool:
        self._app.calls.append(("submit", text))
        return True


def add_room(state: ClientState, name: str = "#thuhole", *, says: int = 0, first: int = 1) -> Conversation:
    """Add a room that Alice has entered as ALICE, with ``says`` messages from Bob."""
    room = find_or_add_conversation(state, name)
    room.member = room.entered = True
    room.nickname, room.members, room.capacity = "ALICE", 2, 5
    room.roster = [make_member("Alice", "ALICE"), make_member("Bob", "BOB")]
    room.timeline.more = first > 1
    for seq in range(first, first + says):
        room.timeline.messages.append(make_message(f"message {seq}", seq=seq, conversation=name))
    room.head = room.known_head = room.read = room.timeline.last
    return room


def add_friend(state: ClientState, name: str = "@Bob", *, online: bool = True) -> Conversation:
    friend = find_or_add_conversation(state, name)
    friend.online, friend.timeline.more = online, False
    return friend


def make_member(username: str, nickname: str = "", *, online: bool = True, entered: bool = True) -> Member:
    return Member(username=username, nickname=nickname, online=online, entered=entered)


def make_message(
    text: str = "",
    *,
    seq: int = 1,
    kind: str = "text",
    username: str = "Bob",
    nickname: str = "BOB",
    conversation: str = "#thuhole",
    at: int = NOON,
) -> Message:
    """Make a message. Its time is ``seq`` seconds after ``at``."""
    time = format_time(at + seq * 1000)
    return Message(
        conversation=conversation,
        seq=seq,
        time=time,
        kind=kind,
        username=username,
        nickname=nickname,
        text=text,
    )


def add_messages(state: ClientState, name: str, *texts: str) -> None:
    """Add unread messages from Bob."""
    conversation = state.conversations[name]
    for text in texts:
        message = make_message(text, seq=conversation.timeline.last + 1, conversation=name)
        conversation.timeline.messages.append(message)
        conversation.head = conversation.known_head = conversation.timeline.last
        conversation.unread += 1
