"""What of a conversation has not been read: how much it is, and what of it names me. Used by ``apply``.

The server counts how much; its number stands for what is not here. What names me is seen by nobody but who
looks through the messages, from the newest upwards: ``looked`` says how far that has come.
"""

from collections.abc import Iterable
from itertools import takewhile

from client.model import select
from client.model.state import Conversation, State
from protocol.values import Message


def look(state: State, one: Conversation, messages: Iterable[Message]) -> None:
    """Know which of these name me, if they are unread."""
    for message in messages:
        if message.seq > one.read:
            named = select.mentions_me(state, one, message)
            (one.named.add if named else one.named.discard)(message.seq)


def look_above(state: State, one: Conversation, page: list[Message]) -> None:
    """Look through a page further up, and remember how far that was if it touches what was looked through."""
    look(state, one, page)
    if page and page[-1].seq >= one.looked - 1:
        one.looked = min(one.looked, page[0].seq)


def look_here(state: State, one: Conversation, page: list[Message]) -> None:
    """Look through a page that has become part of the timeline, which has been looked through up to there."""
    look(state, one, page)
    if one.timeline.last >= one.head:
        one.looked = min(one.looked, one.timeline.first)


def recount(state: State, one: Conversation) -> None:
    """Count again what is unread, as far as it is here; of what is not, the server's number stands."""
    unread = list(takewhile(lambda message: message.seq > one.read, reversed(one.timeline.messages)))
    one.named = {seq for seq in one.named if one.read < seq <= one.head}
    look(state, one, unread)
    if one.read >= one.head:
        one.unread = 0
    elif one.timeline.last >= one.head and one.timeline.first <= one.read + 1:
        one.unread = sum(select.counts(state, message) for message in unread)
