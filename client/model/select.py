"""Values derived from the client's state. None of them is stored in it."""

import re
from functools import lru_cache

from chatroom.client.model.state import ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.protocol.frame import UNSET
from chatroom.protocol.names import name_key
from chatroom.protocol.values import SPOKEN_KINDS, Message


def sidebar_conversations(state: ClientState) -> list[Conversation]:
    """Return the user's conversations: rooms by name, then private chats by name."""
    return list_rooms(state, mine=True) + list_directs(state)


def list_rooms(state: ClientState, *, mine: bool = False) -> list[Conversation]:
    """Return all rooms, or those of which the user is a member, by name."""
    rooms = (room for room in state.conversations.values() if room.is_room and (room.member or not mine))
    return sorted(rooms, key=_name_order)


def list_directs(state: ClientState) -> list[Conversation]:
    """Return all private chats by name, also the readable ones of friendships that have ended."""
    return sorted((chat for chat in state.conversations.values() if not chat.is_room), key=_name_order)


def list_friends(state: ClientState) -> list[Conversation]:
    """Return the private chats with current friends, by name."""
    return [chat for chat in list_directs(state) if not chat.ended]


def _name_order(conversation: Conversation) -> tuple[list[bytes | int], str]:
    return _natural_key(conversation.name[1:]), conversation.name


@lru_cache(maxsize=8192)
def _natural_key(name: str) -> list[bytes | int]:
    """Return the key that sorts ``room2`` before ``room10``: texts and numbers in turn."""
    return [int(part) if part.isdigit() else part for part in _DIGITS.split(name_key(name))]


_DIGITS = re.compile(rb"([0-9]+)")


def current_conversation(state: ClientState) -> Conversation | None:
    """Return the conversation on the screen; ``None`` on the home page."""
    return state.conversations.find(state.current)


def next_active(state: ClientState) -> str:
    """Return the name of the next conversation with unread messages; empty if there is none."""
    return next((conversation.name for conversation in active_conversations(state)), "")


def active_conversations(state: ClientState) -> list[Conversation]:
    """Return the other conversations with unread messages that are not muted.

    Those with mentions are first, then private chats, then rooms.
    """
    others = [other for other in sidebar_conversations(state) if other.name != state.current]
    active = [other for other in others if other.unread and not is_muted(state, other)]
    return sorted(active, key=lambda other: (not other.mentions, other.is_room))


def is_muted(state: ClientState, conversation: Conversation) -> bool:
    """Whether the user wants no notifications of this conversation."""
    return state.attention.get(conversation.name) == "none"


def notifying_count(state: ClientState, conversation: Conversation, default: str) -> int:
    """Return the number of unread messages to notify of, at the level of the conversation or ``default``.

    At the level ``mentions`` these are the mentions in a room, and all messages of a private chat.
    """
    level = state.attention.get(conversation.name, default)
    if level == "none":
        return 0
    return conversation.mentions if level == "mentions" and conversation.is_room else conversation.unread


def last_by_others(state: ClientState, conversation: Conversation) -> Message | None:
    """Return the last loaded message of another user."""
    messages = reversed(conversation.timeline.messages)
    return next((message for message in messages if counts_as_unread(state, message)), None)


def neighbour_conversation(state: ClientState, step: int) -> str:
    """Return the conversation ``step`` places below the current one; the home page is in the cycle too."""
    names = ["", *(conversation.name for conversation in sidebar_conversations(state))]
    at = names.index(state.current) if state.current in names else 0
    return names[(at + step) % len(names)]


def find_conversation(state: ClientState, name: str) -> str | None:
    """Return the conversation of this name, else the first with this prefix, else the best fuzzy match.

    The ``#`` or ``@`` may be left out; a room precedes a private chat.
    """
    key = name_key(name.lstrip("#@"))
    for matches in (bytes.__eq__, bytes.startswith):
        for conversation in sidebar_conversations(state):
            if name[:1] in ("", "#", "@") and conversation.name[:1] != name[:1]:
                continue
            if matches(name_key(conversation.name[1:]), key):
                return conversation.name
    return next((conversation.name for conversation in fuzzy_matches(state, name)), None)


def fuzzy_matches(state: ClientState, letters: str) -> list[Conversation]:
    """Return the conversations whose names contain the letters in this order, the closest together first.

    Of equal matches, those with unread messages are first.
    """
    query = letters.strip().casefold()
    candidates = dict.fromkeys(chat.name for chat in active_conversations(state))
    candidates |= dict.fromkeys(chat.name for chat in sidebar_conversations(state))
    scored = [(_spread(query, name.casefold()), name) for name in candidates]
    matches = [(spread, name) for spread, name in scored if spread is not None]
    return [state.conversations[name] for _, name in sorted(matches, key=lambda match: match[0])]


