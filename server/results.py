"""What a handler returns: a response, or work for the database and how its result becomes a response.

``then`` runs on the loop. That of a ``CommitWork`` or a ``PostMessage`` runs in commit order, before anything
that is committed later is delivered.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from chatroom.db.queries.messages import AppendOutcome
from chatroom.db.records import MessageDraft
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol.responses import Response

T = TypeVar("T")


class CommitWork(NamedTuple, Generic[T]):
    """A change, made in a transaction of the writer."""

    work: Callable[[WriteTransaction], T]
    then: Callable[[T], Response]


class ReadWork(NamedTuple, Generic[T]):
    """A query, run on a reader's connection."""

    work: Callable[[Connection], T]
    then: Callable[[T], Response]


class ReadPage(NamedTuple):
    """A query with a long response. ``work`` returns the encoded line, so that the loop is not blocked. Of
    those that are ``slow``, one runs at a time.
    """

    work: Callable[[Connection], bytes]
    slow: bool = False


class PostMessage(Struct, frozen=True, gc=False):
    """A message for the writer's next batch. Its author was allowed to send as of ``roster``."""

    draft: MessageDraft
    roster: int
    then: Callable[[AppendOutcome], Response]


Reply = Response | CommitWork[Any] | ReadWork[Any] | ReadPage | PostMessage
Handled = Reply | Awaitable[Reply]
