"""Erased texts: those of deleted messages, and those that an edit replaced.

The row of the message stays, with its seq and cid and an empty text; no other message has an empty text. A
digest of the text stays for ``DIGEST_MS``, so that a resend under the same cid is told apart from other
content. Afterwards every resend under that cid counts as a duplicate.

The words in the search index are removed later, by ``search.index_erasure``.
"""

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from chatroom.db.records import MessageFields, MessageKey, StoredMessage
from chatroom.db.schema import erasures, messages

ERASABLE_KINDS = ("text", "action", "edit")
"""The kinds whose text is erased."""

DIGEST_MS = 7 * 24 * 60 * 60 * 1000
"""Milliseconds for which the digest of an erased text stays."""


def is_erased(message: MessageFields) -> bool:
    return not message.text and message.kind in ERASABLE_KINDS


def erase_texts(
    connection: Connection, stored: Iterable[StoredMessage], now: int, *, unindex_after: int
) -> None:
    """Erase the texts of messages of one conversation, which is locked. Their words leave the search index
    when it has reached the seq ``unindex_after``.
    """
    for message in stored:
        key = message.conversation_id, message.seq
        if message.text:
            row = messages.c
            of_message = (row.conversation_id == key[0], row.seq == key[1])
            connection.execute(update(messages).where(*of_message).values(text=""))
        _record_erasure(connection, key, text_digest(key, message.text), now, unindex_after)


def note_unindexing(connection: Connection, conversation_id: int) -> None:
    """Note that words of a removed conversation left the index, which may keep them in old pages."""
    _record_erasure(connection, (conversation_id, 0), None, now=0, unindex_after=0)


def erased_digests(connection: Connection, keys: Iterable[MessageKey]) -> dict[MessageKey, bytes]:
    """The digests of the erased texts of these messages, as far as they are kept."""
    row = erasures.c
    of_messages = or_(*[and_(row.conversation_id == id, row.seq == seq) for id, seq in keys])
    query = select(row.conversation_id, row.seq, row.digest).where(of_messages, row.digest.is_not(None))
    return {(record.conversation_id, record.seq): record.digest for record in connection.execute(query)}


def text_digest(key: MessageKey, text: str) -> bytes:
    """The digest of a message's text; it differs for equal texts of two messages."""
    return hashlib.sha256(f"{key[0]} {key[1]} {text}".encode()).digest()


def matches_erased(draft: MessageFields, erased: StoredMessage, digests: Mapping[MessageKey, bytes]) -> bool:
    """Whether a draft may have the text that a message had before it was erased."""
    key = erased.conversation_id, erased.seq
    digest = digests.get(key)
    return digest is None or digest == text_digest(key, draft.text)


def delete_old_digests(connection: Connection, now: int) -> None:
    """Delete the records of erasures that are complete and older than ``DIGEST_MS``."""
    row = erasures.c
    is_old = row.erased_at < now - DIGEST_MS
    connection.execute(delete(erasures).where(is_old, row.unindex_after.is_(None)))


def _record_erasure(
    connection: Connection, key: MessageKey, digest: bytes | None, now: int, unindex_after: int
) -> None:
    row = erasures.c
    of_message = (row.conversation_id == key[0], row.seq == key[1])
    values = {"erased_at": now, "unindex_after": unindex_after}
    if not connection.execute(update(erasures).where(*of_message).values(values)).rowcount:
        identity = {"conversation_id": key[0], "seq": key[1], "digest": digest}
        connection.execute(insert(erasures).values(values | identity))
