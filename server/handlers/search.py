"""Full-text search, in one conversation or in every readable one."""

import re
from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import Connection

from chatroom.db.queries import friends, rooms
from chatroom.db.records import MessageRank, StoredMessage
from chatroom.db.search import search_query, tokenizer
from chatroom.db.search.search_budget import SearchBudget, limited_statements
from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import BadFrame, EmptyText, TextTooLong
from chatroom.protocol.frame import UNSET, Id
from chatroom.protocol.values import Message, format_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings, effective_limit
from chatroom.server.domain.pages import encode_messages
from chatroom.server.domain.request_checks import page_size, parse_request_time, speaker_account
from chatroom.server.results import ReadPage, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.serialize import shown_value

Labels = dict[int, str]
"""Labels of conversations as the searching account sees them, by id."""

_CURSOR = re.compile("([0-9]{1,16})-([0-9]{1,16})-([0-9]{1,16})")
"""A ``MessageRank`` on the wire. Clients send it back unchanged."""


class SearchHandlers:
    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits

    def search(self, speaker: Speaker, request: requests.Search) -> Reply:
        account = speaker_account(speaker)
        if len(request.query) > effective_limit(self._limits.text):
            raise TextTooLong(limit=self._limits.text)
        work = partial(
            self._run_search,
            id=request.id,
            account_id=account.id,
            query=request.query,
            conversation=None if request.conversation is UNSET else request.conversation,
            below=_search_start(request),
            limit=page_size(request.limit, self._limits.page),
        )
        return ReadPage(work, slow=True)

    def _run_search(
        self,
        connection: Connection,
        *,
        id: Id,
        account_id: int,
        query: str,
        conversation: str | None,
        below: MessageRank,
        limit: int,
    ) -> bytes:
        budget = SearchBudget()
        parsed = tokenizer.parse_query(query)
        if parsed is None:
            raise EmptyText
        target = (
            None
            if conversation is None
            else permissions.readable_conversation(connection, account_id, conversation).id
        )
        with limited_statements(connection):
            matches = search_query.search_messages(
                connection,
                account_id,
                parsed,
                conversation_id=target,
                below=below,
                limit=limit,
                budget=budget,
            )
        ids = {message.conversation_id for message in matches.messages}
        readable = _readable_labels(connection, account_id, ids)
        visible = [message for message in matches.messages if message.conversation_id in readable]
        values = [
            shown_value(message, readable[message.conversation_id], own=message.account_id == account_id)
            for message in visible
        ]

        answer = partial(_search_answer, id, matches, visible)
        return encode_messages(answer, values, self._limits)


def _search_answer(
    id: Id,
    matches: search_query.SearchMatches,
    visible: Sequence[StoredMessage],
    fitting: list[Message],
    cut: int,
) -> responses.Found:
    """Return the answer with the ``fitting`` first values of the ``visible`` matches."""
    rest = visible[len(fitting) - 1].rank if cut else matches.continue_below
    if rest is None:
        return responses.Found(id=id, messages=fitting, more=False)
    return responses.Found(
        id=id,
        messages=fitting,
        more=True,
        before=format_time(rest.sent_at) if matches.stopped_early and not cut else UNSET,
        cursor="-".join(map(str, rest)),
    )


def _search_start(request: requests.Search) -> MessageRank:
    """Return the rank below which the search continues. Raises ``BadFrame``."""
    if request.cursor is not UNSET:
        if request.before is not UNSET:
            raise BadFrame(id=request.id, reason="before and cursor exclude each other")
        return _read_cursor(request.id, request.cursor)
    return (
        search_query.HIGHEST_RANK
        if request.before is UNSET
        else MessageRank(parse_request_time(request.id, request.before))
    )


def _read_cursor(id: Id, cursor: str) -> MessageRank:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadFrame(id=id, reason="no cursor of ours")
    return MessageRank(*map(int, match.groups()))


def _readable_labels(connection: Connection, account_id: int, ids: Collection[int]) -> Labels:
    """Return the labels of those conversations that the account may read now."""
    if not ids:
        return {}
    seated = rooms.list_rooms(connection, account_id, ids, only_member=True)
    directs = friends.list_directs(connection, account_id, ids, include_ended=True)
    return {room.conversation_id: labels.room_label(room.name) for room in seated} | {
        direct.conversation_id: labels.direct_label(direct.friend) for direct in directs
    }
