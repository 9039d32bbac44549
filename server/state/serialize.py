"""Convert database records and live state to ``protocol.values``. ``permissions`` was checked before."""

from msgspec.structs import replace

from chatroom.db.records import DirectRecord, RoomRecord, StoredMessage
from chatroom.protocol import labels, values
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.values import format_time
from chatroom.server.state.directory import LiveDirectory


def message_value(stored: StoredMessage, label: str, *, own: bool = False) -> values.Message:
    """Return a message as a wire value, with the receiver's ``label`` of the conversation. The cid is
    included only for the author (``own``).
    """
    return values.Message(
        conversation=label,
        seq=stored.seq,
        time=format_time(stored.sent_at),
        kind=stored.kind,
        username=stored.username,
        nickname=stored.nickname,
        text=stored.text,
        target=UNSET if stored.target is None else stored.target,
        cid=stored.cid if own and stored.cid is not None else UNSET,
    )


def page_values(page: list[StoredMessage], label: str, account_id: int) -> list[values.Message]:
    """Return a page of a conversation as wire values for an account, with its ``label``."""
    return [shown_value(stored, label, own=stored.account_id == account_id) for stored in page]


def shown_value(stored: StoredMessage, label: str, *, own: bool) -> values.Message:
    """Return a message of a page, with its revision (edits, deletion, reactions) if one was read."""
    value, revision = message_value(stored, label, own=own), stored.revision
    if revision is None:
        return value
    return replace(
        value,
        edited=UNSET if revision.edited_at is None else format_time(revision.edited_at),
        deleted=revision.deleted or UNSET,
        reactions=revision.reactions or UNSET,
    )


def first_value(first: int) -> int | UnsetType:
    """Return the seq of the first message that is left; unset if no message was removed."""
    return first if first > 1 else UNSET


def room_value(room: RoomRecord) -> values.Room:
    """Return a room as a wire value for the account whose view the record holds."""
    seat = room.seat
    return values.Room(
        room=labels.room_label(room.name),
        room_id=room.conversation_id,
        members=room.members,
        capacity=room.capacity,
        owner=room.owner,
        topic=room.topic or UNSET,
        private=room.private or UNSET,
        locked=room.password_hash is not None or UNSET,
        invited=room.invited or UNSET,
        retention=UNSET if room.retention_days is None else room.retention_days,
        member=seat is not None,
        entered=seat is not None and seat.entered,
        nickname=UNSET if seat is None or seat.nickname is None else seat.nickname,
        head=UNSET if seat is None else room.head,
        first=UNSET if seat is None else first_value(room.first),
        read=UNSET if seat is None else seat.read,
        unread=UNSET if seat is None else seat.unread,
    )


def friend_value(direct: DirectRecord, directory: LiveDirectory) -> values.Friend:
    """Return a friend as a wire value. A former friend is always offline."""
    seat, online = direct.seat, directory.is_online(direct.friend_id) and not direct.ended
    return values.Friend(
        friend=labels.direct_label(direct.friend),
        online=online,
        away=directory.away_text(direct.friend_id) or UNSET if online else UNSET,
        entered=seat.entered,
        nickname=UNSET if seat.nickname is None else seat.nickname,
        head=direct.head,
        first=first_value(direct.first),
        read=seat.read,
        unread=seat.unread,
    )
