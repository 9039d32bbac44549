"""What was said in rooms that were removed, forgotten slice by slice.

A conversation may hold a million messages, and there is one writer; so ``rooms.remove_room`` only makes a
room
disappear. The conversation's own row stays for ever: its id must never be another one's.
"""

from chatroom.db.queries.messages import lock_heads
from chatroom.db.schema import conversations, messages, revisions, rooms
from chatroom.db.search import search_index
from sqlalchemy import Connection, delete, exists, select


def purge_slice(connection: Connection, limit: int) -> bool:
    """Forget so many messages of a room that was removed. ``False`` when there was nothing to forget."""
    conversation_id = _closed_conversation(connection)
    if conversation_id is None:
        return False
    lock_heads(connection, [conversation_id])
    row = messages.c
    query = select(row.seq, row.sent_at).where(row.conversation_id == conversation_id)
    gone = [(seq, sent_at) for seq, sent_at in connection.execute(query.order_by(row.seq).limit(limit))]
    if not gone:  # another server process was faster
        return True
    last = gone[-1][0]
    search_index.delete_documents(connection, conversation_id, gone)
    for table, seq in ((revisions, revisions.c.target), (messages, row.seq)):
        mine = table.c.conversation_id == conversation_id
        connection.execute(delete(table).where(mine, seq <= last))
    return True


def _closed_conversation(connection: Connection) -> int | None:
    """A room's conversation whose room is gone, and in which something is left."""
    row = conversations.c
    query = select(row.id).join(rooms, rooms.c.conversation_id == row.id, isouter=True)
    query = query.where(row.kind == "room", rooms.c.conversation_id.is_(None))
    left = exists().where(messages.c.conversation_id == row.id)
    return connection.execute(query.where(left).order_by(row.id).limit(1)).scalar_one_or_none()