def _spread(query: str, name: str) -> int | None:
    """Return the number of other letters before and between those of the query; ``None`` for no match."""
    last = -1
    spread = 0
    for letter in query:
        at = name.find(letter, last + 1)
        if at < 0:
            return None
        spread += at - last - 1
        last = at
    return spread


def conversations_named(state: ClientState, name: str) -> list[Conversation]:
    """Return the user's conversations of exactly this name. Without its sign, a room and a chat match."""
    key = name_key(name.lstrip("#@"))
    signs = name[:1] if name[:1] in ("#", "@") else "#@"
    return [
        conversation
        for conversation in sidebar_conversations(state)
        if conversation.name[0] in signs and name_key(conversation.name[1:]) == key
    ]


def has_seat(state: ClientState, name: str) -> bool:
    """Whether the user is a member of the room, or a friend of the other user of the private chat."""
    chat = state.conversations.find(name)
    return chat is not None and (chat.member if chat.is_room else not chat.ended)


def original_spelling(state: ClientState, name: str) -> str:
    """Return the current name of a conversation for any spelling of it, or of a former one; an unknown name
    as it is.
    """
    if (conversation := state.conversations.find(name)) is not None:
        return conversation.name
    key = name[:1], name_key(name[1:])
    names = (*state.conversations, *state.conversations.former_names())
    matches = (known for known in names if (known[:1], name_key(known[1:])) == key)
    return next((state.conversations[known].name for known in matches), name)


def is_open(state: ClientState, name: str) -> bool:
    """Whether the user may write there: a room that is entered, or a private chat with a friend."""
    chat = state.conversations.find(name)
    return chat is not None and (chat.entered if chat.is_room else not chat.ended)


def missing_after(conversation: Conversation) -> int | None:
    """Return the seq after which messages are missing, ``None`` if none are.

    Where no messages were loaded, only those beyond the head that the server reported are missing.
    """
    last = max(conversation.timeline.last or conversation.head, conversation.first - 1)
    return last if conversation.known_head > last else None


def retention_days(state: ClientState, room_days: int) -> int:
    """Return the days after which messages are removed: the room's or the server's, the smaller of both; 0 if
    they are kept.
    """
    server_days = (state.limits.retention or 0) if state.limits else 0
    return min(filter(None, (room_days, server_days)), default=0)


def counts_as_unread(state: ClientState, message: Message) -> bool:
    """Whether this message adds to the unread count of its conversation until it is read."""
    return message.kind in SPOKEN_KINDS and message.username not in {state.username, *state.ignored}


def mentions_me(state: ClientState, conversation: Conversation, message: Message) -> bool:
    """Whether another user mentions this one, by user name or by the nickname in the conversation."""
    if not counts_as_unread(state, message):
        return False
    words = (*state.notify_words, *state.conversation_words.get(conversation.name, ()))
    names = frozenset(filter(None, (state.username, conversation.nickname, *words)))
    return _mention_pattern(names).search(message.text) is not None


def first_mention(conversation: Conversation) -> int:
    """Return the seq of the first known unread mention; 0 for none."""
    return min(conversation.mention_seqs, default=0)


def mention_beyond(conversation: Conversation, step: int) -> int:
    """Return the nearest unread mention above (``step`` -1) or below (1) the shown messages; 0 for none."""
    shown = conversation.shown
    if step > 0:
        return min((seq for seq in conversation.mention_seqs if seq > shown.last), default=0)
    return max((seq for seq in conversation.mention_seqs if seq < shown.first), default=0)


_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese, Korean
)
"""Scripts without blanks between words, or with particles directly after a name."""

_LETTER = f"[^\\W{_UNSPACED}]"
"""A character that makes a longer word of a name next to it. Underscores and digits count as letters."""

_MARK = "[\u0300-\u036f]"
"""Combining accents, which belong to the letter before them."""


