"""Stored messages: in pages, in long pages for an export, and the read mark."""

from functools import partial

from sqlalchemy import Connection

from chatroom.db.queries import export, memberships, messages, revisions
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import requests, responses
from chatroom.protocol.errors import BadFrame, NotAMember
from chatroom.protocol.frame import UNSET, Id, UnsetType
from chatroom.protocol.values import Message
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.pages import encode_messages
from chatroom.server.domain.request_checks import page_size, parse_request_time, speaker_account
from chatroom.server.results import CommitWork, ReadPage, Reply
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import first_value, page_values


class HistoryHandlers:
    def __init__(self, limits: LimitSettings, directory: LiveDirectory, notifier: EventNotifier) -> None:
        self._limits = limits
        self._directory = directory
        self._notifier = notifier

    def history(self, speaker: Speaker, request: requests.History) -> Reply:
        account = speaker_account(speaker)
        if sum(position is not UNSET for position in (request.before, request.after, request.at)) > 1:
            raise BadFrame(id=request.id, reason="before, after and at exclude each other")

        work = partial(
            self._encode_page,
            id=request.id,
            account_id=account.id,
            conversation=request.conversation,
            before=_or_none(request.before),
            after=_or_none(request.after),
            at=None if request.at is UNSET else parse_request_time(request.id, request.at),
            limit=page_size(request.limit, self._limits.page),
        )
        return ReadPage(work)

    def export(self, speaker: Speaker, request: requests.Export) -> Reply:
        work = partial(
            self._encode_export,
            id=request.id,
            account_id=speaker_account(speaker).id,
            conversation=request.conversation,
            after=0 if request.after is UNSET else request.after,
            limit=page_size(request.limit, self._limits.export_page),
        )
        return ReadPage(work, slow=True)

    def _encode_page(
        self,
        connection: Connection,
        *,
        id: Id,
        account_id: int,
        conversation: str,
        before: int | None,
        after: int | None,
        at: int | None,
        limit: int,
    ) -> bytes:
        target = permissions.readable_conversation(connection, account_id, conversation)
        if at is not None:
            after = messages.last_seq_before(connection, target.id, at)
        page, more = messages.message_page(connection, target.id, before=before, after=after, limit=limit)
        latest = revisions.latest_states(connection, page)
        first = messages.first_seq(connection, target.id)
        return self._encode_messages(
            id, page_values(latest, target.label, account_id), more, first, keep_last=after is None
        )

    def _encode_export(
        self,
        connection: Connection,
        *,
        id: Id,
        account_id: int,
        conversation: str,
        after: int,
        limit: int,
    ) -> bytes:
        target = permissions.readable_conversation(connection, account_id, conversation)
        page, more = export.export_page(connection, target.id, after=after, limit=limit)
        first = messages.first_seq(connection, target.id)
        return self._encode_messages(id, page_values(page, target.label, account_id), more, first)

    def _encode_messages(
        self, id: Id, page: list[Message], more: bool, first: int, *, keep_last: bool = False
    ) -> bytes:
        def make(fitting: list[Message], cut: int) -> responses.Response:
            return responses.History(id=id, messages=fitting, more=more or cut > 0, first=first_value(first))

        return encode_messages(make, page, self._limits, keep_last=keep_last)

    def read(self, speaker: Speaker, request: requests.Read) -> Reply:
        account = speaker_account(speaker)

        def then(mark: tuple[int, int, int]) -> responses.Response:
            id, read, unread = mark
            if seat := account.seats.get(id):
                moved = read > seat.read
                seat.read = read
                seat.set_unread(unread)
                if moved:
                    self._notifier.read_moved(account, seat, but=speaker)
            return responses.Ok(id=request.id)

        work = partial(_mark_read, account_id=account.id, conversation=request.conversation, seq=request.seq)
        return CommitWork(work, then)


def _mark_read(
    transaction: WriteTransaction, *, account_id: int, conversation: str, seq: int
) -> tuple[int, int, int]:
    """Move the read mark. Returns the conversation's id, the mark, and the number of unread messages."""
    connection = transaction.connection
    target = permissions.readable_conversation(connection, account_id, conversation)
    read = memberships.mark_read(connection, target.id, account_id, seq)
    seat = memberships.find_seat(connection, target.id, account_id)
    if seat is None:  # removed by another server process since
        raise NotAMember(room=target.label)
    transaction.changes.read.add((account_id, target.id))
    return target.id, read, seat.unread


def _or_none(value: int | UnsetType) -> int | None:
    return None if value is UNSET else value
