"""Deletes the messages of removed rooms, in slices.

A conversation may hold a million messages, and there is only one writer. Therefore ``rooms.remove_room`` only
removes the room. The row of the conversation is kept forever, so that its id is never reused.
"""

from sqlalchemy import Connection, delete, exists, select

from chatroom.db import erasures, schema
from chatroom.db.queries.messages import lock_heads
from chatroom.db.schema import conversations, messages, revisions, rooms
from chatroom.db.search import search_index


def purge_slice(connection: Connection, limit: int) -> bool:
    """Delete up to ``limit`` messages of a removed room. Returns ``False`` if there was nothing to delete."""
    conversation_id = _closed_conversation(connection)
    if conversation_id is None:
        return False
    lock_heads(connection, [conversation_id])
    row = messages.c
    query = select(row.seq, row.sent_at).where(row.conversation_id == conversation_id)
    deleted = [(seq, sent_at) for seq, sent_at in connection.execute(query.order_by(row.seq).limit(limit))]
    if not deleted:  # another server process was faster
        return True
    last = deleted[-1][0]
    search_index.delete_documents(connection, conversation_id, deleted)
    for table, seq in (
        (revisions, revisions.c.target),
        (schema.erasures, schema.erasures.c.seq),
        (messages, row.seq),
    ):
        in_conversation = table.c.conversation_id == conversation_id
        connection.execute(delete(table).where(in_conversation, seq <= last))
    erasures.note_unindexing(connection, conversation_id)
    return True


def _closed_conversation(connection: Connection) -> int | None:
    """The id of the conversation of a removed room that still has messages."""
    row = conversations.c
    query = select(row.id).join(rooms, rooms.c.conversation_id == row.id, isouter=True)
    query = query.where(row.kind == "room", rooms.c.conversation_id.is_(None))
    has_messages = exists().where(messages.c.conversation_id == row.id)
    return connection.execute(query.where(has_messages).order_by(row.id).limit(1)).scalar_one_or_none()
