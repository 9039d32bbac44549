"""Joins pages of messages to a timeline: one run of messages without a gap."""

from chatroom.client.model import changes
from chatroom.client.model.state import Timeline
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import CHANGE_KINDS, Message

KEPT_MESSAGES = 2000
"""Messages of a timeline that stay in memory. Once there are twice as many, the older half is dropped."""


def join_page(timeline: Timeline, page: list[Message], *, newest: bool = False) -> Timeline:
    """Return the timeline with a page joined to it.

    A page that does not touch the timeline is ignored, but the newest page replaces the timeline.
    """
    if (
        _has_conflict(timeline, page)
        or _erases_loaded(timeline, page)
        or (newest and page[0].seq > timeline.last + 1)
    ):
        timeline = Timeline()
    if not timeline.messages:
        timeline.messages = list(page)
    elif page[0].seq > timeline.last + 1 or page[-1].seq < timeline.first - 1:
        return timeline
    else:
        older = [message for message in page if message.seq < timeline.first]
        newer = page[len(page) - max(0, page[-1].seq - timeline.last) :]
        known = page[len(older) : len(page) - len(newer)]
        at = page[0].seq + len(older) - timeline.first
        timeline.messages[at : at + len(known)] = known  # in their latest state
        timeline.messages[:0] = older
        timeline.messages.extend(newer)
    timeline.more = timeline.first > 1
    _apply_revisions(timeline, page)
    return timeline


def drop_oldest(timeline: Timeline) -> None:
    """Drop the oldest messages once there are many, and the changes to them.

    Scrolling up fetches them from the server again, with their changes applied.
    """
    if len(timeline.messages) < 2 * KEPT_MESSAGES:
        return
    timeline.messages = timeline.messages[-KEPT_MESSAGES:]  # a new list: the view may still hold the old one
    timeline.more = True
    first = timeline.first
    timeline.changes = {target: changes for target, changes in timeline.changes.items() if target >= first}


def drop_removed(timeline: Timeline, first: int) -> None:
    """Drop the messages before ``first``, which the server has removed. Above ``first`` there are no more."""
    if timeline.first < first:
        timeline.messages = [message for message in timeline.messages if message.seq >= first]
        timeline.changes = {target: each for target, each in timeline.changes.items() if target >= first}
    if timeline.messages and timeline.first <= first:
        timeline.more = False


def _apply_revisions(timeline: Timeline, page: list[Message]) -> None:
    """Apply the changes that the page contains, and known changes to the messages on the page."""
    changed = {message.seq for message in page} & timeline.changes.keys()
    for message in page:
        if message.kind in CHANGE_KINDS and message.target is not UNSET:
            timeline.changes.setdefault(message.target, {})[message.seq] = message
            changed.add(message.target)
    for seq in changed:
        if (target := timeline.find(seq)) is not None:
            revisions = timeline.changes[seq]
            latest = changes.latest_state(target, (revisions[at] for at in sorted(revisions)))
            timeline.messages[seq - timeline.first] = latest


def is_erasure(message: Message) -> bool:
    """Whether earlier messages of a user, whose account was deleted, have been erased."""
    return message.kind == "erase"


def _erases_loaded(timeline: Timeline, page: list[Message]) -> bool:
    """Whether messages of the timeline may have been erased since they were loaded."""
    return any(is_erasure(message) and message.seq > timeline.last for message in page)


def _has_conflict(timeline: Timeline, page: list[Message]) -> bool:
    """Whether the page and the timeline have different messages for the same seq."""
    first, last = max(page[0].seq, timeline.first), min(page[-1].seq, timeline.last)
    if not timeline.messages or first > last:
        return False
    ours = timeline.messages[first - timeline.first : last - timeline.first + 1]
    theirs = page[first - page[0].seq : last - page[0].seq + 1]
    return not all(map(_is_same, ours, theirs))


def _is_same(ours: Message, theirs: Message) -> bool:
    """Whether these are one message, possibly before and after a change."""
    if (ours.seq, ours.time, ours.username, ours.kind) != (
        theirs.seq,
        theirs.time,
        theirs.username,
        theirs.kind,
    ):
        return False
    return ours.text == theirs.text or changes.is_revised(ours) or changes.is_revised(theirs)
