"""Makes stored messages older, for tests of retention."""

from sqlalchemy import text

from chatroom.db.engine import begin_write, normalise_url, open_engine
from tests.support.processes import Server

DAY_MS = 24 * 60 * 60 * 1000

FIND_ROOM = text(
    "SELECT id, head FROM conversations JOIN rooms ON rooms.conversation_id = id WHERE rooms.name = :room"
)
AGE_MESSAGES = text(
    "UPDATE messages SET sent_at = sent_at - :age WHERE conversation_id = :id AND seq <= :upto"
)


def age_messages(server: Server, room: str, upto: int | None = None, *, days: int, keep: int = 0) -> int:
    """Let the messages of a room up to a seq, or all but the newest, be some days older. Returns the seq."""
    flag = "--database"
    arguments = server.arguments
    url = arguments[1] if flag in arguments else f"sqlite:///{server.data / 'chatroom.sqlite'}"
    engine = open_engine(normalise_url(url))
    try:
        with begin_write(engine) as connection:
            id, head = connection.execute(FIND_ROOM, {"room": room.removeprefix("#")}).one()
            last = max(0, head - keep) if upto is None else upto
            connection.execute(AGE_MESSAGES, {"age": days * DAY_MS, "id": id, "upto": last})
            return int(last)
    finally:
        engine.dispose()
