"""Applies rooms, friends and presence, as the server describes them, to the state. Used by ``apply``."""

from msgspec.structs import replace

from chatroom.client.model import roster, unread
from chatroom.client.model.runs import drop_removed
from chatroom.client.model.state import ClientState, Conversation, Timeline
from chatroom.protocol import events, values
from chatroom.protocol.frame import UNSET
from chatroom.protocol.names import name_key


def find_or_add_conversation(state: ClientState, name: str) -> Conversation:
    """Return the conversation of this name; create it if it is unknown."""
    if name not in state.conversations:
        state.conversations[name] = Conversation(name, member=name.startswith("@"))
    return state.conversations[name]


def apply_room(state: ClientState, room: values.Room, *, fresh: bool = False) -> Conversation:
    conversation = find_room(state, room)
    fresh = fresh or (room.member and not conversation.member)
    if conversation.member and not room.member:
        clear_room(conversation)
    conversation.members, conversation.capacity = room.members, room.capacity
    conversation.member, conversation.entered = room.member, room.entered
    conversation.nickname = room.nickname or conversation.nickname
    conversation.owner = room.owner or conversation.owner
    conversation.topic = room.topic or ""
    conversation.private, conversation.locked = room.private is True, room.locked is True
    conversation.invited = room.invited is True
    conversation.retention = room.retention or 0
    if _is_hidden(state, conversation):
        state.conversations.pop(conversation.name, None)
    if room.head is not UNSET:
        _apply_head(state, conversation, room.head, room.read or 0, room.unread or 0, fresh)
        advance_first(conversation, room.first or 1)
    return conversation


def find_room(state: ClientState, room: values.Room) -> Conversation:
    """Return the room with this id; rename it if it was known by another name."""
    table, room_id = state.conversations, room.room_id or 0
    known = table.find_room(room_id)
    if known is not None and known.name != room.room:
        _rename_room(state, known, room.room)
    elif known is None and room_id and (other := table.find(room.room)) and other.name != room.room:
        table.forget_former_name(room.room)  # another room has it now
    conversation = find_or_add_conversation(state, room.room)
    table.set_room_id(conversation, room_id)
    return conversation


def note_former_name(state: ClientState, requested: str, room: values.Room) -> None:
    """The server has answered a request for the room ``requested``: if the room has another name, it was
    renamed.
    """
    former, table = f"#{requested.removeprefix('#')}", state.conversations
    if name_key(former) == name_key(room.room) or (table.find(former) is table.find(room.room)):
        return
    if (unknown := table.pop(former, None)) is not None:
        _add_unsent(table[room.room], unknown)
    _note_rename(state, former, room.room)


def _rename_room(state: ClientState, room: Conversation, name: str) -> None:
    """Rename a room that the server has described, with everything that is stored under its name."""
    table, former = state.conversations, room.name
    del table[former]
    unknown = table.pop(name, None)
    room.name = name
    table[name] = room
    for timeline in filter(None, (room.timeline, room.past)):
        timeline.messages = [replace(message, conversation=name) for message in timeline.messages]
    _add_unsent(room, unknown)
    _note_rename(state, former, name)


def _add_unsent(room: Conversation, unknown: Conversation | None) -> None:
    """Add what was written under a name of the room before the server had told that it is this room."""
    if unknown is not None:
        room.pending += unknown.pending
        room.draft = room.draft or unknown.draft
        room.known_head = max(room.known_head, unknown.known_head)
    for pending in room.pending:
        pending.conversation = room.name


def _note_rename(state: ClientState, former: str, name: str) -> None:
    state.conversations.add_former_name(former, name)
    for note in state.notes:
        note.conversation = name if note.conversation == former else note.conversation
    state.current = name if state.current == former else state.current
    state.renamed.append((former, name))


def _is_hidden(state: ClientState, room: Conversation) -> bool:
    """Whether a room became private, and the user does not see it any more."""
    is_mine = room.member or room.invited or room.owner == state.username
    return room.private and not is_mine and room.name != state.current


def apply_friend(state: ClientState, friend: values.Friend, *, fresh: bool = False) -> Conversation:
    fresh = fresh or friend.friend not in state.conversations
    conversation = find_or_add_conversation(state, friend.friend)
    conversation.online, conversation.entered = friend.online, friend.entered
    conversation.away = friend.away or ""
    conversation.nickname = friend.nickname or conversation.nickname
    _apply_head(state, conversation, friend.head, friend.read, friend.unread, fresh)
    advance_first(conversation, friend.first or 1)
    return conversation


def _apply_head(
    state: ClientState, conversation: Conversation, head: int, read: int, count: int, fresh: bool
) -> None:
    """Apply the head of a conversation, as the server reported it.

    ``fresh``: it comes from a response that begins a stream of events (``session``, ``entered``), so it is
    exact and may lower the counts. Any other head only says that there may be more messages.
    """
    conversation.known_head = max(conversation.known_head, head)
    if not fresh:
        return
    conversation.head = conversation.known_head = head
    conversation.read, conversation.unread = read, count
    if head < conversation.timeline.last or not head:
        conversation.timeline, conversation.past = Timeline(more=head > 0), None
    if conversation.timeline.last < head:
        conversation.scanned_from = head + 1
    unread.recount_unread(state, conversation)


def apply_purged(state: ClientState, event: events.Purged) -> None:
    conversation = find_or_add_conversation(state, event.conversation)
    if event.unread is not UNSET:
        conversation.unread = event.unread
    advance_first(conversation, event.first)
    unread.recount_unread(state, conversation)


def advance_first(conversation: Conversation, first: int) -> None:
    """Drop the messages that the server has removed: those before ``first``.

    If all loaded ones were removed and later ones are missing, they stay until the page after the gap comes.
    """
    conversation.first = max(conversation.first, first)
    if conversation.first == 1:
        return
    first, timeline = conversation.first, conversation.timeline
    if timeline.last >= min(first, conversation.known_head):
        drop_removed(timeline, first)
    if not timeline.messages and first > conversation.known_head:
        timeline.more = False
    if conversation.past is not None:
        drop_removed(conversation.past, first)
        conversation.past = conversation.past if conversation.past.messages else None
    conversation.mention_seqs = {seq for seq in conversation.mention_seqs if seq >= first}
    conversation.selected = conversation.selected if conversation.selected >= first else 0
    conversation.unread_from = conversation.unread_from and max(conversation.unread_from, first)


def apply_presence(state: ClientState, event: events.Presence) -> None:
    if event.username == state.username:
        state.away = event.away or ""
    for conversation in state.conversations.values():
        if conversation.name == f"@{event.username}":
            conversation.online, conversation.away = event.online, event.away or ""
        conversation.roster = roster.with_presence(
            conversation.roster, event.username, event.online, event.away
        )


def clear_room(conversation: Conversation) -> None:
    """Clear a room in which the user is no longer a member and may no longer read the history."""
    conversation.member = conversation.entered = False
    conversation.timeline, conversation.past, conversation.selected = Timeline(), None, 0
    conversation.head = conversation.known_head = conversation.read = 0
    conversation.first = 1
    conversation.unread = conversation.unread_from = 0
    conversation.mention_seqs, conversation.scanned_from = set(), 1
    conversation.roster = []


def remove_room(state: ClientState, name: str, reason: str) -> None:
    """Clear a room that the user was removed from; delete a room that was closed."""
    room = find_or_add_conversation(state, name)
    clear_room(room)
    if reason == "close":
        del state.conversations[room.name]
