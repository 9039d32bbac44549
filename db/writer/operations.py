"""What the writer is asked to do. The counterpart is ``writer``, which says what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft
from chatroom.db.writer.transaction import WriteTransaction
from msgspec import Struct

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class SessionOrder:
    """What one session asks for, in its order: behind a post of unknown fate, nothing is done."""

    broken: bool = False
    pending: int = 0  # how many of its posts wait in the backlog
    last_conversation_id: int = 0  # the conversation of the last of them


class MessagePost(Struct, eq=False):
    """A message to store. ``roster`` is the conversation's roster number under which its sender was found
    entitled.
    """

    draft: MessageDraft
    roster: int
    session_order: SessionOrder
    done: Callable[[AppendOutcome | Exception], None]
    session_epoch: int = 0  # under which its sender's session began


@dataclass(slots=True, eq=False)
class WriteJob(Generic[T]):
    """Any other change. ``done`` is called on the loop just before what the job stored is delivered."""

    work: Callable[[WriteTransaction], T]
    done: Callable[[T | Exception], None]  # with the result, or what was raised
    session_order: SessionOrder | None = None  # of the session that asks


Operation = MessagePost | WriteJob[Any]
