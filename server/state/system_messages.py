"""Notices: messages that report entering, leaving, a new nickname or an action of a room's owner
or moderator. Each is
stored in the same transaction as the change.
"""

from collections.abc import Sequence

from chatroom.db.queries import memberships
from chatroom.db.records import MessageDraft, RoomRecord, SeatRecord
from chatroom.db.writer.transaction import WriteTransaction
from chatroom.server.auth.permissions import NamedAccount


def enter_conversation(
    transaction: WriteTransaction, seat: SeatRecord, account: NamedAccount, nickname: str
) -> None:
    """Enter a locked conversation under a nickname. Does nothing if the account has entered it under that
    one."""
    id = seat.conversation_id
    if not seat.entered:
        notice = MessageDraft(id, account.id, account.username, nickname, "enter", "")
    elif seat.nickname != nickname:
        notice = MessageDraft(id, account.id, account.username, nickname, "nick", seat.nickname or "")
    else:
        return
    memberships.enter_seat(transaction.connection, id, account.id, nickname)
    transaction.append_messages(transaction.lock_changing([id]), [notice])


def leave_conversation(transaction: WriteTransaction, seat: SeatRecord) -> None:
    """Leave an entered conversation."""
    leave_conversations(transaction, [seat])


def leave_conversations(transaction: WriteTransaction, seats: Sequence[SeatRecord]) -> dict[int, int]:
    """Leave entered conversations, all with seats of one account. Returns their new rosters."""
    if not seats:
        return {}
    ids = [seat.conversation_id for seat in seats]
    heads = transaction.lock_changing(ids)
    memberships.set_left(transaction.connection, seats[0].account_id, ids)
    notices = [
        MessageDraft(
            seat.conversation_id,
            seat.account_id,
            seat.username,
            seat.nickname or seat.username,
            "leave",
            "",
        )
        for seat in seats
        if seat.conversation_id in heads
    ]
    transaction.append_messages(heads, notices)
    return {id: head.roster + 1 for id, head in heads.items()}


def add_notice(
    transaction: WriteTransaction, room: RoomRecord, account: NamedAccount, kind: str, text: str
) -> None:
    """Append a notice of an account's action to a locked room; ``room`` is the account's view of it."""
    id = room.conversation_id
    nickname = room.seat.nickname if room.seat is not None else None
    notice = MessageDraft(id, account.id, account.username, nickname or account.username, kind, text)
    transaction.append_messages(transaction.lock_changing([id]), [notice])
