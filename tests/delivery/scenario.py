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


def text_message(client: str, cid: str, seq: int, conversation: str = DEN, time: str = "12:00") -> Message:
    return Message(conversation, seq, "text", client, client.upper(), words(client, cid), time)


def notice(kind: str, client: str, seq: int, conversation: str = DEN) -> Message:
    return Message(conversation, seq, kind, client, client.upper(), "", "12:00")


def words(client: str, cid: str) -> str:
    return f"{client}'s {cid}"


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

    def moves(self, client: str, move: Move, conversation: str = DEN, on: int = 1) -> None:
        self.add(Seat(self.tick(), client, on, conversation, move))

    def sends(self, client: str, cid: str, to: str = DEN, doomed: str = "", text: str = "") -> Attempt:
        self.ids += 1
        attempt = Attempt(self.tick(), client, 1, self.ids, cid, to, text or words(client, cid), doomed)
        self.add(attempt)
        return attempt

    def acks(self, attempt: Attempt, seq: int, duplicate: bool = False, time: str = "12:00") -> None:
        self.add(Ack(self.tick(), attempt.client, 1, attempt.id, attempt.cid, seq, time, duplicate))

    def refuses(self, attempt: Attempt, code: str) -> None:
        self.add(Refusal(self.tick(), attempt.client, 1, attempt.id, attempt.cid, code))

    def sends_acked(self, client: str, cid: str, seq: int) -> None:
        """Send, and receive the acknowledgement."""
        self.acks(self.sends(client, cid), seq)

    def shows(self, client: str, message: Message, cid: str = "", on: int = 1) -> None:
        self.add(Arrival(self.tick(), client, on, message, cid))

    def applies(self, client: str, *seqs: int) -> None:
        for seq in seqs:
            self.add(Applied(self.tick(), client, 1, DEN, seq))

    def reads(
        self,
        client: str,
        *messages: Message,
        way: Way = Way.NEWEST,
        bound: int = 0,
        more: bool = False,
        begun: float | None = None,
        conversation: str = DEN,
        first: int = 1,
    ) -> None:
        began = self.tick() if begun is None else begun
        self.add(Page(self.tick(), client, 1, began, conversation, way, bound, messages, (), more, first))

    def reports_head(self, client: str, head: int, on: int = 1, first: int = 1) -> None:
        began = self.tick()
        self.add(HeadReport(self.tick(), client, on, began, DEN, head, True, first))

    def counts(self, client: str, members: int, capacity: int) -> None:
        self.add(Occupancy(self.tick(), client, 1, DEN, members, capacity))

    def heals(self) -> None:
        self.add(Healed(self.tick(), "", 0))

    def stops(self, code: int, seconds: float) -> None:
        self.add(Stopped(self.tick(), "", 0, code, seconds))

    def ends_as(
        self,
        *messages: Message,
        conversation: str = DEN,
        cids: tuple[tuple[int, str], ...] = (),
        first: int = 1,
    ) -> None:
        self.add(FullRead(self.tick(), "Ann", 1, conversation, messages, cids, first))
