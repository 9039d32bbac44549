"""Who lives in the databases of these tests, and shorthands to let them live there."""

from sqlalchemy import Connection

from db import accounts, memberships, messages, rooms
from db.records import Draft, Stored

NOW = 1_700_000_000_000


def person(connection: Connection, name: str) -> int:
    key = name.lower().encode()
    return accounts.add(connection, username=name, key=key, skeleton=key, password_hash="-", now=NOW)


def room(connection: Connection, name: str, owner_id: int, capacity: int = 5) -> int:
    key = name.lower().encode()
    return rooms.add(
        connection, name=name, key=key, skeleton=key, capacity=capacity, owner_id=owner_id, now=NOW
    )


def sit(connection: Connection, conversation_id: int, *account_ids: int) -> None:
    """Take seats there."""
    for id in account_ids:
        memberships.take(
            connection, conversation_id=conversation_id, account_id=id, nickname=None, joined_seq=0, now=NOW
        )


def say(
    connection: Connection, conversation_id: int, account_id: int, text: str = "hi", kind: str = "text"
) -> Stored:
    heads = messages.lock(connection, [conversation_id])
    cid = f"{conversation_id}-{heads[conversation_id].head}" if kind == "text" else None
    draft = Draft(conversation_id, account_id, "", "", kind, text, cid)
    return messages.append(connection, heads, [draft], NOW)[0].stored
