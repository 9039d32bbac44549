"""Names of accounts and rooms, which share one rule for what counts as taken."""

from collections.abc import Callable

from sqlalchemy import Connection

from chatroom.protocol import names

FindByKey = Callable[[Connection, bytes], object | None]


def is_name_taken(
    connection: Connection, name: str, find_by_key: FindByKey, find_look_alike: FindByKey
) -> bool:
    """Return whether a name exists already, in any spelling, or one that looks like it."""
    return (
        find_by_key(connection, names.name_key(name)) is not None
        or find_look_alike(connection, names.name_skeleton(name)) is not None
    )
