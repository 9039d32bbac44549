"""What anybody was shown must be one thing, without a gap, and never less than before: rules 5, 6 and 8."""

from collections import defaultdict
from collections.abc import Iterator

from tests.delivery.history import Applied, Arrival, History, Message, Move, Page, Record, Seat, Told
from tests.delivery.ledger import Ledger
from tests.delivery.rules.wording import asked, who


def everybody_saw_the_same(ledger: Ledger) -> Iterator[str]:
    """5. A place in a conversation holds the same message, under one cid, in every observation ever made."""
    reference: dict[tuple[str, int], tuple[Record, Message]] = {}
    for wholes in ledger.wholes.values():
        for message in wholes[0].messages:
            reference.setdefault((message.conversation, message.seq), (wholes[0], message))
    told: set[Message] = set()
    for by, message, cid in ledger.sights():
        place = message.conversation, message.seq
        if place not in reference:
            reference[place] = by, message
            if message.conversation in ledger.wholes:
                yield f"{who(by)} was shown {message}, which is not there in the end"
        elif reference[place][1] != message and message not in told:
            told.add(message)
            yield f"{who(by)} was shown {message}, and {who(reference[place][0])} {reference[place][1]}"
        if cid and ledger.cids.get((message.username, message.text)) != cid:
            yield f"{who(by)} was shown {message} under the cid {cid}, which is another's"


def streams_have_no_gap(ledger: Ledger) -> Iterator[str]:
    """6. What a client applies goes in steps of one; so do a connection's events, from a told head on."""
    reached: dict[tuple[str, str], int] = {}
    for applied in ledger.history.of(Applied):
        last = reached.get((applied.client, applied.conversation), 0)
        if applied.seq != last + 1:
            yield f"{applied.client} went in {applied.conversation} from {last} to {applied.seq}"
        reached[applied.client, applied.conversation] = applied.seq
    for conversation, stream in _streams(ledger.history):
        yield from _steps(conversation, stream)


Stream = list[Arrival | Told | Seat]
"""One conversation on one connection: its events, the heads told, and when the seat was given up."""


def _streams(history: History) -> Iterator[tuple[str, Stream]]:
    streams: dict[tuple[str, int, str], Stream] = defaultdict(list)
    for record in history.records:
        if isinstance(record, Arrival):
            streams[record.client, record.connection, record.message.conversation].append(record)
        elif (isinstance(record, Told) and record.opens) or isinstance(record, Seat):
            streams[record.client, record.connection, record.conversation].append(record)
    return ((conversation, stream) for (_, _, conversation), stream in streams.items())


def _steps(conversation: str, stream: Stream) -> Iterator[str]:
    head: int | None = None  # as first told
    first: int | None = None  # the seq of the first event
    last: int | None = None  # and of the last
    for record in stream:
        if isinstance(record, Arrival):
            seq = record.message.seq
            if last is not None and seq != last + 1:
                yield f"the events of {conversation} to {who(record)} went from {last} to {seq}"
            first, last = first or seq, seq
        elif isinstance(record, Told):
            head = record.head if head is None else head
        elif record.move is Move.RESIGNED:
            head = first = last = None
        if head is not None and first is not None and first > head + 1:
            yield f"the events of {conversation} to {who(record)} began at {first}, after {head} was told"
            head = first


def reads_do_not_go_back(ledger: Ledger) -> Iterator[str]:
    """8. A read shows whatever anybody was told or shown before it began: so it shows s after ack(s)."""
    known: dict[str, tuple[int, Record]] = {}
    knowledge = ledger.knowledge()
    upcoming = next(knowledge, None)
    for begun, reach, reading in sorted(_readings(ledger.history), key=lambda each: each[0]):
        while upcoming is not None and upcoming[2].at < begun:
            conversation, seq, record = upcoming
            if conversation not in known or seq > known[conversation][0]:
                known[conversation] = seq, record
            upcoming = next(knowledge, None)
        if reading.conversation in known and reach < known[reading.conversation][0]:
            seq, record = known[reading.conversation]
            yield f"{asked(reading)} and was shown it up to {reach}, after {who(record)} had learnt of {seq}"


def _readings(history: History) -> Iterator[tuple[float, int, Page | Told]]:
    """When each read began, and how far it reached."""
    for record in history.records:
        if isinstance(record, Told):
            yield record.begun, record.head, record
        elif isinstance(record, Page) and record.reach is not None:
            yield record.begun, record.reach, record
