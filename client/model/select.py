"""What is derived from the state, and never kept in it. The counterpart is ``apply``, which changes it."""

import re
from functools import lru_cache

from chatroom.client.model.state import ClientState, Conversation, DeliveryState, PendingMessage
from chatroom.protocol.names import name_key
from chatroom.protocol.values import SPOKEN_KINDS, Message


def sidebar_conversations(state: ClientState) -> list[Conversation]:
    """The conversations that are mine: rooms by name, then friends by name."""
    return list_rooms(state, mine=True) + list_directs(state)


def list_rooms(state: ClientState, *, mine: bool = False) -> list[Conversation]:
    """Every room there is, or those in which I hold a seat, by name."""
    found = (one for one in state.conversations.values() if one.is_room and (one.member or not mine))
    return sorted(found, key=_name_order)


def list_directs(state: ClientState) -> list[Conversation]:
    """Every private chat, also those of friendships that have ended and are still to be read, by name."""
    return sorted((one for one in state.conversations.values() if not one.is_room), key=_name_order)


def list_friends(state: ClientState) -> list[Conversation]:
    """The private chats with those who are my friends now, by name."""
    return [one for one in list_directs(state) if not one.ended]


def _name_order(conversation: Conversation) -> tuple[bytes, str]:
    return name_key(conversation.name[1:]), conversation.name


def current_conversation(state: ClientState) -> Conversation | None:
    """The conversation in sight; ``None`` on the home screen."""
    return state.conversations.get(state.current)


def next_active(state: ClientState) -> str:
    """Where to look next; home if nothing waits."""
    return next((one.name for one in active_conversations(state)), "")


def active_conversations(state: ClientState) -> list[Conversation]:
    """The conversations out of sight in which something waits: mentions first, then private chats, then
    rooms. What is muted does not count.
    """
    elsewhere = [one for one in sidebar_conversations(state) if one.name != state.current]
    found = [one for one in elsewhere if one.unread and not is_muted(state, one)]
    return sorted(found, key=lambda one: (not one.mentions, one.is_room))


def is_muted(state: ClientState, conversation: Conversation) -> bool:
    """Whether nothing there is worth a call."""
    return state.attention.get(conversation.name) == "none"


def notifying_count(state: ClientState, conversation: Conversation, otherwise: str) -> int:
    """How much waits there that is worth a call: of ``otherwise``, if nothing else was chosen for it.

    ``mentions`` are what names me, and all that is said in private.
    """
    choice = state.attention.get(conversation.name, otherwise)
    if choice == "none":
        return 0
    return conversation.mentions if choice == "mentions" and conversation.is_room else conversation.unread


def last_by_others(state: ClientState, conversation: Conversation) -> Message | None:
    """The last message of somebody else's that is here."""
    messages = reversed(conversation.timeline.messages)
    return next((message for message in messages if counts_as_unread(state, message)), None)


def neighbour_conversation(state: ClientState, step: int) -> str:
    """The conversation so many places down (or up) from the current one, round and round through home."""
    names = ["", *(one.name for one in sidebar_conversations(state))]
    at = names.index(state.current) if state.current in names else 0
    return names[(at + step) % len(names)]


def find_conversation(state: ClientState, name: str) -> str | None:
    """The conversation of this name, or the first that it begins, or the one that the switcher would offer.

    The ``#`` or ``@`` may be left out; a room goes before a friend.
    """
    wanted = name_key(name.lstrip("#@"))
    for fits in (bytes.__eq__, bytes.startswith):
        for one in sidebar_conversations(state):
            if name[:1] in ("", "#", "@") and one.name[:1] != name[:1]:
                continue
            if fits(name_key(one.name[1:]), wanted):
                return one.name
    return next((one.name for one in fuzzy_matches(state, name)), None)


def fuzzy_matches(state: ClientState, letters: str) -> list[Conversation]:
    """The conversations in whose names the letters stand in this order; the closest together first, and of
    those alike the ones in which something waits.
    """
    wanted = letters.strip().casefold()
    urgent = {one.name: one for one in (*active_conversations(state), *sidebar_conversations(state))}
    scored = [(_spread(wanted, name.casefold()), one) for name, one in urgent.items()]
    found = [(spread, one) for spread, one in scored if spread is not None]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _spread(wanted: str, name: str) -> int | None:
    """How far apart the wanted letters stand in the name, and how far in; ``None`` when they do not."""
    at = -1
    spread = 0
    for letter in wanted:
        found = name.find(letter, at + 1)
        if found < 0:
            return None
        spread += found - at - 1
        at = found
    return spread


def called(state: ClientState, name: str) -> list[Conversation]:
    """My conversations of this whole name: one, or a room and a private chat if the sign is left out."""
    wanted = name_key(name.lstrip("#@"))
    signs = name[:1] if name[:1] in ("#", "@") else "#@"
    return [
        one
        for one in sidebar_conversations(state)
        if one.name[0] in signs and name_key(one.name[1:]) == wanted
    ]


def has_seat(state: ClientState, name: str) -> bool:
    """Whether I am a member of a room, or a friend in a private chat."""
    one = state.conversations.get(name)
    return one is not None and (one.member if one.is_room else not one.ended)


def spelled(state: ClientState, name: str) -> str:
    """A conversation's whole name as it was first written, if it is known, however it is typed."""
    if name in state.conversations:
        return name
    wanted = name[:1], name_key(name[1:])
    known = (one for one in state.conversations if (one[:1], name_key(one[1:])) == wanted)
    return next(known, name)


def is_open(state: ClientState, name: str) -> bool:
    """Whether I may write there: a room that I have entered, a private chat with a friend."""
    one = state.conversations.get(name)
    return one is not None and (one.entered if one.is_room else not one.ended)


