"""Messages that are removed because of their age: rule first."""

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter

from tests.delivery.history import HeadReport, History, Page, Record
from tests.delivery.history_index import HistoryIndex
from tests.delivery.rules.wording import asked, label

Reading = Page | HeadReport


def first_never_goes_back(index: HistoryIndex) -> Iterator[str]:
    """first. The first seq of a conversation never decreases, and no page shows a message before it."""
    known: dict[str, tuple[int, Record]] = {}
    readings = list(_readings(index.history))
    begun = sorted(((reading.begun, 1, reading) for reading in readings), key=itemgetter(0))
    ended = ((reading.at, 0, reading) for reading in readings)
    for _, is_begin, reading in merge(ended, begun, key=itemgetter(0)):
        first, reporter = known.get(reading.conversation, (1, reading))
        if not is_begin:
            if reading.first > first:
                known[reading.conversation] = reading.first, reading
            continue
        if reading.first < first:
            yield f"{asked(reading)}: it begins at {reading.first}; {label(reporter)} was told {first}"
        seqs = [message.seq for message in reading.messages] if isinstance(reading, Page) else []
        if seqs and seqs[0] < max(first, reading.first):
            yield f"{asked(reading)} and was shown {seqs[0]}; it begins at {max(first, reading.first)}"


def _readings(history: History) -> Iterator[Reading]:
    """All readings in the order of their ends."""
    for record in history.records:
        if isinstance(record, Page | HeadReport):
            yield record