@lru_cache(maxsize=64)
def _mention_pattern(names: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of any of the names as a whole word.

    ``Al`` does not match in "also" or "Alé", but in "你好Al".
    """
    return re.compile("|".join(map(_whole_name, sorted(names))), re.IGNORECASE)


def _whole_name(name: str) -> str:
    before = f"(?<!{_LETTER})" if re.match(_LETTER, name) else ""
    after = f"(?!{_LETTER}|{_MARK})" if re.match(f"{_LETTER}|{_MARK}", name[-1]) else f"(?!{_MARK})"
    return f"{before}{re.escape(name)}{after}"


def typing_nicknames(state: ClientState, now: float) -> list[str]:
    """Return the nicknames of the users who are typing in the current conversation.

    ``now`` is a time of the monotonic clock, as ``TypingUser.until`` is.
    """
    conversation = current_conversation(state)
    typing = conversation.typing.items() if conversation else ()
    return [user.nickname for name, user in typing if user.until > now and name not in state.ignored]


def is_mine(state: ClientState, message: Message) -> bool:
    return message.username == state.username


def is_changeable(message: Message) -> bool:
    """Whether a user has sent this message and it is not deleted, so that it can be changed or answered."""
    return message.kind in SPOKEN_KINDS and message.deleted is not True


def is_reply(message: Message | None) -> bool:
    """Whether this is a message that answers another one."""
    return message is not None and is_changeable(message) and message.target is not UNSET


def reply_message(conversation: Conversation) -> Message | None:
    """Return the selected message, or else the last loaded one, if it answers another one."""
    if conversation.selected:
        message = conversation.shown.find(conversation.selected)
        return message if is_reply(message) else None
    return next(filter(is_reply, reversed(conversation.timeline.messages)), None)


def target_message(state: ClientState, conversation: Conversation, *, mine: bool = False) -> Message | None:
    """Return the message that a command applies to: the selected one, else the last one (of the user)."""
    if conversation.selected:
        seq = conversation.selected
        return conversation.shown.find(seq) or conversation.timeline.find(seq)
    messages = (message for message in reversed(conversation.timeline.messages) if is_changeable(message))
    return next((message for message in messages if not mine or is_mine(state, message)), None)


def command_target(state: ClientState, command: str) -> tuple[str, Message] | None:
    """Return the conversation and the message that a command which the user begins to type applies to.

    ``command`` is ``reply``, ``react``, ``edit`` or ``delete``. On the home page, a reply goes to the last
    private message. ``None`` if there is no such message, or if the last one is not confirmed yet.
    """
    conversation = current_conversation(state)
    if conversation is None:
        name = last_direct_sender(state) if command == "reply" else None
        conversation = state.conversations[name] if name is not None else None
        message = last_by_others(state, conversation) if conversation is not None else None
    elif conversation.selected:
        message = target_message(state, conversation)
    elif command == "reply":
        message = last_by_others(state, conversation)
    elif has_unconfirmed(conversation):
        message = None
    else:
        message = target_message(state, conversation, mine=command in ("edit", "delete"))
    return (conversation.name, message) if conversation is not None and message is not None else None


def has_unconfirmed(conversation: Conversation) -> bool:
    """Whether a message of the user is not confirmed yet, so that the last one of the timeline is another."""
    waiting = (pending for pending in conversation.pending if pending.delivery is DeliveryState.WAITING)
    return any(pending.kind in ("text", "action") for pending in waiting)


def neighbour_message(conversation: Conversation, seq: int, step: int) -> int:
    """Return the seq of the nearest changeable message above (``step`` -1) or below (1); 0 for none."""
    shown = conversation.shown
    end = shown.first - 1 if step < 0 else shown.last + 1
    seqs = range(seq + step, end, step)
    return next((at for at in seqs if (message := shown.find(at)) and is_changeable(message)), 0)


def pending_messages(state: ClientState) -> list[PendingMessage]:
    """Return the user's messages that the server has not confirmed, of all conversations."""
    return [pending for chat in state.conversations.values() for pending in chat.pending]


def current_draft(state: ClientState) -> str:
    """Return the draft of the current conversation or of the home screen."""
    conversation = state.conversations.find(state.current)
    return conversation.draft if conversation else state.home_draft


def default_nickname(state: ClientState, conversation: str) -> str:
    """Return the nickname to enter with if none is given: the last one used there, or the user name."""
    known = state.conversations.find(conversation)
    return known.nickname if known is not None and known.nickname else state.username


def direct_senders(state: ClientState) -> list[str]:
    """Return the names of the private chats that have a loaded message of the friend."""
    return [chat.name for chat in list_friends(state) if last_by_others(state, chat)]


def last_direct_sender(state: ClientState) -> str | None:
    """Return the name of the private chat with the latest message of a friend."""
    times = {
        chat.name: message.time for chat in list_friends(state) if (message := last_by_others(state, chat))
    }
    return max(times, key=lambda name: times[name], default=None)
