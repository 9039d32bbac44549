"""What was said before: in pages, in long pages for whoever keeps a copy, and how far somebody has read."""

from functools import partial

from sqlalchemy import Connection

from db import export, memberships, messages, revisions
from db.records import Stored
from db.transaction import Transaction
from protocol import requests, responses
from protocol.errors import BadFrame, NotAMember
from protocol.frame import UNSET, Id, UnsetType
from protocol.wire import encode
from server import rights
from server.announcer import Announcer
from server.config import Limits
from server.handlers.common import account_of, page_size, time_of
from server.live import Directory, Speaker
from server.replies import Commit, Page, Query, Reply
from server.values import page_values


class History:
    def __init__(self, limits: Limits, directory: Directory, announcer: Announcer) -> None:
        self._limits = limits
        self._directory = directory
        self._announcer = announcer

    def history(self, speaker: Speaker, request: requests.History) -> Reply:
        account = account_of(speaker)
        if sum(place is not UNSET for place in (request.before, request.after, request.at)) > 1:
            raise BadFrame(id=request.id, reason="before, after and at exclude each other")

        def then(found: tuple[str, list[Stored], bool]) -> responses.Response:
            label, page, more = found
            return responses.History(id=request.id, messages=page_values(page, label, account.id), more=more)

        work = partial(
            _page,
            account_id=account.id,
            conversation=request.conversation,
            before=_or_none(request.before),
            after=_or_none(request.after),
            at=None if request.at is UNSET else time_of(request.id, request.at),
            limit=page_size(request.limit, self._limits.page),
        )
        return Query(work, then)

    def export(self, speaker: Speaker, request: requests.Export) -> Reply:
        """Read, put together and written out on the reader's thread: some 10 ms, which the loop has not."""
        work = partial(
            _export,
            id=request.id,
            account_id=account_of(speaker).id,
            conversation=request.conversation,
            after=0 if request.after is UNSET else request.after,
            limit=page_size(request.limit, self._limits.export_page),
        )
        return Page(work)

    def read(self, speaker: Speaker, request: requests.Read) -> Reply:
        account = account_of(speaker)

        def then(found: tuple[int, int, int]) -> responses.Response:
            id, read, unread = found
            if seat := account.seats.get(id):
                moved = read > seat.read
                seat.read = read
                seat.set_unread(unread)
                if moved:
                    self._announcer.read(account, seat, but=speaker)
            return responses.Ok(id=request.id)

        work = partial(_mark, account_id=account.id, conversation=request.conversation, seq=request.seq)
        return Commit(work, then)


def _page(
    connection: Connection,
    *,
    account_id: int,
    conversation: str,
    before: int | None,
    after: int | None,
    at: int | None,
    limit: int,
) -> tuple[str, list[Stored], bool]:
    target = rights.readable(connection, account_id, conversation)
    if at is not None:
        after = messages.last_before(connection, target.id, at)
    page, more = messages.page(connection, target.id, before=before, after=after, limit=limit)
    return target.label, revisions.latest(connection, page), more


def _export(
    connection: Connection, *, id: Id, account_id: int, conversation: str, after: int, limit: int
) -> bytes:
    target = rights.readable(connection, account_id, conversation)
    page, more = export.page(connection, target.id, after=after, limit=limit)
    return encode(responses.History(id=id, messages=page_values(page, target.label, account_id), more=more))


def _mark(transaction: Transaction, *, account_id: int, conversation: str, seq: int) -> tuple[int, int, int]:
    """Move the mark; the conversation's id, where the mark is now, and what is unread behind it."""
    connection = transaction.connection
    target = rights.readable(connection, account_id, conversation)
    read = memberships.mark_read(connection, target.id, account_id, seq)
    seat = memberships.seat(connection, target.id, account_id)
    if seat is None:  # another server process has taken it meanwhile
        raise NotAMember(room=target.label)
    transaction.news.read.add((account_id, target.id))
    return target.id, read, seat.unread


def _or_none(value: int | UnsetType) -> int | None:
    return None if value is UNSET else value
