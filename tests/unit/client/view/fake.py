"""A client without a network, for tests of the view: what it is told to do it writes down."""

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
    """``asked`` is what the view asked for, in order; ``refusal`` is what the next login meets."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ClientConfig(folder / "config"), KnownServers(folder / "trust"), folder)
        self.state.server = "127.0.0.1:7878"
        self.asked: list[tuple[object, ...]] = []
        self.refusal: Refused | None = None

    async def connect(self, to: object) -> None:
        self.asked.append(("connect", to))
        self.state.server, self.state.limits, self.state.link = str(to), LIMITS, ConnectionState.ONLINE

    async def register(self, username: str, password: str) -> None:
        self.asked.append(("register", username, password))
        self._refuse()

    async def login(self, username: str, password: str) -> None:
        self.asked.append(("login", username, password))
        self._refuse()
        self.state.username, self.state.link = username, ConnectionState.LOGGED_IN
        self.on_change()

    def _refuse(self) -> None:
        refusal, self.refusal = self.refusal, None
        if refusal:
            raise refusal

    def composing(self, text: str) -> None:
        pass  # nobody is there to be told

    def submit(self, text: str) -> bool:
        self.asked.append(("submit", text))
        return True

    def switch(self, name: str) -> None:
        apply.switch_to(self.state, name)
        self.on_change()

    def load_older(self, name: str) -> None:
        self.asked.append(("load_older", name))

    def load_newer(self, name: str) -> None:
        self.asked.append(("load_newer", name))

    def visit(self, name: str, seq: int) -> None:
        self.asked.append(("visit", name, seq))

    def viewed(self, name: str, seq: int) -> None:
        if seq > self.state.conversations[name].read:
            self.asked.append(("viewed", name, seq))
            apply.mark_read(self.state, name, seq)


def room(state: ClientState, name: str = "#thuhole", *, says: int = 0, first: int = 1) -> Conversation:
    """A room that Alice has entered as ALICE, with so many messages of Bob in it."""
    one = apply.find_or_add_conversation(state, name)
    one.member = one.entered = True
    one.nickname, one.members, one.capacity = "ALICE", 2, 5
    one.roster = [seat("Alice", "ALICE"), seat("Bob", "BOB")]
    one.timeline.more = first > 1
    for seq in range(first, first + says):
        one.timeline.messages.append(message(f"message {seq}", seq=seq, conversation=name))
    one.head = one.heard = one.read = one.timeline.last
    return one


def friend(state: ClientState, name: str = "@Bob", *, online: bool = True) -> Conversation:
    one = apply.find_or_add_conversation(state, name)
    one.online, one.timeline.more = online, False
    return one


def seat(username: str, nickname: str = "", *, online: bool = True, entered: bool = True) -> Member:
    return Member(username=username, nickname=nickname, online=online, entered=entered)


def message(
    text: str = "",
    *,
    seq: int = 1,
    kind: str = "text",
    username: str = "Bob",
    nickname: str = "BOB",
    conversation: str = "#thuhole",
    at: int = NOON,
) -> Message:
    """A message; one second after the one before unless ``at`` says otherwise."""
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


def arrive(state: ClientState, name: str, *texts: str) -> None:
    """Bob says something more."""
    one = state.conversations[name]
    for text in texts:
        one.timeline.messages.append(message(text, seq=one.timeline.last + 1, conversation=name))
        one.head = one.heard = one.timeline.last
        one.unread += 1
