"""Hints between the server processes of a cluster, and their encoding.

A hint says what its sender has committed. It carries versions (seq and roster, the number of a change, the
serial of its sender), so that the receiver can tell whether it fits; the database decides everything else.
Losing, repeating, reordering or delaying hints costs time only.

Each frame is authenticated with a key that is stored in the database. A program that can publish to NATS but
not read the database can neither forge a hint nor learn the subjects of this cluster from its name.
"""

import hashlib
import hmac

import msgspec
from msgspec import Struct

from chatroom.db.queries.changefeed import ChangeSet
from chatroom.db.records import StoredMessage

MAC_BYTES = 16


class MessagesHint(Struct, frozen=True, tag="m"):
    """Messages that were stored in a conversation, in order; and its roster version after them."""

    conversation_id: int
    roster: int
    messages: list[StoredMessage]


class ChangesHint(Struct, frozen=True, tag="c"):
    """Changes other than messages, with their number in the sender's change feed."""

    number: int
    changes: ChangeSet


class TypingHint(Struct, frozen=True, tag="t"):
    """An account is typing. ``blocked`` are the accounts that may not see it."""

    conversation_id: int
    roster: int
    account_id: int
    username: str
    nickname: str
    blocked: list[int]


class AwayAccount(Struct, frozen=True):
    """The away message of an account, empty if it is back, and the conversations that it follows."""

    id: int
    username: str
    text: str
    follows: list[int]
    blocked: list[int]


class AwayHint(Struct, frozen=True, tag="a"):
    """Away messages that changed, or with ``complete`` those of all accounts of the sender."""

    accounts: list[AwayAccount]
    complete: bool = False


class AttemptHint(Struct, frozen=True, tag="p"):
    """A password was wrong, or right."""

    key: bytes
    address: str
    failed: bool


class HelloHint(Struct, frozen=True, tag="h"):
    """The sender has started."""


Hint = MessagesHint | ChangesHint | TypingHint | AwayHint | AttemptHint | HelloHint


class HintEnvelope(Struct, frozen=True, array_like=True):
    """A hint, its sender, and a serial that grows with each hint of the sender, also across its restarts."""

    sender: bytes
    serial: int
    sent_at: int  # milliseconds since 1970, by the sender's clock; for figures only
    hint: Hint


class ForgedHint(Exception):
    """A frame that no process of this cluster has made."""


class HintCodec:
    """Encodes and authenticates frames with the key of a cluster."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(HintEnvelope)
        self._prefix = f"chatroom.{hashlib.sha256(key).hexdigest()[:16]}"

    @property
    def common_subject(self) -> str:
        """The subject that every process of the cluster follows."""
        return f"{self._prefix}.all"

    def conversation_subject(self, conversation_id: int) -> str:
        return f"{self._prefix}.conversation.{conversation_id}"

    def encode(self, envelope: HintEnvelope) -> bytes:
        body = self._encoder.encode(envelope)
        return self._mac(body) + body

    def decode(self, frame: bytes) -> HintEnvelope:
        """Raises ``ForgedHint``."""
        body = frame[MAC_BYTES:]
        if not hmac.compare_digest(self._mac(body), frame[:MAC_BYTES]):
            raise ForgedHint("a hint has a wrong authentication code")
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:  # of another release
            raise ForgedHint(f"a hint does not parse: {error}") from None

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=MAC_BYTES, key=self._key).digest()
