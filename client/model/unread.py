"""Counts unread messages and mentions of a conversation. Used by ``apply``.

The server counts the unread messages; its number covers those that the client has not loaded. Mentions are
found by the client alone, which searches the unread messages from the newest upwards. ``scanned_from`` is the
seq of the oldest conversation searched.
"""

from collections.abc import Iterable
from itertools import takewhile

from chatroom.client.model import select
from chatroom.client.model.state import ClientState, Conversation
from chatroom.protocol.values import Message


def count_mentions(state: ClientState, conversation: Conversation, messages: Iterable[Message]) -> None:
    """Record which of these messages mention the user, if they are unread."""
    for message in messages:
        if message.seq > conversation.read:
            is_mention = select.mentions_me(state, conversation, message)
            (conversation.mention_seqs.add if is_mention else conversation.mention_seqs.discard)(message.seq)


def scan_page_above(state: ClientState, conversation: Conversation, page: list[Message]) -> None:
    """Search a page above the timeline. If it touches the part already searched, extend that part."""
    count_mentions(state, conversation, page)
    if page and page[-1].seq >= conversation.scanned_from - 1:
        conversation.scanned_from = min(conversation.scanned_from, page[0].seq)


def scan_joined_page(state: ClientState, conversation: Conversation, page: list[Message]) -> None:
    """Search a page that was joined to the timeline."""
    count_mentions(state, conversation, page)
    if conversation.timeline.last >= conversation.head:
        conversation.scanned_from = min(conversation.scanned_from, conversation.timeline.first)


def recount_unread(state: ClientState, conversation: Conversation) -> None:
    """Recount unread messages and mentions. The server's count stays if not all of them are loaded."""
    unread = list(
        takewhile(lambda message: message.seq > conversation.read, reversed(conversation.timeline.messages))
    )
    conversation.mention_seqs = {
        seq for seq in conversation.mention_seqs if conversation.read < seq <= conversation.head
    }
    count_mentions(state, conversation, unread)
    if conversation.read >= conversation.head:
        conversation.unread = 0
    elif (
        conversation.timeline.last >= conversation.head
        and conversation.timeline.first <= conversation.first_unread
    ):
        conversation.unread = sum(select.counts_as_unread(state, message) for message in unread)


def mark_unread_from(state: ClientState, name: str, seq: int) -> None:
    """Move the read position back, in this client only, and count the messages from ``seq`` on as unread."""
    conversation = state.conversations[name]
    conversation.read = min(conversation.read, seq - 1)
    conversation.selected = 0
    recount_unread(state, conversation)
