"""The only module that changes the client's state, with its parts ``apply_values``, ``roster``, ``runs`` and
``unread``.

Frames of the server are applied by ``apply_event`` and ``apply_answer``, actions of the user by the other
functions.

Messages may arrive as events or pages, twice, late or with gaps. One rule keeps the history correct: a
timeline is one run of messages without a gap, and only messages that touch the run are added. An event
beyond the next seq is not applied. It only raises ``known_head``, and the client fetches the missing messages
with ``history``. A page that contradicts the timeline proves that the server has lost messages; then the
page replaces them. While the user views messages far above the end, these are a second run (``past``), until
the two runs touch.
"""

import time

from chatroom.client.model import former_friends, roster, select, unread
from chatroom.client.model.apply_values import (
    advance_first,
    apply_friend,
    apply_presence,
    apply_purged,
    apply_room,
    clear_room,
    find_or_add_conversation,
    find_room,
    note_former_name,
    remove_room,
)
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

TYPING_TIMEOUT = 6.0
"""Seconds after the last typing event until its user no longer counts as typing."""

ROLES = {"appoint": "moderator", "dismiss": "", "transfer": "owner"}
"""The role of the member in ``text``, after a notice of this kind."""

MAX_NOTES = 1000
"""Notes of the client that are kept; older ones are deleted."""


def apply_event(state: ClientState, event: events.AnyEvent) -> None:
    """Apply an event of the server."""
    match event:
        case events.Welcome():
            state.server_name, state.limits = event.name, event.limits
        case events.Message(message=message):
            _apply_message(state, message)
        case events.Read(conversation=name, seq=seq):
            mark_read(state, name, seq)
        case events.Purged():
            apply_purged(state, event)
        case events.Typing():
            typing = TypingUser(event.nickname, time.monotonic() + TYPING_TIMEOUT)
            find_or_add_conversation(state, event.conversation).typing[event.username] = typing
        case events.Presence():
            apply_presence(state, event)
        case events.Room(room=room):
            apply_room(state, room)
        case events.Friend(friend=friend, ended=ended, former=former):
            former_friends.rename_direct(state, former, friend.friend)
            apply_friend(state, friend).ended = ended is True
        case events.Closing() | events.Announcement():
            pass  # the connection stores the reason; a note shows the announcement
        case events.Invited(room=room):
            apply_room(state, room)
        case events.Removed(room=name, reason=reason):
            remove_room(state, name, reason)


def apply_answer(state: ClientState, request: requests.AnyRequest, response: responses.AnyResponse) -> None:
    """Apply the server's response to a request."""
    match request, response:
        case _, responses.Session():
            _apply_session(state, response)
        case _, responses.Entered():
            _apply_entered(state, response)
            if isinstance(request, requests.EnterRoom) and response.room:
                note_former_name(state, request.room, response.room)
        case _, responses.Rooms(rooms=rooms):
            for room in rooms:
                apply_room(state, room)
        case _, responses.Room(room=room):
            apply_room(state, room)
        case requests.ShowRoom(room=name), responses.RoomDetails(room=room):
            apply_room(state, room)
            note_former_name(state, name, room)
        case _, responses.Friends(friends=friends):
            for friend in friends:
                apply_friend(state, friend).ended = False
        case _, responses.Friend(friend=friend):
            apply_friend(state, friend).ended = False
        case requests.ListMembers(room=name, cursor=cursor), responses.Members(members=members):
            conversation = find_or_add_conversation(state, name)
            earlier = [] if cursor is UNSET else conversation.roster
            conversation.roster = roster.with_page(earlier, members)
        case requests.History(), responses.History():
            _apply_history(state, request, response)
        case requests.History(conversation=name), responses.Error():
            find_or_add_conversation(state, name).shown.loading = False
        case requests.Send(to=name, cid=str(cid)), responses.Sent(seq=seq):
            _apply_sent(find_or_add_conversation(state, name), cid, seq)
        case requests.LeaveRoom(room=name), responses.Ok():
            find_or_add_conversation(state, name).entered = False
        case requests.ResignRoom(room=name), responses.Ok():
            clear_room(find_or_add_conversation(state, name))
        case requests.LeaveDirect(username=name), responses.Ok():
            find_or_add_conversation(state, f"@{name}").entered = False
        case requests.RemoveFriend(username=name) | requests.Block(username=name), responses.Ok():
            if (direct := state.conversations.find(f"@{name}")) is not None:
                former_friends.friendship_ended(direct)
        case requests.CloseRoom(room=name), responses.Ok():
            remove_room(state, name, "close")
        case requests.Read(conversation=name, seq=seq), responses.Ok():
            mark_read(state, name, seq)
        case requests.SetAway(text=text), responses.Ok():
            state.away = text
        case requests.Logout(), responses.Ok():
            logged_out(state)


def take_renamed(state: ClientState) -> list[tuple[str, str]]:
    """Return the rooms that were renamed since the last call: the former and the new name of each."""
    renamed, state.renamed = state.renamed, []
    return renamed


