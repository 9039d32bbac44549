"""Invite codes: each allows a number of new accounts for a time, and may give a seat in a room. Only a digest
of each code is stored, so that a stolen database contains no usable code.

Each account can use a code once: the use that creates an account also gives it the seat. After that the code
is not valid for the account any more, even if the account loses its seat.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, not_, or_, select, update

from chatroom.db.schema import accounts, pass_uses, passes, rooms

_maker = accounts.alias("maker")
_PASS = (
    select(
        passes.c.digest,
        passes.c.conversation_id,
        passes.c.uses_left,
        passes.c.expires_at,
        rooms.c.name.label("room"),
        _maker.c.username.label("maker"),
    )
    .join(rooms, rooms.c.conversation_id == passes.c.conversation_id, isouter=True)
    .join(_maker, _maker.c.id == passes.c.maker_id, isouter=True)
)


@dataclass(frozen=True, slots=True)
class InviteCode:
    """``room`` and ``conversation_id`` are set if the code gives a seat, ``maker`` unless the operator made
    it.
    """

    digest: bytes
    conversation_id: int | None
    uses_left: int
    expires_at: int
    room: str | None
    maker: str | None


def add_code(
    connection: Connection,
    *,
    digest: bytes,
    conversation_id: int | None,
    maker_id: int | None,
    uses: int,
    now: int,
    expires_at: int,
) -> None:
    values: dict[str, Any] = {
        "digest": digest,
        "conversation_id": conversation_id,
        "maker_id": maker_id,
        "uses_left": uses,
        "made_at": now,
        "expires_at": expires_at,
    }
    connection.execute(insert(passes).values(values))


def find_code(connection: Connection, digest: bytes, account_id: int | None, now: int) -> InviteCode | None:
    """Return the code if it is valid for this account, or, with ``None``, for a new account."""
    row = passes.c
    is_valid: ColumnElement[bool] = row.uses_left > 0
    if account_id is not None:
        used = select(pass_uses.c.digest).where(_is_use_of(digest, account_id))
        seated = used.where(pass_uses.c.seated_at.is_not(None))
        is_valid = and_(or_(is_valid, used.exists()), not_(seated.exists()))
    query = _PASS.where(row.digest == digest, row.expires_at > now, is_valid)
    matched = connection.execute(query).one_or_none()
    return None if matched is None else _code_record(matched)


def use_code(connection: Connection, digest: bytes, account_id: int, now: int) -> bool:
    """Record that an account uses the code; a repeated use is not counted. Returns ``False`` if the code is
    not valid.
    """
    row = passes.c
    if find_code(connection, digest, account_id, now) is None:
        return False
    if connection.execute(select(pass_uses.c.digest).where(_is_use_of(digest, account_id))).one_or_none():
        return True
    counted = update(passes).where(row.digest == digest, row.uses_left > 0)
    if not connection.execute(counted.values(uses_left=row.uses_left - 1)).rowcount:
        return False  # another server process was faster
    connection.execute(insert(pass_uses).values(digest=digest, account_id=account_id, used_at=now))
    return True


def spend_on_seat(connection: Connection, digest: bytes, account_id: int, now: int) -> None:
    """Record that the account got its seat with this code, which is not valid for a second one."""
    connection.execute(update(pass_uses).where(_is_use_of(digest, account_id)).values(seated_at=now))


def list_codes(connection: Connection) -> list[InviteCode]:
    """All codes, by expiry time."""
    return [
        _code_record(row) for row in connection.execute(_PASS.order_by(passes.c.expires_at, passes.c.digest))
    ]


def users_by_code(connection: Connection) -> dict[bytes, list[str]]:
    """The names of the accounts that used each code."""
    query = select(pass_uses.c.digest, accounts.c.username).order_by(accounts.c.username_key)
    names: dict[bytes, list[str]] = {}
    for digest, name in connection.execute(query.join(accounts, accounts.c.id == pass_uses.c.account_id)):
        names.setdefault(digest, []).append(name)
    return names


def delete_code(connection: Connection, digest: bytes) -> None:
    connection.execute(delete(passes).where(passes.c.digest == digest))


def delete_codes_by(connection: Connection, conversation_id: int, maker_id: int) -> None:
    """Delete the codes to a room that an account has made."""
    row = passes.c
    connection.execute(delete(passes).where(row.conversation_id == conversation_id, row.maker_id == maker_id))


def delete_expired_codes(connection: Connection, now: int) -> None:
    connection.execute(delete(passes).where(passes.c.expires_at <= now))


def _is_use_of(digest: bytes, account_id: int) -> ColumnElement[bool]:
    return and_(pass_uses.c.digest == digest, pass_uses.c.account_id == account_id)


def _code_record(row: Row[*tuple[Any, ...]]) -> InviteCode:
    return InviteCode(
        digest=row.digest,
        conversation_id=row.conversation_id,
        uses_left=row.uses_left,
        expires_at=row.expires_at,
        room=row.room,
        maker=row.maker,
    )
