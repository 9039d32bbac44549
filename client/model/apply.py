"""The only place that changes the state. The counterpart is ``select``, which derives from it.

What the server says comes in through ``apply_event`` and ``apply_answer``; what the user does, through the
other
functions.

One rule makes the history right, however it arrives (delivery, a page, twice, late, with holes): a timeline
is one run of messages without a gap, and only what touches the run becomes part of it. An event that lies
beyond the next place is not applied; it only tells (``heard``) that something is missing, and ``history``
brings it. A page that contradicts what is here proves that the server has lost what it had shown, and then
the page is right. Who goes far back has a second run (``past``) before them, until the two touch.
"""

import time

from chatroom.client.model import roster, select, unread
from chatroom.client.model.runs import drop_oldest, join_page
from chatroom.client.model.state import (
    ClientNote,
    ClientState,
    Conversation,
    DeliveryState,
    PendingMessage,
    Timeline,
    TypingUser,
)
from chatroom.protocol import events, requests, responses, values
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import Message

TYPING = 6.0
"""Seconds after which somebody who was writing, and of whom nothing more was heard, is not."""

MOST_NOTES = 1000
"""So many of the client's own notes are kept; they are for the moment."""


def apply_event(state: ClientState, told: events.AnyEvent) -> None:
    """Something that the server says unasked."""
    match told:
        case events.Welcome():
            state.server_name, state.limits = told.name, told.limits
        case events.Message(message=message):
            _apply_message(state, message)
        case events.Read(conversation=name, seq=seq):
            mark_read(state, name, seq)
        case events.Typing():
            typing = TypingUser(told.nickname, time.monotonic() + TYPING)
            find_or_add_conversation(state, told.conversation).typing[told.username] = typing
        case events.Presence():
            _apply_presence(state, told)
        case events.Room(room=room):
            _apply_room(state, room)
        case events.Friend(friend=friend, ended=ended):
            _apply_friend(state, friend).ended = ended is True
        case events.Closing():
            pass  # the connection keeps the reason
        case events.Invited(room=room):
            _apply_room(state, room)
        case events.Removed(room=name, reason=reason):
            _apply_removed(state, name, reason)


def apply_answer(state: ClientState, asked: requests.AnyRequest, told: responses.AnyResponse) -> None:
    """What the server answers to a request."""
    match asked, told:
        case _, responses.Session():
            _apply_session(state, told)
        case _, responses.Entered():
            _apply_entered(state, told)
        case _, responses.Rooms(rooms=rooms):
            for room in rooms:
                _apply_room(state, room)
        case _, responses.Room(room=room):
            _apply_room(state, room)
        case _, responses.Friends(friends=friends):
            for friend in friends:
                _apply_friend(state, friend)
        case _, responses.Friend(friend=friend):
            _apply_friend(state, friend).ended = False
        case requests.ListMembers(room=name), responses.Members(members=members):
            find_or_add_conversation(state, name).roster = roster.ordered_members(members)
        case requests.History(), responses.History():
            _apply_history(state, asked, told)
        case requests.History(conversation=name), responses.Error():
            find_or_add_conversation(state, name).shown.loading = False
        case requests.Send(to=name, cid=str(cid)), responses.Sent(seq=seq):
            _apply_sent(find_or_add_conversation(state, name), cid, seq)
        case requests.LeaveRoom(room=name), responses.Ok():
            find_or_add_conversation(state, name).entered = False
        case requests.ResignRoom(room=name), responses.Ok():
            _apply_resigned(find_or_add_conversation(state, name))
        case requests.LeaveDirect(username=name), responses.Ok():
            find_or_add_conversation(state, f"@{name}").entered = False
        case requests.RemoveFriend(username=name) | requests.Block(username=name), responses.Ok():
            if (direct := state.conversations.get(f"@{name}")) is not None:
                _apply_unfriended(direct)
        case requests.CloseRoom(room=name), responses.Ok():
            _apply_removed(state, name, "close")
        case requests.Read(conversation=name, seq=seq), responses.Ok():
            mark_read(state, name, seq)
        case requests.SetAway(text=text), responses.Ok():
            state.away = text
        case requests.Logout(), responses.Ok():
            logged_out(state)


