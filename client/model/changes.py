"""How a message stands after what was done to it: edited, deleted, reacted to.

A change is a message too, with a place of its own in the timeline, where nothing is drawn for it. The server
does the same to what it puts on a page; so whoever applies all changes in the order of their seqs, on top of
a page however old, ends with what a fresh page shows.
"""

from collections.abc import Iterable

from chatroom.protocol.values import Message
from msgspec import UNSET
from msgspec.structs import replace


def is_revised(message: Message) -> bool:
    """Whether its text is, or may be, another than when it was said."""
    return message.kind == "edit" or message.edited is not UNSET or message.deleted is True


def latest_state(message: Message, changes: Iterable[Message]) -> Message:
    """The message after all of these, which are in the order of their seqs; any may be in it already."""
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
    who = [*others, change.username] if change.kind == "react" else others
    if message.reactions is not UNSET and who == message.reactions.get(change.text, []):
        return message
    if who:
        reactions[change.text] = who
    return replace(message, reactions=reactions or UNSET)
