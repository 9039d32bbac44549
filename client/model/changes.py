"""Applies edits, deletions and reactions to a message.

A change is a message too, with a seq of its own in the timeline, but it is not drawn. The server applies
changes to the messages of a page in the same way. So applying all changes in the order of their seqs to an
old page gives the same result as a fresh page.
"""

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from chatroom.protocol.values import Message


def is_revised(message: Message) -> bool:
    """Whether the text may differ from the one that was sent."""
    return message.kind == "edit" or message.edited is not UNSET or message.deleted is True


def latest_state(message: Message, changes: Iterable[Message]) -> Message:
    """Apply ``changes``, in the order of their seqs. A change that is already applied has no effect."""
    for change in changes:
        message = _apply_change(message, change)
    return message


def _apply_change(message: Message, change: Message) -> Message:
    if message.deleted is True:
        return message
    match change.kind:
        case "edit" if message.edited is UNSET or message.edited <= change.time:
            return replace(message, text=change.text, edited=change.time)
        case "delete":
            return replace(message, text="", deleted=True, edited=UNSET, reactions=UNSET)
        case "react" | "unreact":
            return _apply_reaction(message, change)
    return message


def _apply_reaction(message: Message, change: Message) -> Message:
    reactions = {} if message.reactions is UNSET else dict(message.reactions)
    others = [name for name in reactions.pop(change.text, []) if name != change.username]
    usernames = [*others, change.username] if change.kind == "react" else others
    if message.reactions is not UNSET and usernames == message.reactions.get(change.text, []):
        return message
    if usernames:
        reactions[change.text] = usernames
    return replace(message, reactions=reactions or UNSET)
