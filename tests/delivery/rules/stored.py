"""The conversations as they are stored in the end: rules 1, 2, 3, 4 and 7."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.delivery.history import Ack, Attempt, History, Message, Move, Page, Refusal, Seat, Way
from tests.delivery.history_index import NOTICES, HistoryIndex, Name
from tests.delivery.rules.wording import asked, listed, runs

EXITS = {
    Move.LEAVING: 1, Move.LEFT: -1, Move.RESIGNING: 1, Move.GIVEN_UP: 0, Move.RESIGNED: -1, Move.STAYED: -1,
}  # fmt: skip
"""How each move changes the number of a client's unanswered requests to leave or resign."""


def acknowledged_is_stored(index: HistoryIndex) -> Iterator[str]:
    """1. Every acknowledged cid is stored, at the seq and time in the acknowledgement."""
    final = {name: {each.seq: each for each in index.final(name)} for name in index.wholes}
    for ack in index.history.of(Ack):
        attempt = index.attempts[ack.client, ack.id]
        if ack.seq < index.first(attempt.conversation):
            continue  # removed because of its age
        stored = final.get(attempt.conversation, {}).get(ack.seq)
        if stored is None:
            yield f"{attempt} was acknowledged as {ack.seq}, where nothing is stored in the end"
        elif (stored.username, stored.text) != (ack.client, attempt.text) or not _is_time_acknowledged(
            index, stored, ack
        ):
            yield f"{attempt} was acknowledged as {ack.seq} of {ack.time}; stored is {stored}"


def _is_time_acknowledged(index: HistoryIndex, stored: Message, ack: Ack) -> bool:
    times = {index.comparable_time(stored.conversation, ack.seq, time) for time in (stored.time, ack.time)}
    return len(times) == 1


def no_cid_is_stored_twice(index: HistoryIndex) -> Iterator[str]:
    """2. Every cid is stored at most once, all its acks agree, and at most one is not marked as a
    duplicate.
    """
    for name, story in index.fates.items():
        if len(story.places) > 1:
            yield f"{name} stands in the end {len(story.places)} times: {listed(story.places)}"
        conversation = story.attempts[0].conversation
        acks = [ack for ack in story.acks if ack.seq >= index.first(conversation)]
        if len({(ack.seq, index.comparable_time(conversation, ack.seq, ack.time)) for ack in acks}) > 1:
            yield f"{name} was acknowledged as {', '.join(f'{ack.seq} of {ack.time}' for ack in acks)}"
        if sum(not ack.duplicate for ack in acks) > 1:
            yield f"{name} was stored anew more than once, by its acknowledgements"


def only_sent_messages_are_stored(index: HistoryIndex) -> Iterator[str]:
    """3. No message is stored that was not sent or that was definitely refused; no refusal is without
    reason.
    """
    sent = {(each.client, each.conversation, each.text): each for each in index.attempts.values()}
    entrants = {
        (seat.client, seat.conversation) for seat in index.history.of(Seat) if seat.move is Move.ENTERING
    }
    for message in index.finals():
        attempt = sent.get((message.username, message.conversation, message.text))
        if message.kind in NOTICES:
            if (message.username, message.conversation) not in entrants:
                yield f"{message}, who never asked to enter"
        elif attempt is None:
            yield f"{message}, which nobody sent there"
        elif attempt.doomed and not _is_cid_free(index, attempt):
            yield f"{message}, which had to be refused as {attempt.doomed}"
    for name, story in index.fates.items():
        if story.was_refused and story.places:
            yield f"{name} was refused as {story.refusals[-1].code}, and yet there is {story.places[0]}"
    yield from _wrong_verdicts(index)


