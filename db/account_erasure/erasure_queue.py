"""The erasures that are not complete, and how far each is.

``begin_erasure`` makes an account unusable and gives it a neutral name, in one transaction. What may be much
follows in small steps: its seats, its rooms, and its messages (``message_sweep``). The position of the sweep
is stored with each step, so that another process, or the next start, continues there, and so that no step is
done twice.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, insert, or_, select, update

from chatroom.db.account_erasure import erased_names
from chatroom.db.schema import (
    account_erasures,
    accounts,
    attendances,
    friendships,
    memberships,
    messages,
    metadata,
    rooms,
)

NO_PASSWORD = ""
"""The password hash of an erased account."""

KEPT_TABLES = (accounts, account_erasures, attendances, friendships, memberships, messages, rooms)
"""Tables with references to accounts that are not simply deleted: presence and the later steps need them, a
private chat stays with the other account, and messages stay without their texts.
"""


class AccountErasure(NamedTuple):
    """An erasure that is not complete: the account, its old name, and how far its messages are erased."""

    account_id: int
    username: str
    requested_at: int
    conversation_id: int
    seq: int
    messages: int

    @property
    def neutral_name(self) -> str:
        return erased_names.neutral_name(self.account_id)


def begin_erasure(connection: Connection, account_id: int, now: int) -> AccountErasure:
    """Give an account its neutral name, disable it, and delete what only it needs. The caller ends its
    sessions and deletes its tokens.
    """
    row = accounts.c
    query = select(row.username, row.username_key, row.username_skeleton).where(row.id == account_id)
    username, key, skeleton = connection.execute(query).one()
    erased_names.reserve_name(connection, key, skeleton, now)
    name = erased_names.neutral_name(account_id)
    neutral = {"username": name, "username_key": name.encode(), "username_skeleton": name.encode()}
    ended = {"password_hash": NO_PASSWORD, "disabled_at": now, "erased_at": now}
    connection.execute(update(accounts).where(row.id == account_id).values(neutral | ended))
    # From here on, also notices of leaving have the neutral name.
    seats = memberships.c.account_id == account_id
    connection.execute(update(memberships).where(seats).values(nickname=name, read_seq=0))
    _delete_references(connection, account_id)
    values = {"account_id": account_id, "username": username, "requested_at": now}
    connection.execute(insert(account_erasures).values(values))
    return AccountErasure(account_id, username, now, 0, 0, 0)


def list_erasures(connection: Connection) -> list[AccountErasure]:
    """All erasures that are not complete, the oldest first."""
    row = account_erasures.c
    query = select(*(row[field] for field in AccountErasure._fields)).order_by(row.requested_at)
    return [AccountErasure(*record) for record in connection.execute(query)]


def advance_erasure(connection: Connection, erasure: AccountErasure, to: AccountErasure) -> bool:
    """Store how far an erasure is. Returns ``False`` if another process has advanced it meanwhile."""
    row = account_erasures.c
    unchanged = (row.conversation_id == erasure.conversation_id, row.seq == erasure.seq)
    change = update(account_erasures).where(row.account_id == erasure.account_id, *unchanged)
    values = {"conversation_id": to.conversation_id, "seq": to.seq, "messages": to.messages}
    return bool(connection.execute(change.values(values)).rowcount)


def finish_erasure(connection: Connection, account_id: int) -> bool:
    """Forget the old name: nothing is left to erase. Returns ``False`` if another process has done so."""
    row = account_erasures.c
    return bool(connection.execute(delete(account_erasures).where(row.account_id == account_id)).rowcount)


def _delete_references(connection: Connection, account_id: int) -> None:
    """Delete blocks, bans, invitations, codes: every row that refers to the account."""
    for table in metadata.sorted_tables:
        if table not in KEPT_TABLES and (columns := _account_columns(table)):
            connection.execute(delete(table).where(or_(*[column == account_id for column in columns])))


def _account_columns(table: Table) -> list[Any]:
    return [
        column for column in table.columns if any(key.column is accounts.c.id for key in column.foreign_keys)
    ]
