"""What the writer is asked to do. The counterpart is ``writer``, which says what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

from db.messages import Outcome
from db.records import Draft
from db.transaction import Transaction

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Stream:
    """What one session asks for, in its order: behind a post of unknown fate, nothing is done."""

    broken: bool = False
    behind: int = 0  # how many of its posts wait in the backlog
    where: int = 0  # the conversation of the last of them


class Post(Struct, eq=False):
    """A message to store. ``roster`` is the conversation's roster number under which its sender was found
    entitled.
    """

    draft: Draft
    roster: int
    stream: Stream
    done: Callable[["Post", Outcome | Exception], None]
    tag: Any = None  # for ``done``, to know what this was about
    session_epoch: int = 0  # under which its sender's session began


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """Any other change. ``done`` is called on the loop just before what the job stored is delivered."""

    work: Callable[[Transaction], T]
    done: Callable[[T | Exception], None]  # with the result, or what was raised
    stream: Stream | None = None  # of the session that asks


Operation = Post | Job[Any]