def logged_out(state: ClientState) -> None:
    """Delete everything that belongs to the account that was logged in."""
    state.username = state.current = state.away = ""
    state.conversations.clear()
    state.home_draft = ""
    state.notes.clear()
    state.search_terms = ()
    state.attention.clear()


def mark_read(state: ClientState, name: str, seq: int) -> None:
    """Advance the read position to ``seq``: read in this session or in another one of the account."""
    if name in state.conversations:
        conversation = state.conversations[name]
        conversation.read = max(conversation.read, min(seq, conversation.head))
        unread.recount_unread(state, conversation)


def switch_to(state: ClientState, name: str) -> None:
    """Show another conversation, or the home page. The "new" line is above its first unread message."""
    state.current = find_or_add_conversation(state, name).name if name else ""
    if name:
        state.conversations[name].unread_from = 0
        mark_first_unread(state, name)


def mark_first_unread(state: ClientState, name: str) -> None:
    """Put the "new" line above the first unread message, if there is one."""
    if (conversation := state.conversations.find(name)) is not None and conversation.unread:
        conversation.unread_from = conversation.read + 1


def add_pending(state: ClientState, pending: PendingMessage) -> None:
    """Add a message of the user that the server has not confirmed."""
    find_or_add_conversation(state, pending.conversation).pending.append(pending)


def refuse_pending(state: ClientState, cid: str, code: str, facts: dict[str, object]) -> None:
    """Mark a pending message as refused for good. It stays in its place, with the reason."""
    for pending in select.pending_messages(state):
        if pending.cid == cid:
            pending.delivery, pending.error, pending.facts = DeliveryState.REFUSED, code, facts
            pending.after = state.conversations[pending.conversation].timeline.last
            _forget_unknown_room(state, pending.conversation, code)


def _forget_unknown_room(state: ClientState, name: str, code: str) -> None:
    """Delete a room that does not exist, unless it is the current conversation."""
    if code == "unknown_room" and name != state.current and not state.conversations[name].member:
        del state.conversations[name]


def set_draft(state: ClientState, name: str, text: str) -> None:
    """Store a text that is not sent yet. An empty name means the home screen."""
    conversation = state.conversations.find(name)
    if conversation is None:
        state.home_draft = text
    else:
        conversation.draft = text


def clear_notes(state: ClientState, name: str) -> None:
    """Delete the notes and the refused messages of a conversation."""
    state.notes[:] = [note for note in state.notes if note.conversation != name]
    if name:
        conversation = find_or_add_conversation(state, name)
        conversation.pending = [
            message for message in conversation.pending if message.delivery is DeliveryState.WAITING
        ]


def add_note(state: ClientState, note: ClientNote) -> None:
    state.notes.append(note)
    del state.notes[:-MAX_NOTES]


def remove_note(state: ClientState, note: ClientNote) -> None:
    state.notes[:] = [other for other in state.notes if other is not note]


def set_ignored(state: ClientState, username: str, ignore: bool) -> None:
    """Hide the messages of an account, or show them again."""
    (state.ignored.add if ignore else state.ignored.discard)(username)
    for conversation in state.conversations.values():
        unread.recount_unread(state, conversation)


def set_attention(state: ClientState, attention: dict[str, str]) -> None:
    """Set the notification level that the user has chosen for each conversation."""
    state.attention = attention


def set_loading(state: ClientState, name: str) -> None:
    """Record that older messages have been requested."""
    find_or_add_conversation(state, name).shown.loading = True


def stop_loading(state: ClientState, name: str) -> None:
    """Record that no request for messages is pending."""
    conversation = find_or_add_conversation(state, name)
    conversation.timeline.loading = conversation.shown.loading = False


def show_past_page(state: ClientState, name: str, page: list[Message]) -> None:
    """Show a page far above the end. It is a run of its own, unless it touches the timeline."""
    conversation = find_or_add_conversation(state, name)
    conversation.past = join_page(Timeline(), page) if page else None
    _join_runs(conversation)


def show_newest(state: ClientState, name: str) -> None:
    """Show the end of the conversation again, and clear the selection."""
    conversation = find_or_add_conversation(state, name)
    conversation.past, conversation.selected = None, 0


def set_keeps_all(state: ClientState, name: str, keeps_all: bool) -> None:
    """Keep all messages of a timeline in memory while the user has scrolled up."""
    find_or_add_conversation(state, name).keeps_all = keeps_all


def select_message(state: ClientState, name: str, seq: int) -> None:
    """Select the message that the next command applies to; 0 clears the selection."""
    find_or_add_conversation(state, name).selected = seq


def give_up_missing(state: ClientState, name: str) -> None:
    """Stop looking for messages that the server did not return."""
    conversation = find_or_add_conversation(state, name)
    conversation.known_head = conversation.timeline.last or conversation.head


def apply_unread_page(state: ClientState, name: str, page: list[Message]) -> None:
    """Search a page of unread messages above the timeline for mentions. The messages are not stored."""
    unread.scan_page_above(state, find_or_add_conversation(state, name), page)