def find_or_add_conversation(state: ClientState, name: str) -> Conversation:
    """The conversation of this name, made if it is new."""
    if name not in state.conversations:
        state.conversations[name] = Conversation(name, member=name.startswith("@"))
    return state.conversations[name]


def logged_out(state: ClientState) -> None:
    """Nobody is logged in any more: all that was theirs goes."""
    state.username = state.current = state.away = ""
    state.conversations.clear()
    state.notes.clear()
    state.attention.clear()


def mark_read(state: ClientState, name: str, seq: int) -> None:
    """I have read up to here, in this session or another."""
    if name in state.conversations:
        one = state.conversations[name]
        one.read = max(one.read, min(seq, one.head))
        unread.recount_unread(state, one)


def switch_to(state: ClientState, name: str) -> None:
    """Another conversation is in sight; the line "new" is drawn where reading stopped."""
    state.current = name
    if name:
        one = find_or_add_conversation(state, name)
        one.unread_from = one.read + 1 if one.unread else 0


def add_pending(state: ClientState, pending: PendingMessage) -> None:
    """A message of mine is on its way."""
    find_or_add_conversation(state, pending.conversation).pending.append(pending)


def refuse_pending(state: ClientState, cid: str, code: str, facts: dict[str, object]) -> None:
    """The server will never store this message of mine; it stays where it is, with the reason."""
    for pending in select.pending_messages(state):
        if pending.cid == cid:
            pending.delivery, pending.error, pending.facts = DeliveryState.REFUSED, code, facts
            pending.after = state.conversations[pending.conversation].timeline.last
            _forget_unknown(state, pending.conversation, code)


def _forget_unknown(state: ClientState, name: str, code: str) -> None:
    """A room that does not exist is not listed; one in sight stays until the user turns away."""
    if code == "unknown_room" and name != state.current and not state.conversations[name].member:
        del state.conversations[name]


def set_draft(state: ClientState, name: str, text: str) -> None:
    """A line that is not sent yet."""
    find_or_add_conversation(state, name).draft = text


def clear_notes(state: ClientState, name: str) -> None:
    """The user wants the notes and the refused messages of this conversation out of sight."""
    state.notes[:] = [note for note in state.notes if note.conversation != name]
    if name:
        one = find_or_add_conversation(state, name)
        one.pending = [pending for pending in one.pending if pending.delivery is DeliveryState.WAITING]


def add_note(state: ClientState, note: ClientNote) -> None:
    state.notes.append(note)
    del state.notes[:-MOST_NOTES]


def remove_note(state: ClientState, note: ClientNote) -> None:
    """What a note told is over."""
    state.notes[:] = [one for one in state.notes if one is not note]


def set_ignored(state: ClientState, username: str, ignore: bool) -> None:
    """The user wants, or no longer wants, not to see what this account says."""
    (state.ignored.add if ignore else state.ignored.discard)(username)
    for one in state.conversations.values():
        unread.recount_unread(state, one)


def set_attention(state: ClientState, attention: dict[str, str]) -> None:
    """What the user has chosen to be called for, by conversation."""
    state.attention = attention


def set_loading(state: ClientState, name: str) -> None:
    """Older messages have been asked for."""
    find_or_add_conversation(state, name).shown.loading = True


def stop_loading(state: ClientState, name: str) -> None:
    """Nothing more is on its way."""
    one = find_or_add_conversation(state, name)
    one.timeline.loading = one.shown.loading = False


def show_past_page(state: ClientState, name: str, page: list[Message]) -> None:
    """The user looks at a page far from the end: a run of its own, unless it touches what is here."""
    one = find_or_add_conversation(state, name)
    one.past = join_page(Timeline(more=page[0].seq > 1), page) if page else None
    _join_runs(one)


