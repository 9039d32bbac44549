"""Finding messages again, in one conversation or in all that one may read."""

import re
from collections.abc import Collection
from functools import partial

from chatroom.db.queries import friends, rooms
from chatroom.db.records import MessageRank
from chatroom.db.search import search_query, tokenizer
from chatroom.protocol import labels, requests, responses
from chatroom.protocol.errors import BadFrame, EmptyText, TextTooLong
from chatroom.protocol.frame import UNSET, Id
from chatroom.protocol.values import format_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings, effective_limit
from chatroom.server.domain.request_checks import page_size, parse_request_time, speaker_account
from chatroom.server.results import ReadWork, Reply
from chatroom.server.state.directory import Speaker
from chatroom.server.state.serialize import shown_value
from sqlalchemy import Connection

Labels = dict[int, str]
"""What the asker calls conversations, by id."""

_CURSOR = re.compile("([0-9]{1,16})-([0-9]{1,16})-([0-9]{1,16})")
"""A rank, as it goes over the wire: clients repeat it, and read nothing from it."""


class SearchHandlers:
    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits

    def search(self, speaker: Speaker, request: requests.Search) -> Reply:
        account = speaker_account(speaker)

        def then(result: tuple[search_query.SearchMatches, Labels]) -> responses.Response:
            found, called = result
            values = [
                shown_value(one, called[one.conversation_id], own=one.account_id == account.id)
                for one in found.messages
                if one.conversation_id in called
            ]
            rest = found.continue_below
            return responses.Found(
                id=request.id,
                messages=values,
                more=rest is not None,
                before=format_time(rest.sent_at) if rest is not None and found.stopped_early else UNSET,
                cursor="-".join(map(str, rest)) if rest is not None else UNSET,
            )

        work = partial(
            _run_search,
            account_id=account.id,
            query=self._parse(request.query),
            conversation=None if request.conversation is UNSET else request.conversation,
            below=_search_start(request),
            limit=page_size(request.limit, self._limits.page),
        )
        return ReadWork(work, then)

    def _parse(self, query: str) -> tokenizer.ParsedQuery:
        if len(query) > effective_limit(self._limits.text):
            raise TextTooLong(limit=self._limits.text)
        parsed = tokenizer.parse_query(query)
        if parsed is None:
            raise EmptyText
        return parsed


def _search_start(request: requests.Search) -> MessageRank:
    """Where a search goes on, or begins. Raises ``BadFrame``."""
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
    written = _CURSOR.fullmatch(cursor)
    if written is None:
        raise BadFrame(id=id, reason="no cursor of ours")
    return MessageRank(*map(int, written.groups()))


def _run_search(
    connection: Connection,
    *,
    account_id: int,
    query: tokenizer.ParsedQuery,
    conversation: str | None,
    below: MessageRank,
    limit: int,
) -> tuple[search_query.SearchMatches, Labels]:
    target = (
        None
        if conversation is None
        else permissions.readable_conversation(connection, account_id, conversation).id
    )
    found = search_query.search_messages(
        connection, account_id, query, conversation_id=target, below=below, limit=limit
    )
    return found, _readable_labels(connection, account_id, {one.conversation_id for one in found.messages})


def _readable_labels(connection: Connection, account_id: int, ids: Collection[int]) -> Labels:
    """Of those conversations which the account may read now."""
    if not ids:
        return {}
    seated = rooms.list_rooms(connection, account_id, ids, only_member=True)
    directs = friends.list_directs(connection, account_id, ids, include_ended=True)
    return {room.conversation_id: labels.room_label(room.name) for room in seated} | {
        direct.conversation_id: labels.direct_label(direct.friend) for direct in directs
    }