def _apply_session(state: ClientState, response: responses.Session) -> None:
    state.username = response.username
    for room in response.rooms:
        find_room(state, room)  # before others are cleared: one may have been renamed
    mine = {room.room for room in response.rooms} | {friend.friend for friend in response.friends}
    for conversation in state.conversations.values():
        rest = response.rooms_cursor if conversation.is_room else response.friends_cursor
        if conversation.name not in mine and rest is UNSET:  # else further pages follow
            (clear_room if conversation.is_room else former_friends.friendship_ended)(conversation)
        if conversation.name != state.current:
            conversation.roster = []  # it may have changed; the members are requested when shown
    for room in response.rooms:
        apply_room(state, room, fresh=True)
    for friend in response.friends:
        apply_friend(state, friend, fresh=True).ended = False


def _apply_entered(state: ClientState, response: responses.Entered) -> None:
    if isinstance(response.room, values.Room):
        conversation = apply_room(state, response.room, fresh=True)
        conversation.roster = conversation.roster or roster.members_of_names(response.members or ())
    elif isinstance(response.friend, values.Friend):
        conversation = apply_friend(state, response.friend, fresh=True)
    else:
        return
    conversation.entered = True
    _merge_run(state, conversation, response.messages, newest=True)


def _apply_message(state: ClientState, message: Message) -> None:
    conversation = find_or_add_conversation(state, message.conversation)
    if message.seq == (conversation.timeline.last or conversation.head) + 1:
        _merge_run(state, conversation, [message])
    conversation.known_head = max(conversation.known_head, message.seq)
    if not conversation.keeps_all:
        drop_oldest(conversation.timeline)


def _apply_history(state: ClientState, request: requests.History, response: responses.History) -> None:
    conversation = find_or_add_conversation(state, request.conversation)
    conversation.timeline.loading = conversation.shown.loading = False
    advance_first(conversation, response.first or 1)
    if request.after is not UNSET and not response.messages and request.after < conversation.timeline.last:
        conversation.timeline, conversation.past = Timeline(), None  # the server has lost them
        return
    newest = request.before is UNSET and request.after is UNSET
    _merge_run(state, conversation, response.messages, newest=newest)
    unread.recount_unread(state, conversation)
    if conversation.past is not None and response.messages:
        conversation.past = join_page(conversation.past, response.messages)
        _join_runs(conversation)
    if request.after is UNSET and not response.messages:
        conversation.shown.more = False


def _merge_run(
    state: ClientState, conversation: Conversation, page: list[Message], *, newest: bool = False
) -> None:
    """Add a page of messages without a gap to the timeline, and count the new ones."""
    if not page:
        return
    if conversation.timeline.last < conversation.first == page[0].seq:
        conversation.timeline = Timeline()  # all of its messages were removed
    conversation.timeline = join_page(conversation.timeline, page, newest=newest)
    former_friends.forget_past(conversation, page)
    if page[0].seq > conversation.timeline.last:
        return
    if page[0].seq > conversation.head + 1:
        conversation.scanned_from = page[0].seq
    for message in page:
        if message.seq > conversation.head:
            _count_arrival(state, conversation, message)
    advance_first(conversation, conversation.first)
    unread.scan_joined_page(state, conversation, page)
    _settle_pending(conversation, page)


def _join_runs(conversation: Conversation) -> None:
    """Join the timeline and ``past`` once they touch."""
    past, timeline = conversation.past, conversation.timeline
    if past is not None and timeline.messages and past.last >= timeline.first - 1:
        conversation.timeline, conversation.past = join_page(timeline, past.messages), None
    advance_first(conversation, conversation.first)


def _count_arrival(state: ClientState, conversation: Conversation, message: Message) -> None:
    """Count a message beyond the head."""
    conversation.head = message.seq
    conversation.known_head = max(conversation.known_head, message.seq)
    if message.seq > conversation.read:
        conversation.unread += select.counts_as_unread(state, message)
    conversation.typing.pop(message.username, None)
    if message.kind in ("enter", "leave", "nick"):
        _apply_notice(state, conversation, message)
    elif message.kind in ("kick", "ban"):
        conversation.roster = roster.without_member(conversation.roster, message.text)
    elif message.kind in ROLES:
        conversation.roster = roster.with_role(conversation.roster, message.text, ROLES[message.kind])


def _apply_notice(state: ClientState, conversation: Conversation, message: Message) -> None:
    inside = message.kind != "leave"
    if message.username == state.username:
        conversation.entered, conversation.nickname = inside, message.nickname
    if conversation.is_room:
        conversation.roster = roster.with_entered(
            conversation.roster, message.username, message.nickname, inside=inside
        )


def _settle_pending(conversation: Conversation, page: list[Message]) -> None:
    """Remove the pending messages that the timeline now contains."""
    if conversation.pending:
        cids = {message.cid for message in page}
        last = conversation.timeline.last
        conversation.pending = [
            pending
            for pending in conversation.pending
            if pending.cid not in cids and not 0 < pending.seq <= last
        ]


def _apply_sent(conversation: Conversation, cid: str, seq: int) -> None:
    for pending in conversation.pending:
        if pending.cid == cid:
            pending.seq = seq
    conversation.known_head = max(conversation.known_head, seq)
    _settle_pending(conversation, [])
