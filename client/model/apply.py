"""The only place that changes the state. The counterpart is ``select``, which derives from it.

What the server says comes in through ``event`` and ``answer``; what the user does, through the other
functions.

One rule makes the history right, however it arrives (delivery, a page, twice, late, with holes): a timeline
is one run of messages without a gap, and only what touches the run becomes part of it. An event that lies
beyond the next place is not applied; it only tells (``heard``) that something is missing, and ``history``
brings it. A page that contradicts what is here proves that the server has lost what it had shown, and then
the page is right. Who goes far back has a second run (``past``) before them, until the two touch.
"""

import time

from client.model import roster, select, unread
from client.model.runs import joined, shorten
from client.model.state import Conversation, Delivery, Note, Pending, State, Timeline, Typing
from protocol import events, requests, responses, values
from protocol.frame import UNSET
from protocol.values import Message

TYPING = 6.0
"""Seconds after which somebody who was writing, and of whom nothing more was heard, is not."""

MOST_NOTES = 1000
"""So many of the client's own notes are kept; they are for the moment."""


def event(state: State, told: events.AnyEvent) -> None:
    """Something that the server says unasked."""
    match told:
        case events.Welcome():
            state.server_name, state.limits = told.name, told.limits
        case events.Message(message=message):
            _message(state, message)
        case events.Read(conversation=name, seq=seq):
            read(state, name, seq)
        case events.Typing():
            typing = Typing(told.nickname, time.monotonic() + TYPING)
            conversation(state, told.conversation).typing[told.username] = typing
        case events.Presence():
            _presence(state, told)
        case events.Room(room=room):
            _room(state, room)
        case events.Friend(friend=friend, ended=ended):
            _friend(state, friend).ended = ended is True
        case events.Closing():
            pass  # the connection keeps the reason
        case events.Invited(room=room):
            _room(state, room)
        case events.Removed(room=name, reason=reason):
            _removed(state, name, reason)


def answer(state: State, asked: requests.AnyRequest, told: responses.AnyResponse) -> None:
    """What the server answers to a request."""
    match asked, told:
        case _, responses.Session():
            _session(state, told)
        case _, responses.Entered():
            _entered(state, told)
        case _, responses.Rooms(rooms=rooms):
            for room in rooms:
                _room(state, room)
        case _, responses.Room(room=room):
            _room(state, room)
        case _, responses.Friends(friends=friends):
            for friend in friends:
                _friend(state, friend)
        case _, responses.Friend(friend=friend):
            _friend(state, friend).ended = False
        case requests.ListMembers(room=name), responses.Members(members=members):
            conversation(state, name).roster = roster.ordered(members)
        case requests.History(), responses.History():
            _history(state, asked, told)
        case requests.History(conversation=name), responses.Error():
            conversation(state, name).shown.loading = False
        case requests.Send(to=name, cid=str(cid)), responses.Sent(seq=seq):
            _sent(conversation(state, name), cid, seq)
        case requests.LeaveRoom(room=name), responses.Ok():
            conversation(state, name).entered = False
        case requests.ResignRoom(room=name), responses.Ok():
            _resigned(conversation(state, name))
        case requests.LeaveDirect(username=name), responses.Ok():
            conversation(state, f"@{name}").entered = False
        case requests.RemoveFriend(username=name) | requests.Block(username=name), responses.Ok():
            if (direct := state.conversations.get(f"@{name}")) is not None:
                _unfriended(direct)
        case requests.CloseRoom(room=name), responses.Ok():
            _removed(state, name, "close")
        case requests.Read(conversation=name, seq=seq), responses.Ok():
            read(state, name, seq)
        case requests.SetAway(text=text), responses.Ok():
            state.away = text
        case requests.Logout(), responses.Ok():
            logged_out(state)


def conversation(state: State, name: str) -> Conversation:
    """The conversation of this name, made if it is new."""
    if name not in state.conversations:
        state.conversations[name] = Conversation(name, member=name.startswith("@"))
    return state.conversations[name]


def logged_out(state: State) -> None:
    """Nobody is logged in any more: all that was theirs goes."""
    state.username = state.current = state.away = ""
    state.conversations.clear()
    state.notes.clear()
    state.attention.clear()


def read(state: State, name: str, seq: int) -> None:
    """I have read up to here, in this session or another."""
    if name in state.conversations:
        one = state.conversations[name]
        one.read = max(one.read, min(seq, one.head))
        unread.recount(state, one)


def switched(state: State, name: str) -> None:
    """Another conversation is in sight; the line "new" is drawn where reading stopped."""
    state.current = name
    if name:
        one = conversation(state, name)
        one.unread_from = one.read + 1 if one.unread else 0


