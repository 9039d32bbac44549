"""A client without a network for tests of the view. It records the calls of the view."""

from pathlib import Path

from chatroom.client.app import App
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.net.connection import Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.storage.config import ClientConfig
from chatroom.protocol.values import Limits, Member, Message, format_time

NOON = 1_671_105_600_000
"""2022-12-15 12:00:00 UTC, in milliseconds."""

LIMITS = Limits(
    line=65536, text=4096, username=(2, 10), password=(6, 72), room=(1, 32), nickname=(1, 32), page=100
)


class FakeApp(App):
    """``calls`` are the recorded calls, in order. The next registration or login raises ``refusal``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ClientConfig(folder / "config"), KnownServers(folder / "trust"), folder)
        self.state.server = "127.0.0.1:7878"
        self.calls: list[tuple[object, ...]] = []
        self.refusal: Refused | None = None

    async def connect(self, to: object) -> None:
        self.calls.append(("connect", to))
        self.state.server, self.state.limits, self.state.link = str(to), LIMITS, ConnectionState.ONLINE

    async def register(self, username: str, password: str) -> None:
        self.calls.append(("register", username, password))
        self._raise_refusal()

    async def login(self, username: str, password: str) -> None:
        self.calls.append(("login", username, password))
        self._raise_refusal()
        self.state.username, self.state.link = username, ConnectionState.LOGGED_IN
        self.on_change()

    def _raise_refusal(self) -> None:
        refusal, self.refusal = self.refusal, None
        if refusal:
            raise refusal

    def composing(self, text: str) -> None:
        pass

    def submit(self, text: str) -> bool:
        self.calls.append(("submit", text))
        return True

    def switch(self, name: str) -> None:
        apply.switch_to(self.state, name)
        self.on_change()

    def load_older(self, name: str) -> None:
        self.calls.append(("load_older", name))

    def load_newer(self, name: str) -> None:
        self.calls.append(("load_newer", name))

    def visit(self, name: str, seq: int) -> None:
        self.calls.append(("visit", name, seq))

    def viewed(self, name: str, seq: int) -> None:
        if seq > self.state.conversations[name].read:
            self.calls.append(("viewed", name, seq))
            apply.mark_read(self.state, name, seq)


def add_room(state: ClientState, name: str = "#thuhole", *, says: int = 0, first: int = 1) -> Conversation:
    """Add a room that Alice has entered as ALICE, with ``says`` messages from Bob."""
    room = apply.find_or_add_conversation(state, name)
    room.member = room.entered = True
    room.nickname, room.members, room.capacity = "ALICE", 2, 5
    room.roster = [make_member("Alice", "ALICE"), make_member("Bob", "BOB")]
    room.timeline.more = first > 1
    for seq in range(first, first + says):
        room.timeline.messages.append(make_message(f"message {seq}", seq=seq, conversation=name))
    room.head = room.known_head = room.read = room.timeline.last
    return room


def add_friend(state: ClientState, name: str = "@Bob", *, online: bool = True) -> Conversation:
    friend = apply.find_or_add_conversation(state, name)
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
