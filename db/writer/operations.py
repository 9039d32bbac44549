"""The operations that ``writer`` executes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft
from chatroom.db.writer.transaction import WriteTransaction

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class SessionOrder:
    """The order of one session's operations. After a post whose outcome is unknown, none of them is
    executed.
    """

    broken: bool = False
    pending: int = 0  # its posts in the backlog
    last_conversation_id: int = 0  # the conversation of the last one


class MessagePost(Struct, eq=False):
    """A message to store. ``roster`` is the roster version under which the sender was authorized."""

    draft: MessageDraft
    roster: int
    session_order: SessionOrder
    done: Callable[[AppendOutcome | Exception], None]
    session_epoch: int = 0  # the epoch under which the sender's session began
    began: float = 0.0  # monotonic time of the request


@dataclass(slots=True, eq=False)
class WriteJob(Generic[T]):
    """Any other change. ``done`` is called on the loop just before the messages that the job stored are
    delivered.
    """

    work: Callable[[WriteTransaction], T]
    done: Callable[[T | Exception], None]  # with the result, or what was raised
    session_order: SessionOrder | None = None  # of the requesting session


Operation = MessagePost | WriteJob[Any]