def _wrong_verdicts(index: HistoryIndex) -> Iterator[str]:
    while_leaving = _sent_while_leaving(index.history)
    for refusal in index.history.of(Refusal):
        attempt = index.attempts[refusal.client, refusal.id]
        may_be_outside = (attempt.client, attempt.id) in while_leaving or index.may_be_removed(attempt)
        outside = {"not_entered", "not_a_member"} if may_be_outside else set()
        if refusal.code == "cid_reused" and index.is_removed(Name(attempt.client, attempt.cid)):
            continue  # another message has its cid now
        if _is_cid_free(index, attempt):
            continue  # the cid decides no more: the message is refused or stored as any other
        if refusal.is_definite and refusal.code not in ({attempt.doomed} if attempt.doomed else outside):
            yield f"{attempt} was refused as {refusal.code}; expected was {attempt.doomed or 'sent'}"
    for ack in index.history.of(Ack):
        attempt = index.attempts[ack.client, ack.id]
        if attempt.doomed and not _is_cid_free(index, attempt):
            yield f"{attempt} was acknowledged, and had to be refused as {attempt.doomed}"


def _is_cid_free(index: HistoryIndex, attempt: Attempt) -> bool:
    """Whether the reuse of a cid may succeed, because its message was removed."""
    return attempt.doomed == "cid_reused" and index.is_removed(Name(attempt.client, attempt.cid))


def _sent_while_leaving(history: History) -> set[tuple[str, int]]:
    """The attempts (client, id) made while a request of the same client to leave or resign was unanswered and
    may still take effect.
    """
    leaving: dict[tuple[str, str], int] = defaultdict(int)
    attempts = set()
    for record in history.records:
        if isinstance(record, Seat):
            leaving[record.client, record.conversation] += EXITS.get(record.move, 0)
        elif isinstance(record, Attempt) and leaving[record.client, record.conversation]:
            attempts.add((record.client, record.id))
    return attempts


def seqs_have_no_gap(index: HistoryIndex) -> Iterator[str]:
    """4. A conversation is 1 … n, or first … n; so is every page of it, and its times do not decrease."""
    for conversation in index.wholes:
        messages = index.final(conversation)
        seqs = [message.seq for message in messages]
        first = index.first(conversation)
        if seqs != list(range(first, first + len(seqs))):
            yield f"{conversation} was read from {first} as {runs(seqs)}"
        for earlier, later in pairwise(messages):
            if later.time < earlier.time:
                yield f"in {conversation} {later.seq} is of {later.time}, {earlier.seq} of {earlier.time}"
    for page in index.history.of(Page):
        if _is_inconsistent(page):
            shown = runs([message.seq for message in page.messages])
            more = "more" if page.more else "no more"
            yield f"{asked(page)}, got {shown} and was told that there was {more}"


def _is_inconsistent(page: Page) -> bool:
    """Whether a page has a gap, is not the requested one, or reports ``more`` wrongly."""
    seqs = [message.seq for message in page.messages]
    if not seqs:
        return page.more
    if any(next != seq + 1 for seq, next in pairwise(seqs)):
        return True
    match page.way:
        case Way.AFTER:
            return seqs[0] != max(page.bound + 1, page.first)
        case Way.BEFORE:
            return seqs[-1] >= page.bound or page.more != (seqs[0] > page.first)
        case Way.NEWEST:
            return page.more != (seqs[0] > page.first)


def order_is_kept(index: HistoryIndex) -> Iterator[str]:
    """7. A message sent after an acknowledgement has a higher seq; one client's messages keep their order.

    A message counts as sent with its first attempt: any of them may have stored it.
    """
    places = {
        name: story.places[0].seq
        for name, story in index.fates.items()
        if story.places and not index.is_removed(name)
    }
    highest: dict[str, Ack] = {}
    last: dict[tuple[str, str], tuple[int, Attempt]] = {}
    for record in index.history.records:
        if isinstance(record, Ack):
            conversation = index.attempts[record.client, record.id].conversation
            highest[conversation] = max(highest.get(conversation, record), record, key=lambda ack: ack.seq)
        elif isinstance(record, Attempt) and not record.doomed:
            seq = places.pop(Name(record.client, record.cid), None)
            if seq is None:
                continue
            ack = highest.get(record.conversation)
            if ack is not None and seq <= ack.seq:
                yield f"{record} stands at {seq}, before {ack.seq}, acknowledged before it was sent"
            before = last.get((record.client, record.conversation))
            if before and before[0] > seq:
                yield f"{record} stands at {seq}, before {before[1]} at {before[0]}, sent earlier"
            last[record.client, record.conversation] = seq, record
