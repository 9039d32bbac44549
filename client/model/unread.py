"""What of a conversation has not been read: how much it is, and what of it names me. Used by ``apply``.

The server counts how much; its number stands for what is not here. What names me is seen by nobody but who
looks through the messages, from the newest upwards: ``looked`` says how far that has come.
"""

from collections.abc import Iterable
from itertools import takewhile

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.protocol.values import Message


def count_mentions(state: ClientState, one: Conversation, messages: Iterable[Message]) -> None:
    """Know which of these name me, if they are unread."""
    for message in messages:
        if message.seq > one.read:
            named = select.mentions_me(state, one, message)
            (one.named.add if named else one.named.discard)(message.seq)


def scan_page_above(state: ClientState, one: Conversation, page: list[Message]) -> None:
    """Look through a page further up, and remember how far that was if it touches what was looked through."""
    count_mentions(state, one, page)
    if page and page[-1].seq >= one.looked - 1:
        one.looked = min(one.looked, page[0].seq)


def scan_joined_page(state: ClientState, one: Conversation, page: list[Message]) -> None:
    """Look through a page that has become part of the timeline, which has been looked through up to there."""
    count_mentions(state, one, page)
    if one.timeline.last >= one.head:
        one.looked = min(one.looked, one.timeline.first)


def recount_unread(state: ClientState, one: Conversation) -> None:
    """Count again what is unread, as far as it is here; of what is not, the server's number stands."""
    unread = list(takewhile(lambda message: message.seq > one.read, reversed(one.timeline.messages)))
    one.named = {seq for seq in one.named if one.read < seq <= one.head}
    count_mentions(state, one, unread)
    if one.read >= one.head:
        one.unread = 0
    elif one.timeline.last >= one.head and one.timeline.first <= one.read + 1:
        one.unread = sum(select.counts_as_unread(state, message) for message in unread)
