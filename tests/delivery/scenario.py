"""Hand-written histories for the tests of ``check``: each call adds one record."""

from tests.delivery.check import check
from tests.delivery.history import (
    Ack,
    Applied,
    Arrival,
    Attempt,
    FullRead,
    HeadReport,
    Healed,
    History,
    Message,
    Move,
    Occupancy,
    Page,
    Record,
    Refusal,
    Seat,
    Stopped,
    Way,
)

DEN = "#den"


def said(who: str, cid: str, seq: int, conversation: str = DEN, time: str = "12:00") -> Message:
    return Message(conversation, seq, "text", who, who.upper(), words(who, cid), time)


def notice(kind: str, who: str, seq: int, conversation: str = DEN) -> Message:
    return Message(conversation, seq, kind, who, who.upper(), "", "12:00")


def words(who: str, cid: str) -> str:
    return f"{who}'s {cid}"


class Scenario:
    """A history and a clock that advances with every record."""

    def __init__(self, *members: str, conversation: str = DEN) -> None:
        self.history = History()
        self.clock = 0.0
        self.ids = 0
        for member in members:
            self.moves(member, Move.ENTERING, conversation)
            self.moves(member, Move.ENTERED, conversation)

    def broken(self) -> set[str]:
        """The names of the rules that this history breaks."""
        return {violation.rule for violation in check(self.history)}

    def tick(self) -> float:
        self.clock += 1.0
        return self.clock

    def add(self, record: Record) -> None:
        self.history.add(record)

    def moves(self, who: str, move: Move, conversation: str = DEN, on: int = 1) -> None:
        self.add(Seat(self.tick(), who, on, conversation, move))

    def sends(self, who: str, cid: str, to: str = DEN, doomed: str = "", text: str = "") -> Attempt:
        self.ids += 1
        attempt = Attempt(self.tick(), who, 1, self.ids, cid, to, text or words(who, cid), doomed)
        self.add(attempt)
        return attempt

    def acks(self, attempt: Attempt, seq: int, duplicate: bool = False, time: str = "12:00") -> None:
        self.add(Ack(self.tick(), attempt.client, 1, attempt.id, attempt.cid, seq, time, duplicate))

    def refuses(self, attempt: Attempt, code: str) -> None:
        self.add(Refusal(self.tick(), attempt.client, 1, attempt.id, attempt.cid, code))

    def says(self, who: str, cid: str, seq: int) -> None:
        """Send, and receive the acknowledgement."""
        self.acks(self.sends(who, cid), seq)

    def shows(self, who: str, message: Message, cid: str = "", on: int = 1) -> None:
        self.add(Arrival(self.tick(), who, on, message, cid))

    def applies(self, who: str, *seqs: int) -> None:
        for seq in seqs:
            self.add(Applied(self.tick(), who, 1, DEN, seq))

    def reads(
        self,
        who: str,
        *messages: Message,
        way: Way = Way.NEWEST,
        bound: int = 0,
        more: bool = False,
        begun: float | None = None,
        conversation: str = DEN,
    ) -> None:
        began = self.tick() if begun is None else begun
        self.add(Page(self.tick(), who, 1, began, conversation, way, bound, messages, (), more))

    def tells(self, who: str, head: int, on: int = 1) -> None:
        began = self.tick()
        self.add(HeadReport(self.tick(), who, on, began, DEN, head, True))

    def counts(self, who: str, members: int, capacity: int) -> None:
        self.add(Occupancy(self.tick(), who, 1, DEN, members, capacity))

    def heals(self) -> None:
        self.add(Healed(self.tick(), "", 0))

    def stops(self, code: int, seconds: float) -> None:
        self.add(Stopped(self.tick(), "", 0, code, seconds))

    def ends_as(
        self, *messages: Message, conversation: str = DEN, cids: tuple[tuple[int, str], ...] = ()
    ) -> None:
        self.add(FullRead(self.tick(), "Ann", 1, conversation, messages, cids))
