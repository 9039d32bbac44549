"""The ``send`` request: a new message, or a change to a stored one.

The fast path covers nearly every ``send``: it checks the live state, and posts the message to the writer's
next batch. A message that might be refused takes the slow path, a transaction that looks for its cid first:
a resend of a stored message returns the original ``sent``, even if the message would be refused by now. A
message with a ``target`` takes the slow path too, since the target is checked under the conversation's lock.
"""

import time
from functools import partial

from msgspec.structs import replace
from sqlalchemy import Connection

from chatroom.db.queries import memberships, messages, revisions
from chatroom.db.queries.messages import DUPLICATE, REUSED, STORED, AppendOutcome
from chatroom.db.records import MessageDraft, MessageRevision
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.protocol import names, requests, responses
from chatroom.protocol.cids import new_cid
from chatroom.protocol.errors import (
    BadFrame,
    BadReaction,
    BadTarget,
    CidReused,
    EmptyText,
    RateLimited,
    Refusal,
    TextTooLong,
    TooManyReactions,
)
from chatroom.protocol.frame import UNSET, Id
from chatroom.protocol.values import CHANGE_KINDS, format_time
from chatroom.server.auth import permissions
from chatroom.server.config.settings import LimitSettings
from chatroom.server.domain.request_checks import speaker_account
from chatroom.server.net.rates import ServerRates
from chatroom.server.results import CommitWork, PostMessage, Reply
from chatroom.server.state.directory import LiveDirectory, Speaker
from chatroom.server.state.disk_space import DiskSpace

NO_CONVERSATION = 0
"""The conversation id of a draft whose ``to`` does not exist. No stored message has it."""


class MessageHandlers:
    def __init__(
        self, limits: LimitSettings, directory: LiveDirectory, rates: ServerRates, disk: DiskSpace
    ) -> None:
        self._limits = limits
        self._disk = disk
        self._rates = rates
        self._directory = directory

    def send(self, speaker: Speaker, request: requests.Send) -> Reply:
        account = speaker_account(speaker)
        self._check_request(request)
        self._disk.check_space()
        seat = self._directory.find_seat(account, request.to)
        now = time.monotonic()
        wait = speaker.sends.take_token(now) or self._rates.take_message(
            account.id, speaker.address, now, len(request.text)
        )
        draft = MessageDraft(
            conversation_id=NO_CONVERSATION if seat is None else seat.conversation.id,
            account_id=account.id,
            username=account.username,
            nickname=seat.nickname if seat is not None and seat.entered else account.username,
            kind="text" if request.kind is UNSET else request.kind,
            text=request.text,
            cid=new_cid() if request.cid is UNSET else request.cid,
            target=None if request.target is UNSET else request.target,
        )
        refusal = self._current_refusal(request.text, wait)
        if seat is not None and seat.may_send and refusal is None and draft.target is None:
            return PostMessage(draft, seat.conversation.roster, partial(_sent_response, request.id))
        work = partial(
            _store_checked,
            draft=draft,
            to=request.to,
            quiet=request.quiet is True,
            refusal=refusal,
            limits=self._limits,
        )
        return CommitWork(work, partial(_sent_response, request.id))

    def _check_request(self, request: requests.Send) -> None:
        """Raise for a message that is never valid."""
        if request.kind in CHANGE_KINDS and request.target is UNSET:
            raise BadFrame(id=request.id, reason="what changes a message needs its target")
        match request.kind:
            case "delete":
                if request.text:
                    raise BadFrame(id=request.id, reason="the text of a delete is empty")
            case "react" | "unreact":
                if not names.is_reaction(request.text):
                    raise BadReaction(most=names.MAX_REACTION)
            case _:
                if not request.text or request.text.isspace():
                    raise EmptyText

    def _current_refusal(self, text: str, wait: float) -> Refusal | None:
        """Return why the limits refuse a message now; a resend of it may still be confirmed."""
        if 0 < self._limits.text < len(text):
            return TextTooLong(limit=self._limits.text)
        return RateLimited(retry_after=round(wait, 3)) if wait else None


def _sent_response(id: Id, outcome: AppendOutcome) -> responses.Response:
    """Return the answer to a ``send``. Raises ``CidReused``."""
    stored = outcome.stored
    assert stored.cid is not None
    if outcome.verdict is REUSED:
        raise CidReused(cid=stored.cid)
    return responses.Sent(
        id=id,
        cid=stored.cid,
        seq=stored.seq,
        time=format_time(stored.sent_at),
        duplicate=outcome.verdict is DUPLICATE,
    )


def _store_checked(
    transaction: WriteTransaction,
    *,
    draft: MessageDraft,
    to: str,
    quiet: bool,
    refusal: Refusal | None,
    limits: LimitSettings,
) -> AppendOutcome:
    """Store a message with a target, or one that is refused unless it is a resend."""
    connection = transaction.connection
    own_id = _conversation_of_own(connection, draft, to)
    try:
        id = own_id or permissions.sendable_conversation(connection, draft.account_id, to)
    except Refusal as error:
        id, refusal = NO_CONVERSATION, refusal or error
    draft = replace(draft, conversation_id=id)
    heads = transaction.lock_appending([draft.conversation_id])
    if earlier := messages.find_duplicate(connection, draft):
        return earlier
    if refusal is not None:
        raise refusal
    if own_id is None:
        permissions.check_may_send(connection, draft, quiet=quiet)
    if draft.target is not None:
        _check_target(connection, draft, draft.target, limits)
    seat = memberships.find_seat(connection, draft.conversation_id, draft.account_id)
    if seat is not None and (seat.entered or quiet) and seat.nickname is not None:
        draft = replace(draft, nickname=seat.nickname)
    [outcome] = transaction.append_messages(heads, [draft])
    if draft.kind in revisions.CHANGE_KINDS and outcome.verdict is STORED:
        revisions.record_change(connection, outcome.stored)
    return outcome


def _conversation_of_own(connection: Connection, draft: MessageDraft, to: str) -> int | None:
    """Return the conversation of an own message that the draft deletes, else ``None``."""
    if draft.kind != "delete" or draft.target is None:
        return None
    return permissions.deletable_conversation(connection, draft.account_id, to, draft.target)


def _check_target(connection: Connection, draft: MessageDraft, target: int, limits: LimitSettings) -> None:
    """Check the target of a change or an answer. A deleted message can still be answered.

    Raises ``BadTarget``, ``NotYours``, ``TooManyReactions``.
    """
    target_message = revisions.find_message(connection, draft.conversation_id, target)
    if target_message is None:
        raise BadTarget(target=target)
    if draft.kind not in revisions.CHANGE_KINDS:
        return
    state = target_message.revision or MessageRevision()
    if state.deleted:
        raise BadTarget(target=target)
    permissions.check_may_change(connection, draft, target_message)
    if draft.kind == "react":
        _check_reaction(draft, state.reactions, limits)


def _check_reaction(draft: MessageDraft, reactions: dict[str, list[str]], limits: LimitSettings) -> None:
    mine = [text for text, usernames in reactions.items() if draft.username in usernames]
    if draft.text in mine:
        return
    if 0 < limits.reactions <= len(mine):
        raise TooManyReactions(limit=limits.reactions)
    if 0 < limits.message_reactions <= sum(map(len, reactions.values())):
        raise TooManyReactions(limit=limits.message_reactions)
