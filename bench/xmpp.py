"""XMPP, as far as the load needs it: rooms (XEP-0045) and anonymous users.

The server sends a message back to its author with the same id, which is its confirmation.
"""

from collections.abc import Iterator

from bench.dialects import TEXT, Step
from chatroom.protocol.cids import new_cid

ROOMS = "conference.localhost"
STREAM = (
    b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
FEATURES = b"</stream:features>"


class Xmpp:
    at_once = 50
    echoes = True
    end = b">"
    compiled: int | None = None

    def log_in_steps(self, name: str) -> Iterator[Step]:
        yield Step(STREAM, FEATURES)
        yield Step(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", b"<success")
        yield Step(STREAM, FEATURES)
        yield Step(b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", b"<jid>")

    def make_room(self, room: str) -> Iterator[Step]:
        yield from ()

    def enter(self, name: str, room: str) -> Iterator[Step]:
        muc = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"
        yield Step(f"<presence to='{room}@{ROOMS}/{name}'>{muc}</presence>".encode(), b"<subject")

    def friend_steps(self, name: str) -> Iterator[Step]:
        yield from ()

    def parts(self, room: str) -> tuple[bytes, bytes]:
        start = f"<message to='{room}@{ROOMS}' type='groupchat' id='"
        return start.encode(), f"'><body>{TEXT}</body></message>".encode()

    def say(self, name: str, room: str, count: int) -> bytes:
        before, after = self.parts(room)
        return b"".join(b"%s%s%s%s" % (before, _mark(name), new_cid().encode(), after) for _ in range(count))

    def private_message(self, name: str) -> bytes:
        """Return a private message through the room: anonymous users have no other address."""
        to = f"room0@{ROOMS}/{name}"
        return f"<message to='{to}' type='chat' id='{new_cid()}'><body>{TEXT}</body></message>".encode()

    def count_lines(self, name: str, lines: bytes) -> tuple[int, int]:
        return lines.count(_mark(name)), lines.count(b"</message>")


def _mark(name: str) -> bytes:
    """Return the prefix of the ids of a user's messages."""
    return f"id-{name}-".encode()
