"""A run of messages without a gap, and the pages that become part of it.

The counterpart is ``apply``, which knows whose run it is.
"""

from chatroom.client.model import changes
from chatroom.client.model.state import Timeline
from chatroom.protocol.frame import UNSET
from chatroom.protocol.values import CHANGE_KINDS, Message

KEPT = 2000
"""So many messages of a run stay for good; when there are twice as many, the older half goes."""


def join_page(timeline: Timeline, page: list[Message], *, newest: bool = False) -> Timeline:
    """A run and a page that touches it, as one.

    A page that does not is worth something only if it is the newest: then it takes the run's place.
    """
    if _has_conflict(timeline, page) or (newest and page[0].seq > timeline.last + 1):
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
        timeline.messages[at : at + len(known)] = known  # as they stand now
        timeline.messages[:0] = older
        timeline.messages.extend(newer)
    timeline.more = timeline.first > 1
    _apply_revisions(timeline, page)
    return timeline


def drop_oldest(timeline: Timeline) -> None:
    """Let the oldest go once there are many; whoever scrolls up gets them from the server again.

    Nothing that was done to them need be kept: a page that comes later tells it.
    """
    if len(timeline.messages) < 2 * KEPT:
        return
    timeline.messages = timeline.messages[-KEPT:]  # a list of its own: the last picture may hold the other
    timeline.more = True
    first = timeline.first
    timeline.changes = {target: done for target, done in timeline.changes.items() if target >= first}


def _apply_revisions(timeline: Timeline, page: list[Message]) -> None:
    """Show on the messages what was done to them, by what is on the page or was here before."""
    touched = {message.seq for message in page} & timeline.changes.keys()
    for message in page:
        if message.kind in CHANGE_KINDS and message.target is not UNSET:
            timeline.changes.setdefault(message.target, {})[message.seq] = message
            touched.add(message.target)
    for seq in touched:
        if (said := timeline.find(seq)) is not None:
            done = timeline.changes[seq]
            latest = changes.latest_state(said, (done[each] for each in sorted(done)))
            timeline.messages[seq - timeline.first] = latest


def _has_conflict(timeline: Timeline, page: list[Message]) -> bool:
    """Whether the page has another message in a place that is filled here."""
    first, last = max(page[0].seq, timeline.first), min(page[-1].seq, timeline.last)
    if not timeline.messages or first > last:
        return False
    ours = timeline.messages[first - timeline.first : last - timeline.first + 1]
    theirs = page[first - page[0].seq : last - page[0].seq + 1]
    return not all(map(_is_same, ours, theirs))


def _is_same(ours: Message, theirs: Message) -> bool:
    """Whether these are one message, whatever was done to it since."""
    if (ours.seq, ours.time, ours.username, ours.kind) != (
        theirs.seq,
        theirs.time,
        theirs.username,
        theirs.kind,
    ):
        return False
    return ours.text == theirs.text or changes.is_revised(ours) or changes.is_revised(theirs)