def show_newest(state: ClientState, name: str) -> None:
    """The user is at the end of the conversation again. What was selected is out of sight."""
    one = find_or_add_conversation(state, name)
    one.past, one.selected = None, 0


def set_held(state: ClientState, name: str, is_held: bool) -> None:
    """Whether what the user looks at may lie far above the end; then all of it stays."""
    find_or_add_conversation(state, name).held = is_held


def select_message(state: ClientState, name: str, seq: int) -> None:
    """The next command about a message is about this one; 0: about none in particular."""
    find_or_add_conversation(state, name).selected = seq


def give_up_missing(state: ClientState, name: str) -> None:
    """What was heard of cannot be had."""
    one = find_or_add_conversation(state, name)
    one.heard = one.timeline.last or one.head


def apply_unread_page(state: ClientState, name: str, page: list[Message]) -> None:
    """A page of unread messages further up than those that are here. Only who names me is kept of it."""
    unread.scan_page_above(state, find_or_add_conversation(state, name), page)


def _apply_session(state: ClientState, told: responses.Session) -> None:
    state.username = told.username
    mine = {room.room for room in told.rooms} | {friend.friend for friend in told.friends}
    for one in state.conversations.values():
        if one.name not in mine:
            _apply_resigned(one) if one.is_room else _apply_unfriended(one)
        if one.name != state.current:
            one.roster = []  # who came and went meanwhile is told to nobody; it is asked for where one looks
    for room in told.rooms:
        _apply_room(state, room, fresh=True)
    for friend in told.friends:
        _apply_friend(state, friend, fresh=True).ended = False


def _apply_entered(state: ClientState, told: responses.Entered) -> None:
    if isinstance(told.room, values.Room):
        one = _apply_room(state, told.room, fresh=True)
        one.roster = one.roster or roster.members_of_names(told.members or ())
    elif isinstance(told.friend, values.Friend):
        one = _apply_friend(state, told.friend, fresh=True)
    else:
        return
    one.entered = True
    _merge_run(state, one, told.messages, newest=True)


def _apply_room(state: ClientState, room: values.Room, *, fresh: bool = False) -> Conversation:
    one = find_or_add_conversation(state, room.room)
    fresh = fresh or (room.member and not one.member)
    if one.member and not room.member:
        _apply_resigned(one)
    one.members, one.capacity = room.members, room.capacity
    one.member, one.entered = room.member, room.entered
    one.nickname = room.nickname or one.nickname
    one.owner = room.owner or one.owner
    one.topic = room.topic or ""
    one.private, one.locked, one.invited = room.private is True, room.locked is True, room.invited is True
    if room.head is not UNSET:
        _apply_head(state, one, room.head, room.read or 0, room.unread or 0, fresh)
    return one


def _apply_friend(state: ClientState, friend: values.Friend, *, fresh: bool = False) -> Conversation:
    fresh = fresh or friend.friend not in state.conversations
    one = find_or_add_conversation(state, friend.friend)
    one.online, one.entered, one.away = friend.online, friend.entered, friend.away or ""
    one.nickname = friend.nickname or one.nickname
    _apply_head(state, one, friend.head, friend.read, friend.unread, fresh)
    return one


def _apply_head(state: ClientState, one: Conversation, head: int, read: int, count: int, fresh: bool) -> None:
    """The server says where a conversation ends.

    Only what begins a stream of events (``session``, ``entered``) says so of one definite moment in it, and
    so may set the counts back; anything else is a hint that there may be more.
    """
    one.heard = max(one.heard, head)
    if not fresh:
        return
    one.head, one.heard, one.read, one.unread = head, head, read, count
    if head < one.timeline.last or not head:
        one.timeline, one.past = Timeline(more=head > 0), None
    if one.timeline.last < head:
        one.looked = head + 1
    unread.recount_unread(state, one)


def _apply_message(state: ClientState, message: Message) -> None:
    one = find_or_add_conversation(state, message.conversation)
    if message.seq == (one.timeline.last or one.head) + 1:
        _merge_run(state, one, [message])
    one.heard = max(one.heard, message.seq)
    if not one.held:
        drop_oldest(one.timeline)