def missing_after(conversation: Conversation) -> int | None:
    """The seq after which messages are known to exist that are not here; ``None`` when nothing is missing.

    A conversation of which nothing was ever shown misses only what came after the server told its head.
    """
    last = conversation.timeline.last or conversation.head
    return last if conversation.heard > last else None


def counts_as_unread(state: ClientState, message: Message) -> bool:
    """Whether this message, while unread, adds to the number beside its conversation."""
    return message.kind in SPOKEN_KINDS and message.username not in {state.username, *state.ignored}


def mentions_me(state: ClientState, conversation: Conversation, message: Message) -> bool:
    """Whether somebody else names me: by my user name or by my nickname here."""
    if not counts_as_unread(state, message):
        return False
    names = frozenset(filter(None, (state.username, conversation.nickname)))
    return _mention_pattern(names).search(message.text) is not None


def first_mention(conversation: Conversation) -> int:
    """The seq of the first unread message that is known to name me; 0 for none."""
    return min(conversation.named, default=0)


def mention_beyond(conversation: Conversation, step: int) -> int:
    """The nearest of them above (``step`` -1) or below (1) what is here; 0 for none."""
    here = conversation.shown
    if step > 0:
        return min((seq for seq in conversation.named if seq > here.last), default=0)
    return max((seq for seq in conversation.named if seq < here.first), default=0)


_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\u9fff\ua000-\ua4cf\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese, Korean
)
"""Scripts without blanks between words, or with grammar right behind a name."""

_LETTER = f"[^\\W{_UNSPACED}]"
"""What makes a longer word of a name that it touches. An underscore and digits are such letters too."""

_MARK = "[\u0300-\u036f]"
"""Combining accents, which belong to the letter before them."""


@lru_cache(maxsize=64)
def _mention_pattern(names: frozenset[str]) -> re.Pattern[str]:
    """Finds one of the names, not as a part of a longer word: ``Al`` is not in "also" or "Alé", but is in
    "你好Al".
    """
    return re.compile("|".join(map(_whole_name, sorted(names))), re.IGNORECASE)


def _whole_name(name: str) -> str:
    before = f"(?<!{_LETTER})" if re.match(_LETTER, name) else ""
    after = f"(?!{_LETTER}|{_MARK})" if re.match(f"{_LETTER}|{_MARK}", name[-1]) else f"(?!{_MARK})"
    return f"{before}{re.escape(name)}{after}"


def typing_nicknames(state: ClientState, now: float) -> list[str]:
    """The nicknames of those who write something in the conversation in sight. ``now``: see ``Typing``."""
    conversation = current_conversation(state)
    heard = conversation.typing.items() if conversation else ()
    return [one.nickname for name, one in heard if one.until > now and name not in state.ignored]


def is_mine(state: ClientState, message: Message) -> bool:
    return message.username == state.username


def is_changeable(message: Message) -> bool:
    """Whether something can be done to it: somebody said it, and it is not deleted."""
    return message.kind in SPOKEN_KINDS and message.deleted is not True


def target_message(state: ClientState, conversation: Conversation, *, mine: bool = False) -> Message | None:
    """The message that a command is about: the selected one, or else the last that was said (by me)."""
    if conversation.selected:
        seq = conversation.selected
        return conversation.shown.find(seq) or conversation.timeline.find(seq)
    said = (message for message in reversed(conversation.timeline.messages) if is_changeable(message))
    return next((message for message in said if not mine or is_mine(state, message)), None)


def target(state: ClientState, command: str) -> tuple[str, Message] | None:
    """The conversation and the message that a command is about which begins to be typed now: ``reply``,
    ``react``, ``edit`` or ``delete``.

    On the home screen a reply goes to the last private message. ``None`` where there is no such message, or
    where the last one is still to be confirmed.
    """
    here = current_conversation(state)
    if here is None:
        name = last_writer(state) if command == "reply" else None
        here = state.conversations[name] if name is not None else None
        message = last_by_others(state, here) if here is not None else None
    elif here.selected:
        message = target_message(state, here)
    elif command == "reply":
        message = last_by_others(state, here)
    else:
        mine = command in ("edit", "delete")
        message = None if is_under_way(here) else target_message(state, here, mine=mine)
    return (here.name, message) if here is not None and message is not None else None


def is_under_way(conversation: Conversation) -> bool:
    """The last message of mine is still to be confirmed, so the last that is here is another."""
    waiting = (pending for pending in conversation.pending if pending.delivery is DeliveryState.WAITING)
    return any(pending.kind in ("text", "action") for pending in waiting)


def neighbour_message(conversation: Conversation, seq: int, step: int) -> int:
    """The seq of the nearest message above (``step`` -1) or below (1) that something can be done to; or 0."""
    here = conversation.shown
    end = here.first - 1 if step < 0 else here.last + 1
    return next((at for at in range(seq + step, end, step) if (it := here.find(at)) and is_changeable(it)), 0)


def pending_messages(state: ClientState) -> list[PendingMessage]:
    """What I wrote and the server has not confirmed, in all conversations."""
    return [pending for one in state.conversations.values() for pending in one.pending]


def default_nickname(state: ClientState, conversation: str) -> str:
    """The nickname to enter under when none is given: the last one used there, or the user name."""
    known = state.conversations.get(conversation)
    return known.nickname if known is not None and known.nickname else state.username


def writers(state: ClientState) -> list[str]:
    """The private chats in which another user has said something, by name."""
    return [one.name for one in list_friends(state) if last_by_others(state, one)]


def last_writer(state: ClientState) -> str | None:
    """The private chat in which somebody else has said something last."""
    said = {one.name: message.time for one in list_friends(state) if (message := last_by_others(state, one))}
    return max(said, key=lambda name: said[name], default=None)
