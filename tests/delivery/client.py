"""A client that keeps its side of the contract, and writes down all that it does and sees.

Its side is:

* What it wants to say goes into its outbox first and stays there until it has an answer. Under the same cid
  it is sent again, in the order in which it was written, on every new connection, and after an *unknown*
  answer as soon as nothing of the old attempts is on its way any more.
* It goes on with ``resume`` and the last token it was given, and with ``login`` where that is refused.
* Of each conversation it knows the last seq that it applied. It applies only the next one; whatever is
  missing it fetches with ``history``.

What it does of its own accord is in ``habits``.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from tests.delivery.history import (
    UNKNOWN,
    Ack,
    Applied,
    Arrival,
    Attempt,
    History,
    Message,
    Move,
    Occupancy,
    Page,
    Refusal,
    Seat,
    Told,
    Way,
    Whole,
    now,
)
from tests.delivery.line import Json, Line, Lost, ask_in_passing, connected
from tests.delivery.proxy import Proxy

PASSWORD = "111111"

DESPAIR = 0.2
"""Seconds, at most, between two attempts to connect, and after an answer that settled nothing."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Something to say that has no answer yet."""

    cid: str
    conversation: str
    text: str
    doomed: str = ""


class Client:
    """One account. ``doors`` are the ways to the servers; at every connection it takes any of them."""

    def __init__(self, name: str, doors: Sequence[Proxy], history: History, random: Random) -> None:
        self.name = name
        self.random = random
        self.seats: set[str] = set()  # the conversations that are mine to read, as far as I know
        self.inside: set[str] = set()  # and those that I have entered
        self.said: list[Pending] = []  # what was acknowledged
        self.outbox: dict[str, Pending] = {}
        self.is_retired = False
        self._doors = doors
        self._history = history
        self._ids = count(1)
        self._token = ""
        self._connection = 0
        self._line: Line | None = None  # while logged in
        self._attempts: dict[int, Pending] = {}  # every attempt ever, by id
        self._in_flight: set[int] = set()  # those without an answer on this connection
        self._stalled = False  # an attempt was left unknown: say nothing new before all is sent again
        self._last: dict[str, int] = {}
        self._heads: dict[str, int] = {}

    # The connection

    async def run(self) -> None:
        """Connect, again and again, until retired."""
        while not self.is_retired:
            try:
                await self._once()
            except* (Lost, OSError):
                pass
            await asyncio.sleep(self.random.uniform(0, DESPAIR))

    async def _once(self) -> None:
        self._connection += 1
        self._in_flight.clear()
        async with connected(self.random.choice(self._doors).port, self._hear) as line:
            try:
                async with TaskGroup() as tasks:
                    tasks.create_task(line.listen())
                    tasks.create_task(line.watch(self._next_id))
                    tasks.create_task(self._live(line))
            finally:
                self._line = None

    async def _live(self, line: Line) -> None:
        await self._log_in(line)
        self._line = line
        self._stalled = True  # whatever was on its way when the last connection was lost
        while not self.is_retired:
            await self._settle()
            await self._catch_up()
            await self._act()
        raise Lost

    async def _act(self) -> None:
        """What it does of its own accord. Nothing, unless somebody gives it habits."""
        await asyncio.sleep(DESPAIR / 10)

    async def _log_in(self, line: Line) -> None:
        """Raises ``ConnectionLost`` when that cannot be done now."""
        begun = now()
        answer = await line.ask({"type": "resume", "id": self._next_id(), "token": self._token})
        if answer.get("code") == "bad_token":
            account: Json = {"username": self.name, "password": PASSWORD}
            answer = await line.ask({"type": "login", "id": self._next_id(), **account})
            if answer.get("code") == "unknown_user":
                await line.ask({"type": "register", "id": self._next_id(), **account})
        if answer["type"] != "session":
            await asyncio.sleep(self.random.uniform(0, DESPAIR))
            raise Lost
        self._token = answer["token"]
        self._be_told(answer, begun)

    def _be_told(self, session: Json, begun: float) -> None:
        """A session says where I am, and how far everything has gone."""
        rooms = {room["room"]: room for room in session["rooms"]}
        friends = {self.private(friend["friend"]): friend for friend in session["friends"]}
        self.seats = {*rooms, *friends}
        self.inside = {name for name, one in {**rooms, **friends}.items() if one["entered"]}
        for conversation, one in {**rooms, **friends}.items():
            self._tell(conversation, one["head"], begun, opens=True)

    def retire(self) -> None:
        """Enough. Whatever is still waited for is given up."""
        self.is_retired = True
        if self._line is not None:
            self._line.close()

    @property
    def is_online(self) -> bool:
        return self._line is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is unknown, and nothing is known to be missing."""
        return self.is_online and not self.outbox and not any(self._is_behind(each) for each in self.seats)

    @property
    def unanswered(self) -> int:
        """How many sends are on their way."""
        return len(self._in_flight)

    # Saying

    def say(self, pending: Pending, copies: int = 1) -> None:
        """Write it into the outbox, and send it if there is nothing to be settled first."""
        self.outbox[pending.cid] = pending
        for _ in range(copies):
            self._attempt(pending)

    def _attempt(self, pending: Pending) -> None:
        if self._line is None or self._stalled:
            return
        id = self._next_id()
        self._attempts[id] = pending
        self._in_flight.add(id)
        self._history.add(
            Attempt(*self._here(), id, pending.cid, pending.conversation, pending.text, pending.doomed)
        )
        to = self._address(pending.conversation)
        self._line.send({"type": "send", "id": id, "to": to, "text": pending.text, "cid": pending.cid})

    async def _settle(self) -> None:
        """Send again what is unknown, once no earlier attempt is on its way."""
        if not self._stalled or self._in_flight:
            return
        await self._come_back()
        self._stalled = False
        for pending in list(self.outbox.values()):
            self._attempt(pending)

    async def _come_back(self) -> None:
        """Be inside again wherever there is something left to say."""
        for conversation in {pending.conversation for pending in self.outbox.values() if not pending.doomed}:
            if conversation.startswith("#") and conversation not in self.inside:
                await self.enter(conversation)

    # Hearing

    def _hear(self, frame: Json) -> None:
        if frame["type"] == "message":
            self._arrive(frame["message"])
        elif frame["type"] == "friend" and "id" not in frame:
            self.seats.add(self.private(frame["friend"]["friend"]))
        elif frame["type"] == "removed":
            self._be_removed(frame["room"])
        elif frame.get("id") in self._attempts:
            self._answer(frame)

    def _arrive(self, shown: Json) -> None:
        message = self._message(shown)
        self._history.add(Arrival(*self._here(), message, shown.get("cid", "")))
        self._apply(message)

    def _be_removed(self, room: str) -> None:
        """A resignation that was asked for elsewhere has taken effect, perhaps long after."""
        self._move(room, Move.RESIGNED)
        self.inside.discard(room)
        self.seats.discard(room)

    def _answer(self, frame: Json) -> None:
        """A send was answered; by a repeat of the network perhaps more than once."""
        id: int = frame["id"]
        pending = self._attempts[id]
        self._in_flight.discard(id)
        if frame["type"] == "sent":
            ack = Ack(*self._here(), id, frame["cid"], frame["seq"], frame["time"], frame["duplicate"])
            self._history.add(ack)
            self._confirm(pending, ack)
            return
        self._history.add(Refusal(*self._here(), id, pending.cid, frame["code"]))
        if frame["code"] in UNKNOWN:
            self._stalled = True
            return
        self._drop(pending)
        if frame["code"] == "not_entered":
            self.inside.discard(pending.conversation)

    def _confirm(self, pending: Pending, ack: Ack) -> None:
        self._learn(pending.conversation, ack.seq)
        if self._drop(pending):
            self.said.append(pending)

    def _drop(self, pending: Pending) -> bool:
        """Take it out of the outbox, unless something else is there under its cid."""
        if self.outbox.get(pending.cid) is not pending:
            return False
        del self.outbox[pending.cid]
        return True

    def _apply(self, message: Message) -> None:
        """Only the next one is taken; one further on says that something is missing."""
        conversation = message.conversation
        self._learn(conversation, message.seq)
        if message.seq == self._last.get(conversation, 0) + 1:
            self._last[conversation] = message.seq
            self._history.add(Applied(*self._here(), conversation, message.seq))

    def _learn(self, conversation: str, head: int) -> None:
        self._heads[conversation] = max(head, self._heads.get(conversation, 0))

    def _is_behind(self, conversation: str) -> bool:
        return self._last.get(conversation, 0) < self._heads.get(conversation, 0)

    async def _catch_up(self) -> None:
        """Fetch what is missing, beginning with the last one that is here, which must still be the same."""
        for conversation in [each for each in self.seats if self._is_behind(each)]:
            while self._is_behind(conversation):
                last = self._last.get(conversation, 0)
                page = await self.read(conversation, Way.AFTER, max(0, last - 1))
                if page is None or self._last.get(conversation, 0) == last:
                    break

    # Asking

    async def read(self, conversation: str, way: Way = Way.NEWEST, bound: int = 0) -> Page | None:
        """A page of a conversation; ``None`` when it was refused."""
        begun = now()
        part = {} if way is Way.NEWEST else {str(way): bound}
        answer = await self._ask("history", conversation=self._address(conversation), **part)
        if answer["type"] != "history":
            return None
        return self._note_page(conversation, begun, way, bound, answer["messages"], answer["more"])

    async def read_whole(self, conversation: str) -> None:
        """All of it, from 1. Raises ``AssertionError`` when that is refused."""
        messages: list[Message] = []
        cids: list[tuple[int, str]] = []
        more = True
        while more:
            page = await self.read(conversation, Way.AFTER, messages[-1].seq if messages else 0)
            assert page is not None, f"{self.name} may not read {conversation}"
            messages += page.messages
            cids += page.cids
            more = page.more and bool(page.messages)
        self._history.add(Whole(*self._here(), conversation, tuple(messages), tuple(cids)))

    async def enter(self, conversation: str) -> None:
        """Into a room or a private chat."""
        begun = now()
        self._move(conversation, Move.ENTERING)
        answer = await self._at(
            conversation, "enter", nickname=f"{self.name} the {self.random.randrange(9)}."
        )
        if answer["type"] == "entered":
            self._move(conversation, Move.ENTERED)
            self.seats.add(conversation)
            self.inside.add(conversation)
            self._look_around(conversation, answer, begun)
        elif answer["code"] not in UNKNOWN:
            self._move(conversation, Move.KEPT_OUT)

    def _look_around(self, conversation: str, entered: Json, begun: float) -> None:
        messages = entered["messages"]
        self._tell(conversation, messages[-1]["seq"] if messages else 0, begun, opens=True)
        more = bool(messages) and messages[0]["seq"] > 1
        self._note_page(conversation, begun, Way.NEWEST, 0, messages, more)
        if "room" in entered:
            self._note_occupancy(entered["room"])

    async def leave(self, conversation: str) -> None:
        self.inside.discard(conversation)
        self._move(conversation, Move.LEAVING)
        answer = await self._at(conversation, "leave")
        if answer.get("code") not in UNKNOWN:
            self._move(conversation, Move.LEFT)

    async def resign(self, room: str) -> None:
        self.inside.discard(room)
        self.seats.discard(room)
        self._move(room, Move.RESIGNING)
        answer = await self._ask("resign_room", room=room)
        if answer.get("code") not in UNKNOWN:
            self._move(room, Move.STAYED if answer["type"] == "error" else Move.RESIGNED)

    async def resign_elsewhere(self, room: str) -> None:
        """Over a connection of its own, perhaps to another server; this one hears of it later."""
        self.inside.discard(room)
        self.seats.discard(room)
        self._move(room, Move.RESIGNING)
        try:
            answer = await self._ask_elsewhere("resign_room", room=room)
        except (Lost, OSError, TimeoutError):
            return
        if answer.get("code") not in UNKNOWN:
            self._move(room, Move.STAYED if answer["type"] == "error" else Move.GIVEN_UP)

    async def create(self, room: str, capacity: int) -> None:
        await self._ask("create_room", room=room, capacity=capacity)

    async def befriend(self, name: str) -> None:
        await self._ask("add_friend", username=name)
        self.seats.add(self.private(name))

    def be_befriended(self, name: str) -> None:
        """Somebody is about to do it, which gives both of us the private chat."""
        self._move(self.private(name), Move.ENTERING)

    async def survey(self) -> None:
        """Look at the list of rooms, and at where I have a seat."""
        begun = now()
        answer = await self._ask("list_rooms")
        for room in answer.get("rooms", ()):
            self._note_occupancy(room)
            self.seats.discard(room["room"])
            if room["member"]:
                self.seats.add(room["room"])
                self._tell(room["room"], room["head"], begun, opens=False)

    async def _at(self, conversation: str, verb: str, **fields: Any) -> Json:
        if conversation.startswith("#"):
            return await self._ask(f"{verb}_room", room=conversation, **fields)
        return await self._ask(f"{verb}_direct", username=self._address(conversation)[1:], **fields)

    async def _ask(self, type: str, **fields: Any) -> Json:
        """Raises ``ConnectionLost``, also when there is no connection."""
        if self._line is None:
            raise Lost
        return await self._line.ask({"type": type, "id": self._next_id(), **fields})

    async def _ask_elsewhere(self, type: str, **fields: Any) -> Json:
        """Raises ``ConnectionLost``, ``OSError`` or ``TimeoutError``."""
        account = {"username": self.name, "password": PASSWORD}
        login = {"type": "login", "id": self._next_id(), **account}
        request = {"type": type, "id": self._next_id(), **fields}
        return await ask_in_passing(self.random.choice(self._doors).port, login, request)

    # Writing down

    def _here(self) -> tuple[float, str, int]:
        return now(), self.name, self._connection

    def _next_id(self) -> int:
        return next(self._ids)

    def _move(self, conversation: str, move: Move) -> None:
        self._history.add(Seat(*self._here(), conversation, move))

    def _tell(self, conversation: str, head: int, begun: float, opens: bool) -> None:
        self._learn(conversation, head)
        self._history.add(Told(*self._here(), begun, conversation, head, opens))

    def _note_occupancy(self, room: Json) -> None:
        self._history.add(Occupancy(*self._here(), room["room"], room["members"], room["capacity"]))

    def _note_page(
        self, conversation: str, begun: float, way: Way, bound: int, shown: list[Json], more: bool
    ) -> Page:
        messages = tuple(self._message(each) for each in shown)
        cids = tuple((each["seq"], each["cid"]) for each in shown if "cid" in each)
        page = Page(*self._here(), begun, conversation, way, bound, messages, cids, more)
        self._history.add(page)
        for message in messages:
            self._apply(message)
        return page

    def _message(self, shown: Json) -> Message:
        return self._history.message(
            Message(
                self._everybodys(shown["conversation"]),
                shown["seq"],
                shown["kind"],
                shown["username"],
                shown["nickname"],
                shown["text"],
                shown["time"],
            )
        )

    # The names of conversations: the wire has my name for a private chat, the history everybody's

    def private(self, friend: str) -> str:
        one, other = sorted((self.name, friend.removeprefix("@")))
        return f"{one}&{other}"

    def _everybodys(self, conversation: str) -> str:
        return conversation if conversation.startswith("#") else self.private(conversation)

    def _address(self, conversation: str) -> str:
        if conversation.startswith("#"):
            return conversation
        one, other = conversation.split("&")
        return f"@{other if one == self.name else one}"
