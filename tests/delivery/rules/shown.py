"""Received messages are consistent, without gaps, and never fewer than before: rules 5, 6 and 8."""

from collections import defaultdict
from collections.abc import Iterator

from tests.delivery.history import Applied, Arrival, HeadReport, History, Message, Move, Page, Record, Seat
from tests.delivery.history_index import HistoryIndex
from tests.delivery.rules.wording import asked, label


def observations_agree(index: HistoryIndex) -> Iterator[str]:
    """5. A seq of a conversation is the same message, under one cid, in every observation."""
    reference: dict[tuple[str, int], tuple[Record, Message]] = {}
    for wholes in index.wholes.values():
        for message in wholes[0].messages:
            reference.setdefault((message.conversation, message.seq), (wholes[0], message))
    reported: set[Message] = set()
    for by, message, cid in index.received_messages():
        key = message.conversation, message.seq
        if message.seq < index.first(message.conversation):
            continue  # removed because of its age
        if key not in reference:
            reference[key] = by, message
            if message.conversation in index.wholes:
                yield f"{label(by)} was shown {message}, which is not stored in the end"
        elif (
            reference[key][1] != message
            and index.comparable(reference[key][1]) != index.comparable(message)
            and message not in reported
        ):
            reported.add(message)
            yield f"{label(by)} was shown {message}, and {label(reference[key][0])} {reference[key][1]}"
        if cid and index.cids.get((message.username, message.text)) != cid:
            yield f"{label(by)} was shown {message} under the cid {cid}, which is another's"


def streams_have_no_gap(index: HistoryIndex) -> Iterator[str]:
    """6. Applied messages go in steps of one; so do the events of a connection, from a reported head on.
    Messages that were removed may be missing among those applied.
    """
    reached: dict[tuple[str, str], int] = {}
    for applied in index.history.of(Applied):
        last = reached.get((applied.client, applied.conversation), 0)
        if applied.seq != last + 1 and not last < applied.seq <= index.first(applied.conversation):
            yield f"{applied.client} went in {applied.conversation} from {last} to {applied.seq}"
        reached[applied.client, applied.conversation] = applied.seq
    for conversation, stream in _streams(index.history):
        yield from _steps(conversation, stream)


Stream = list[Arrival | HeadReport | Seat]
"""One conversation on one connection: its events, the reported heads, and when the seat was given up."""


def _streams(history: History) -> Iterator[tuple[str, Stream]]:
    streams: dict[tuple[str, int, str], Stream] = defaultdict(list)
    for record in history.records:
        if isinstance(record, Arrival):
            streams[record.client, record.connection, record.message.conversation].append(record)
        elif (isinstance(record, HeadReport) and record.opens) or isinstance(record, Seat):
            streams[record.client, record.connection, record.conversation].append(record)
    return ((conversation, stream) for (_, _, conversation), stream in streams.items())


def _steps(conversation: str, stream: Stream) -> Iterator[str]:
    head: int | None = None  # as first reported
    first: int | None = None  # the seq of the first event
    last: int | None = None  # and of the last
    for record in stream:
        if isinstance(record, Arrival):
            seq = record.message.seq
            if last is not None and seq != last + 1:
                yield f"the events of {conversation} to {label(record)} went from {last} to {seq}"
            first, last = first or seq, seq
        elif isinstance(record, HeadReport):
            head = record.head if head is None else head
        elif record.move is Move.RESIGNED:
            head = first = last = None
        if head is not None and first is not None and first > head + 1:
            yield f"the events of {conversation} to {label(record)} began at {first}, after {head} was told"
            head = first


def reads_do_not_go_back(index: HistoryIndex) -> Iterator[str]:
    """8. A read shows everything that any client knew before it began; so it shows s after ack(s)."""
    known: dict[str, tuple[int, Record]] = {}
    known_heads = index.known_heads()
    upcoming = next(known_heads, None)
    for begun, reach, reading in sorted(_readings(index.history), key=lambda each: each[0]):
        while upcoming is not None and upcoming[2].at < begun:
            conversation, seq, record = upcoming
            if conversation not in known or seq > known[conversation][0]:
                known[conversation] = seq, record
            upcoming = next(known_heads, None)
        if reading.conversation in known and reach < known[reading.conversation][0]:
            seq, record = known[reading.conversation]
            yield f"{asked(reading)} and was shown it up to {reach}, after {label(record)} knew of {seq}"


def _readings(history: History) -> Iterator[tuple[float, int, Page | HeadReport]]:
    """When each read began, and up to where it reached."""
    for record in history.records:
        if isinstance(record, HeadReport):
            yield record.begun, record.head, record
        elif isinstance(record, Page) and record.reach is not None:
            yield record.begun, record.reach, record
