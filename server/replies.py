"""What a handler gives back: the answer, or whom to ask for it and how to answer then.

``Commit`` and ``Query`` say what is to be done in the database and how its result becomes a response.
``then`` runs on the loop; that of a ``Commit`` in commit order, before anything that was committed later is
told to anybody.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import Connection

from db.records import Draft
from db.transaction import Transaction
from protocol.responses import Response

T = TypeVar("T")


class Commit(NamedTuple, Generic[T]):
    """A change, in a transaction of the writer."""

    work: Callable[[Transaction], T]
    then: Callable[[T], Response]


class Query(NamedTuple, Generic[T]):
    """A question, on a reader's connection."""

    work: Callable[[Connection], T]
    then: Callable[[T], Response]


class Page(NamedTuple):
    """A question whose answer is so long that the loop must not be kept by writing it out.

    ``work`` returns the answer's line, made on the reader's thread.
    """

    work: Callable[[Connection], bytes]


class Say(Struct, frozen=True, gc=False):
    """A message for the writer's next batch, from somebody found entitled under the conversation's
    ``roster``.
    """

    draft: Draft
    roster: int


Reply = Response | Commit[Any] | Query[Any] | Page | Say
Handled = Reply | Awaitable[Reply]