def written(state: State, pending: Pending) -> None:
    """A message of mine is on its way."""
    conversation(state, pending.conversation).pending.append(pending)


def refused(state: State, cid: str, code: str, facts: dict[str, object]) -> None:
    """The server will never store this message of mine; it stays where it is, with the reason."""
    for pending in select.waiting(state):
        if pending.cid == cid:
            pending.delivery, pending.error, pending.facts = Delivery.REFUSED, code, facts
            pending.after = state.conversations[pending.conversation].timeline.last
            _forget_unknown(state, pending.conversation, code)


def _forget_unknown(state: State, name: str, code: str) -> None:
    """A room that does not exist is not listed; one in sight stays until the user turns away."""
    if code == "unknown_room" and name != state.current and not state.conversations[name].member:
        del state.conversations[name]


def drafted(state: State, name: str, text: str) -> None:
    """A line that is not sent yet."""
    conversation(state, name).draft = text


def cleared(state: State, name: str) -> None:
    """The user wants the notes and the refused messages of this conversation out of sight."""
    state.notes[:] = [note for note in state.notes if note.conversation != name]
    if name:
        one = conversation(state, name)
        one.pending = [pending for pending in one.pending if pending.delivery is Delivery.WAITING]


def noted(state: State, note: Note) -> None:
    state.notes.append(note)
    del state.notes[:-MOST_NOTES]


def unnoted(state: State, note: Note) -> None:
    """What a note told is over."""
    state.notes[:] = [one for one in state.notes if one is not note]


def ignored(state: State, username: str, ignore: bool) -> None:
    """The user wants, or no longer wants, not to see what this account says."""
    (state.ignored.add if ignore else state.ignored.discard)(username)
    for one in state.conversations.values():
        unread.recount(state, one)


def attending(state: State, attention: dict[str, str]) -> None:
    """What the user has chosen to be called for, by conversation."""
    state.attention = attention


def loading(state: State, name: str) -> None:
    """Older messages have been asked for."""
    conversation(state, name).shown.loading = True


def stayed(state: State, name: str) -> None:
    """Nothing more is on its way."""
    one = conversation(state, name)
    one.timeline.loading = one.shown.loading = False


def went_back(state: State, name: str, page: list[Message]) -> None:
    """The user looks at a page far from the end: a run of its own, unless it touches what is here."""
    one = conversation(state, name)
    one.past = joined(Timeline(more=page[0].seq > 1), page) if page else None
    _reunite(one)


def came_back(state: State, name: str) -> None:
    """The user is at the end of the conversation again. What was selected is out of sight."""
    one = conversation(state, name)
    one.past, one.selected = None, 0


def held(state: State, name: str, is_held: bool) -> None:
    """Whether what the user looks at may lie far above the end; then all of it stays."""
    conversation(state, name).held = is_held


def selected(state: State, name: str, seq: int) -> None:
    """The next command about a message is about this one; 0: about none in particular."""
    conversation(state, name).selected = seq


def gave_up(state: State, name: str) -> None:
    """What was heard of cannot be had."""
    one = conversation(state, name)
    one.heard = one.timeline.last or one.head


def looked_through(state: State, name: str, page: list[Message]) -> None:
    """A page of unread messages further up than those that are here. Only who names me is kept of it."""
    unread.look_above(state, conversation(state, name), page)


def _session(state: State, told: responses.Session) -> None:
    state.username = told.username
    mine = {room.room for room in told.rooms} | {friend.friend for friend in told.friends}
    for one in state.conversations.values():
        if one.name not in mine:
            _resigned(one) if one.is_room else _unfriended(one)
        if one.name != state.current:
            one.roster = []  # who came and went meanwhile is told to nobody; it is asked for where one looks
    for room in told.rooms:
        _room(state, room, fresh=True)
    for friend in told.friends:
        _friend(state, friend, fresh=True).ended = False


def _entered(state: State, told: responses.Entered) -> None:
    if isinstance(told.room, values.Room):
        one = _room(state, told.room, fresh=True)
        one.roster = one.roster or roster.of_names(told.members or ())
    elif isinstance(told.friend, values.Friend):
        one = _friend(state, told.friend, fresh=True)
    else:
        return
    one.entered = True
    _absorb(state, one, told.messages, newest=True)


def _room(state: State, room: values.Room, *, fresh: bool = False) -> Conversation:
    one = conversation(state, room.room)
    fresh = fresh or (room.member and not one.member)
    if one.member and not room.member:
        _resigned(one)
    one.members, one.capacity = room.members, room.capacity
    one.member, one.entered = room.member, room.entered
    one.nickname = room.nickname or one.nickname
    one.owner = room.owner or one.owner
    one.topic = room.topic or ""
    one.private, one.locked, one.invited = room.private is True, room.locked is True, room.invited is True
    if room.head is not UNSET:
        _told_head(state, one, room.head, room.read or 0, room.unread or 0, fresh)
    return one


