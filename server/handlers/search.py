"""Finding messages again, in one conversation or in all that one may read."""

import re
from collections.abc import Collection
from functools import partial

from sqlalchemy import Connection

from db import friends, rooms, search, terms
from db.records import Rank
from protocol import labels, requests, responses
from protocol.errors import BadFrame, EmptyText, TextTooLong
from protocol.frame import UNSET, Id
from protocol.values import format_time
from server import rights
from server.config import Limits, bound
from server.handlers.common import account_of, page_size, time_of
from server.live import Speaker
from server.replies import Query, Reply
from server.values import shown_value

Labels = dict[int, str]
"""What the asker calls conversations, by id."""

_CURSOR = re.compile("([0-9]{1,16})-([0-9]{1,16})-([0-9]{1,16})")
"""A rank, as it goes over the wire: clients repeat it, and read nothing from it."""


class Search:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def search(self, speaker: Speaker, request: requests.Search) -> Reply:
        account = account_of(speaker)

        def then(result: tuple[search.Found, Labels]) -> responses.Response:
            found, called = result
            values = [
                shown_value(one, called[one.conversation_id], own=one.account_id == account.id)
                for one in found.messages
                if one.conversation_id in called
            ]
            rest = found.rest
            return responses.Found(
                id=request.id,
                messages=values,
                more=rest is not None,
                before=format_time(rest.sent_at) if rest is not None and found.early else UNSET,
                cursor="-".join(map(str, rest)) if rest is not None else UNSET,
            )

        work = partial(
            _find,
            account_id=account.id,
            query=self._parse(request.query),
            conversation=None if request.conversation is UNSET else request.conversation,
            below=_below(request),
            limit=page_size(request.limit, self._limits.page),
        )
        return Query(work, then)

    def _parse(self, query: str) -> terms.Query:
        if len(query) > bound(self._limits.text):
            raise TextTooLong(limit=self._limits.text)
        parsed = terms.parse(query)
        if parsed is None:
            raise EmptyText
        return parsed


def _below(request: requests.Search) -> Rank:
    """Where a search goes on, or begins. Raises ``BadFrame``."""
    if request.cursor is not UNSET:
        if request.before is not UNSET:
            raise BadFrame(id=request.id, reason="before and cursor exclude each other")
        return _read_cursor(request.id, request.cursor)
    return search.NEWEST if request.before is UNSET else Rank(time_of(request.id, request.before))


def _read_cursor(id: Id, cursor: str) -> Rank:
    written = _CURSOR.fullmatch(cursor)
    if written is None:
        raise BadFrame(id=id, reason="no cursor of ours")
    return Rank(*map(int, written.groups()))


def _find(
    connection: Connection,
    *,
    account_id: int,
    query: terms.Query,
    conversation: str | None,
    below: Rank,
    limit: int,
) -> tuple[search.Found, Labels]:
    target = None if conversation is None else rights.readable(connection, account_id, conversation).id
    found = search.search(connection, account_id, query, conversation_id=target, below=below, limit=limit)
    return found, _labels(connection, account_id, {one.conversation_id for one in found.messages})


def _labels(connection: Connection, account_id: int, ids: Collection[int]) -> Labels:
    """Of those conversations which the account may read now."""
    if not ids:
        return {}
    seated = rooms.listing(connection, account_id, ids, only_member=True)
    directs = friends.listing(connection, account_id, ids, include_ended=True)
    return {room.conversation_id: labels.room(room.name) for room in seated} | {
        direct.conversation_id: labels.direct(direct.friend) for direct in directs
    }
