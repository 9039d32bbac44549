"""Friends who are gone: ended friendships, and deleted accounts, whose messages the server has erased."""

from chatroom.client.model.runs import is_erasure
from chatroom.client.model.state import ClientState, Conversation, Timeline
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.values import Message


def forget_past(conversation: Conversation, page: list[Message]) -> None:
    """Drop messages far back, and the selection, if a page says that messages were erased since."""
    if any(is_erasure(message) and message.seq > conversation.head for message in page):
        conversation.past, conversation.selected = None, 0


def rename_direct(state: ClientState, former: str | UnsetType, name: str) -> None:
    """The friend's account was deleted: rename the private chat that was called ``former``, and drop what was
    loaded of it.
    """
    conversation = state.conversations.pop(former, None) if former is not UNSET else None
    if conversation is None:
        return
    _forget_messages(conversation)
    conversation.name, conversation.typing, conversation.pending = name, {}, []
    state.conversations[name] = conversation
    if state.current == former:
        state.current = name


def user_is_gone(state: ClientState, name: str) -> None:
    """The friend of a private chat does not exist any more: drop what was loaded of it."""
    conversation = state.conversations.find(name)
    if conversation is None or conversation.is_room:
        return
    _forget_messages(conversation)
    conversation.timeline.more = False
    friendship_ended(conversation)


def friendship_ended(conversation: Conversation) -> None:
    """Keep the private chat; nothing can be sent there."""
    conversation.ended, conversation.entered, conversation.online = True, False, False


def _forget_messages(conversation: Conversation) -> None:
    conversation.timeline, conversation.past, conversation.selected = Timeline(), None, 0