def _apply_history(state: ClientState, asked: requests.History, told: responses.History) -> None:
    one = find_or_add_conversation(state, asked.conversation)
    one.timeline.loading = one.shown.loading = False
    if asked.after is not UNSET and not told.messages and asked.after < one.timeline.last:
        one.timeline, one.past = Timeline(), None  # what stood there is there no longer
        return
    newest = asked.before is UNSET and asked.after is UNSET
    _merge_run(state, one, told.messages, newest=newest)
    unread.recount_unread(state, one)
    if one.past is not None and told.messages:
        one.past = join_page(one.past, told.messages)
        _join_runs(one)
    if asked.after is UNSET and not told.messages:
        one.shown.more = False


def _merge_run(state: ClientState, one: Conversation, page: list[Message], *, newest: bool = False) -> None:
    """Make a run of messages part of the timeline."""
    if not page:
        return
    one.timeline = join_page(one.timeline, page, newest=newest)
    if page[0].seq > one.timeline.last:
        return
    if page[0].seq > one.head + 1:
        one.looked = page[0].seq
    for message in page:
        if message.seq > one.head:
            _count_arrival(state, one, message)
    unread.scan_joined_page(state, one, page)
    _settle_pending(one, page)


def _join_runs(one: Conversation) -> None:
    """Two runs that touch are one."""
    past, here = one.past, one.timeline
    if past is not None and here.messages and past.last >= here.first - 1:
        one.timeline, one.past = join_page(here, past.messages), None


def _count_arrival(state: ClientState, one: Conversation, message: Message) -> None:
    """A message that nobody had counted."""
    one.head = message.seq
    one.heard = max(one.heard, message.seq)
    if message.seq > one.read:
        one.unread += select.counts_as_unread(state, message)
    one.typing.pop(message.username, None)
    if message.kind in ("enter", "leave", "nick"):
        _apply_notice(state, one, message)
    elif message.kind in ("kick", "ban"):
        one.roster = roster.without_member(one.roster, message.text)


def _apply_notice(state: ClientState, one: Conversation, message: Message) -> None:
    inside = message.kind != "leave"
    if message.username == state.username:
        one.entered, one.nickname = inside, message.nickname
    if one.is_room:
        one.roster = roster.with_entered(one.roster, message.username, message.nickname, inside=inside)


def _settle_pending(one: Conversation, page: list[Message]) -> None:
    """What was pending and is here now need not be drawn twice."""
    if one.pending:
        here = {message.cid for message in page}
        last = one.timeline.last
        one.pending = [
            pending for pending in one.pending if pending.cid not in here and not 0 < pending.seq <= last
        ]


def _apply_sent(one: Conversation, cid: str, seq: int) -> None:
    for pending in one.pending:
        if pending.cid == cid:
            pending.seq = seq
    one.heard = max(one.heard, seq)
    _settle_pending(one, [])


def _apply_presence(state: ClientState, told: events.Presence) -> None:
    if told.username == state.username:
        state.away = told.away or ""
    for one in state.conversations.values():
        if one.name == f"@{told.username}":
            one.online, one.away = told.online, told.away or ""
        one.roster = roster.with_presence(one.roster, told.username, told.online, told.away)


def _apply_resigned(one: Conversation) -> None:
    """A seat given up: the room's history is no longer mine to read."""
    one.member = one.entered = False
    one.timeline, one.past, one.selected = Timeline(), None, 0
    one.head = one.heard = one.read = one.unread = one.unread_from = 0
    one.named, one.looked = set(), 1
    one.roster = []


def _apply_removed(state: ClientState, name: str, reason: str) -> None:
    """A room is mine no longer; one that was closed is nobody's."""
    _apply_resigned(find_or_add_conversation(state, name))
    if reason == "close":
        del state.conversations[name]


def _apply_unfriended(one: Conversation) -> None:
    one.ended, one.entered, one.online = True, False, False
