"""Something is said: the one request that everything else is built around.

Nearly every ``send`` takes the short way: what can be checked without the database is checked, and the
message joins the writer's next batch. Whatever might be refused takes the long way, a transaction that looks
for the cid first: a message that was stored before is confirmed again, whatever has changed since.
"""

import time
from functools import partial

from msgspec.structs import replace

from db import memberships, messages
from db.messages import Outcome, Verdict
from db.records import Draft
from db.writer import Transaction
from protocol import requests, responses
from protocol.cids import new_cid
from protocol.errors import CidReused, EmptyText, RateLimited, Refusal, TextTooLong
from protocol.frame import UNSET, Id
from protocol.values import format_time
from server import rights
from server.config import Limits
from server.handlers.common import account_of
from server.live import Directory, Speaker
from server.replies import Commit, Reply, Say

NOWHERE = 0
"""The conversation of a draft whose addressee does not exist: nothing stored can be the same as it."""


class Messages:
    def __init__(self, limits: Limits, directory: Directory) -> None:
        self._limits = limits
        self._directory = directory

    def send(self, speaker: Speaker, request: requests.Send) -> Reply:
        account = account_of(speaker)
        self._check_text(request.text)
        seat = self._directory.find_seat(account, request.to)
        wait = speaker.sends.take(time.monotonic())
        draft = Draft(
            conversation_id=NOWHERE if seat is None else seat.conversation.id,
            account_id=account.id,
            username=account.username,
            nickname=seat.nickname if seat is not None and seat.entered else account.username,
            kind="text" if request.kind is UNSET else request.kind,
            text=request.text,
            cid=new_cid() if request.cid is UNSET else request.cid,
        )
        if seat is not None and seat.may_send and not wait:
            return Say(draft, seat.conversation.roster)
        refusal = RateLimited(retry_after=round(wait, 3)) if wait else None
        return Commit(
            partial(_settle, draft=draft, to=request.to, refusal=refusal), partial(sent, request.id)
        )

    def _check_text(self, text: str) -> None:
        if not text or text.isspace():
            raise EmptyText
        if 0 < self._limits.text < len(text):
            raise TextTooLong(limit=self._limits.text)


def sent(id: Id, outcome: Outcome) -> responses.Response:
    """The answer to a ``send``. Raises ``CidReused``."""
    verdict, stored = outcome
    assert stored.cid is not None
    if verdict is Verdict.REUSED:
        raise CidReused(cid=stored.cid)
    return responses.Sent(
        id=id,
        cid=stored.cid,
        seq=stored.seq,
        time=format_time(stored.sent_at),
        duplicate=verdict is Verdict.DUPLICATE,
    )


def _settle(transaction: Transaction, *, draft: Draft, to: str, refusal: Refusal | None) -> Outcome:
    """Store a message that this process would refuse, unless the database knows better."""
    connection = transaction.connection
    try:
        draft = replace(draft, conversation_id=rights.sendable(connection, draft.account_id, to))
    except Refusal as error:
        draft, refusal = replace(draft, conversation_id=NOWHERE), refusal or error
    if earlier := messages.find_duplicate(connection, draft):
        return earlier
    if refusal is not None:
        raise refusal
    heads = transaction.lock([draft.conversation_id])
    rights.may_send(connection, draft)
    seat = memberships.seat(connection, draft.conversation_id, draft.account_id)
    if seat is not None and seat.entered and seat.nickname is not None:
        draft = replace(draft, nickname=seat.nickname)
    [outcome] = transaction.append(heads, [draft])
    return outcome
