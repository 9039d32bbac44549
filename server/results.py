"""What a handler gives back: the answer, or whom to ask for it and how to answer then.

``CommitWork`` and ``ReadWork`` say what is to be done in the database and how its result becomes a response.
``then`` runs on the loop; that of a ``CommitWork`` in commit order, before anything that was committed later
is
told to anybody.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.responses import Response
from msgspec import Struct
from sqlalchemy import Connection

T = TypeVar("T")


class CommitWork(NamedTuple, Generic[T]):
    """A change, in a transaction of the writer."""

    work: Callable[[WriteTransaction], T]
    then: Callable[[T], Response]


class ReadWork(NamedTuple, Generic[T]):
    """A question, on a reader's connection."""

    work: Callable[[Connection], T]
    then: Callable[[T], Response]


class ReadPage(NamedTuple):
    """A question whose answer is so long that the loop must not be kept by writing it out.

    ``work`` returns the answer's line, made on the reader's thread.
    """

    work: Callable[[Connection], bytes]


class PostMessage(Struct, frozen=True, gc=False):
    """A message for the writer's next batch, from somebody found entitled under the conversation's
    ``roster``.
    """

    draft: MessageDraft
    roster: int
    then: Callable[[AppendOutcome], Response]


Reply = Response | CommitWork[Any] | ReadWork[Any] | ReadPage | PostMessage
Handled = Reply | Awaitable[Reply]