def _friend(state: State, friend: values.Friend, *, fresh: bool = False) -> Conversation:
    fresh = fresh or friend.friend not in state.conversations
    one = conversation(state, friend.friend)
    one.online, one.entered, one.away = friend.online, friend.entered, friend.away or ""
    one.nickname = friend.nickname or one.nickname
    _told_head(state, one, friend.head, friend.read, friend.unread, fresh)
    return one


def _told_head(state: State, one: Conversation, head: int, read: int, count: int, fresh: bool) -> None:
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
    unread.recount(state, one)


def _message(state: State, message: Message) -> None:
    one = conversation(state, message.conversation)
    if message.seq == (one.timeline.last or one.head) + 1:
        _absorb(state, one, [message])
    one.heard = max(one.heard, message.seq)
    if not one.held:
        shorten(one.timeline)


def _history(state: State, asked: requests.History, told: responses.History) -> None:
    one = conversation(state, asked.conversation)
    one.timeline.loading = one.shown.loading = False
    if asked.after is not UNSET and not told.messages and asked.after < one.timeline.last:
        one.timeline, one.past = Timeline(), None  # what stood there is there no longer
        return
    newest = asked.before is UNSET and asked.after is UNSET
    _absorb(state, one, told.messages, newest=newest)
    unread.recount(state, one)
    if one.past is not None and told.messages:
        one.past = joined(one.past, told.messages)
        _reunite(one)
    if asked.after is UNSET and not told.messages:
        one.shown.more = False


def _absorb(state: State, one: Conversation, page: list[Message], *, newest: bool = False) -> None:
    """Make a run of messages part of the timeline."""
    if not page:
        return
    one.timeline = joined(one.timeline, page, newest=newest)
    if page[0].seq > one.timeline.last:
        return
    if page[0].seq > one.head + 1:
        one.looked = page[0].seq
    for message in page:
        if message.seq > one.head:
            _arrived(state, one, message)
    unread.look_here(state, one, page)
    _settle(one, page)


def _reunite(one: Conversation) -> None:
    """Two runs that touch are one."""
    past, here = one.past, one.timeline
    if past is not None and here.messages and past.last >= here.first - 1:
        one.timeline, one.past = joined(here, past.messages), None


def _arrived(state: State, one: Conversation, message: Message) -> None:
    """A message that nobody had counted."""
    one.head = message.seq
    one.heard = max(one.heard, message.seq)
    if message.seq > one.read:
        one.unread += select.counts(state, message)
    one.typing.pop(message.username, None)
    if message.kind in ("enter", "leave", "nick"):
        _came_or_went(state, one, message)
    elif message.kind in ("kick", "ban"):
        one.roster = roster.without(one.roster, message.text)


def _came_or_went(state: State, one: Conversation, message: Message) -> None:
    inside = message.kind != "leave"
    if message.username == state.username:
        one.entered, one.nickname = inside, message.nickname
    if one.is_room:
        one.roster = roster.moved(one.roster, message.username, message.nickname, inside=inside)


def _settle(one: Conversation, page: list[Message]) -> None:
    """What was pending and is here now need not be drawn twice."""
    if one.pending:
        here = {message.cid for message in page}
        last = one.timeline.last
        one.pending = [
            pending for pending in one.pending if pending.cid not in here and not 0 < pending.seq <= last
        ]


def _sent(one: Conversation, cid: str, seq: int) -> None:
    for pending in one.pending:
        if pending.cid == cid:
            pending.seq = seq
    one.heard = max(one.heard, seq)
    _settle(one, [])


def _presence(state: State, told: events.Presence) -> None:
    if told.username == state.username:
        state.away = told.away or ""
    for one in state.conversations.values():
        if one.name == f"@{told.username}":
            one.online, one.away = told.online, told.away or ""
        one.roster = roster.told(one.roster, told.username, told.online, told.away)


def _resigned(one: Conversation) -> None:
    """A seat given up: the room's history is no longer mine to read."""
    one.member = one.entered = False
    one.timeline, one.past, one.selected = Timeline(), None, 0
    one.head = one.heard = one.read = one.unread = one.unread_from = 0
    one.named, one.looked = set(), 1
    one.roster = []


def _removed(state: State, name: str, reason: str) -> None:
    """A room is mine no longer; one that was closed is nobody's."""
    _resigned(conversation(state, name))
    if reason == "close":
        del state.conversations[name]


def _unfriended(one: Conversation) -> None:
    one.ended, one.entered, one.online = True, False, False
