"""A client that follows the contract and records all that it does and receives.

The contract requires of a client:

* A message goes into the outbox first and stays there until it has an answer. It is resent under the same
  cid, in the original order, on every new connection, and after an *unknown* answer as soon as no earlier
  attempt is in flight.
* The client continues with ``resume`` and the last token, or with ``login`` if that is refused.
* For each conversation it knows the last seq that it applied. It applies only the next one and fetches
  missing messages with ``history``.

``workload`` decides what it sends.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from tests.delivery.client_line import ClientLine, ConnectionEnded, Json, ask_once, connected
from tests.delivery.history import (
    UNKNOWN,
    Ack,
    Applied,
    Arrival,
    Attempt,
    FullRead,
    HeadReport,
    History,
    Message,
    Move,
    Occupancy,
    Page,
    Refusal,
    Seat,
    Way,
    now,
)
from tests.delivery.proxy import Proxy

PASSWORD = "111111"

RETRY_SECONDS = 0.2
"""Longest wait between two attempts to connect, and after an answer that leaves the outcome unknown."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A message without an answer."""

    cid: str
    conversation: str
    text: str
    doomed: str = ""


class Client:
    """One account. Each connection goes through a random one of ``proxies``."""

    def __init__(self, name: str, proxies: Sequence[Proxy], history: History, random: Random) -> None:
        self.name = name
        self.random = random
        self.seats: set[str] = set()  # the conversations that this client may read, as far as it knows
        self.inside: set[str] = set()  # those of them that it has entered
        self.acknowledged: list[Pending] = []  # acknowledged messages
        self.outbox: dict[str, Pending] = {}
        self.is_retired = False
        self._proxies = proxies
        self._history = history
        self._ids = count(1)
        self._token = ""
        self._connection = 0
        self._line: ClientLine | None = None  # while logged in
        self._attempts: dict[int, Pending] = {}  # all attempts, by id
        self._in_flight: set[int] = set()  # open attempts on this connection
        self._stalled = False  # an outcome is unknown: send nothing new before the outbox was resent
        self._last: dict[str, int] = {}
        self._heads: dict[str, int] = {}

    # The connection

    async def run(self) -> None:
        """Connect again and again until retired."""
        while not self.is_retired:
            try:
                await self._once()
            except* (ConnectionEnded, OSError):
                pass
            await asyncio.sleep(self.random.uniform(0, RETRY_SECONDS))

    async def _once(self) -> None:
        self._connection += 1
        self._in_flight.clear()
        async with connected(self.random.choice(self._proxies).port, self._hear) as line:
            try:
                async with TaskGroup() as tasks:
                    tasks.create_task(line.listen())
                    tasks.create_task(line.watch(self._next_id))
                    tasks.create_task(self._live(line))
            finally:
                self._line = None

    async def _live(self, line: ClientLine) -> None:
        await self._log_in(line)
        self._line = line
        self._stalled = True  # attempts were open when the last connection ended
        while not self.is_retired:
            await self._settle()
            await self._catch_up()
            await self._act()
        raise ConnectionEnded

    async def _act(self) -> None:
        """Perform one action of the workload. A subclass overrides it."""
        await asyncio.sleep(RETRY_SECONDS / 10)

    async def _log_in(self, line: ClientLine) -> None:
        """Raises ``ConnectionEnded`` if the login fails for now."""
        begun = now()
        answer = await line.ask({"type": "resume", "id": self._next_id(), "token": self._token})
        if answer.get("code") == "bad_token":
            account: Json = {"username": self.name, "password": PASSWORD}
            answer = await line.ask({"type": "login", "id": self._next_id(), **account})
            if answer.get("code") == "unknown_user":
                await line.ask({"type": "register", "id": self._next_id(), **account})
        if answer["type"] != "session":
            await asyncio.sleep(self.random.uniform(0, RETRY_SECONDS))
            raise ConnectionEnded
        self._token = answer["token"]
        self._apply_session(answer, begun)

    def _apply_session(self, session: Json, begun: float) -> None:
        """Take seats and heads from a ``session`` answer."""
        rooms = {room["room"]: room for room in session["rooms"]}
        friends = {self.private(friend["friend"]): friend for friend in session["friends"]}
        self.seats = {*rooms, *friends}
        self.inside = {name for name, value in {**rooms, **friends}.items() if value["entered"]}
        for conversation, value in {**rooms, **friends}.items():
            self._tell(conversation, value["head"], begun, opens=True, first=value.get("first", 1))

    def retire(self) -> None:
        """Stop. Open requests are abandoned."""
        self.is_retired = True
        if self._line is not None:
            self._line.close()

    @property
    def is_online(self) -> bool:
        return self._line is not None

    @property
    def is_settled(self) -> bool:
        """Whether no outcome is unknown and no message is known to be missing."""
        return self.is_online and not self.outbox and not any(self._is_behind(each) for each in self.seats)

    @property
    def unanswered(self) -> int:
        """The number of sends in flight."""
        return len(self._in_flight)

    # Sending

    def say(self, pending: Pending, copies: int = 1) -> None:
        """Put a message into the outbox, and send it unless earlier ones must be resent first."""
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
            Attempt(*self._stamp(), id, pending.cid, pending.conversation, pending.text, pending.doomed)
        )
        to = self._address(pending.conversation)
        self._line.send({"type": "send", "id": id, "to": to, "text": pending.text, "cid": pending.cid})

    async def _settle(self) -> None:
        """Resend messages with unknown outcome once no earlier attempt is in flight."""
        if not self._stalled or self._in_flight:
            return
        await self._reenter()
        self._stalled = False
        for pending in list(self.outbox.values()):
            self._attempt(pending)

    async def _reenter(self) -> None:
        """Enter the conversations for which the outbox has messages."""
        for conversation in {pending.conversation for pending in self.outbox.values() if not pending.doomed}:
            if conversation.startswith("#") and conversation not in self.inside:
                await self.enter(conversation)

    # Receiving

    def _hear(self, frame: Json) -> None:
        if frame["type"] == "message":
            self._arrive(frame["message"])
        elif frame["type"] == "friend" and "id" not in frame:
            self.seats.add(self.private(frame["friend"]["friend"]))
        elif frame["type"] == "removed":
            self._apply_removal(frame["room"])
        elif frame.get("id") in self._attempts:
            self._answer(frame)

    def _arrive(self, shown: Json) -> None:
        message = self._message(shown)
        self._history.add(Arrival(*self._stamp(), message, shown.get("cid", "")))
        self._apply(message)

    def _apply_removal(self, room: str) -> None:
        """A resignation on another connection has taken effect, perhaps long after."""
        self._move(room, Move.RESIGNED)
        self.inside.discard(room)
        self.seats.discard(room)

    def _answer(self, frame: Json) -> None:
        """Handle the answer to a send. A repeated line may produce several."""
        id: int = frame["id"]
        pending = self._attempts[id]
        self._in_flight.discard(id)
        if frame["type"] == "sent":
            ack = Ack(*self._stamp(), id, frame["cid"], frame["seq"], frame["time"], frame["duplicate"])
            self._history.add(ack)
            self._confirm(pending, ack)
            return
        self._history.add(Refusal(*self._stamp(), id, pending.cid, frame["code"]))
        if frame["code"] in UNKNOWN:
            self._stalled = True
            return
        self._drop(pending)
        if frame["code"] == "not_entered":
            self.inside.discard(pending.conversation)

    def _confirm(self, pending: Pending, ack: Ack) -> None:
        self._learn(pending.conversation, ack.seq)
        if self._drop(pending):
            self.acknowledged.append(pending)

    def _drop(self, pending: Pending) -> bool:
        """Remove a message from the outbox, unless another one is there under its cid."""
        if self.outbox.get(pending.cid) is not pending:
            return False
        del self.outbox[pending.cid]
        return True

    def _apply(self, message: Message, first: int = 1) -> None:
        """Apply the next one, or the first after removed ones. A later one shows that some are missing."""
        conversation = message.conversation
        self._learn(conversation, message.seq)
        last = self._last.get(conversation, 0)
        if message.seq == last + 1 or last < message.seq == first:
            self._last[conversation] = message.seq
            self._history.add(Applied(*self._stamp(), conversation, message.seq))

    def _learn(self, conversation: str, head: int) -> None:
        self._heads[conversation] = max(head, self._heads.get(conversation, 0))

    def _is_behind(self, conversation: str) -> bool:
        return self._last.get(conversation, 0) < self._heads.get(conversation, 0)

    async def _catch_up(self) -> None:
        """Fetch missing messages, beginning with the last applied one, which must be unchanged."""
        for conversation in [each for each in self.seats if self._is_behind(each)]:
            while self._is_behind(conversation):
                last = self._last.get(conversation, 0)
                page = await self.read(conversation, Way.AFTER, max(0, last - 1))
                if page is None or self._last.get(conversation, 0) == last:
                    break

    # Requests

    async def read(self, conversation: str, way: Way = Way.NEWEST, bound: int = 0) -> Page | None:
        """Read a page of a conversation. Returns ``None`` if it was refused."""
        begun = now()
        part = {} if way is Way.NEWEST else {str(way): bound}
        answer = await self._ask("history", conversation=self._address(conversation), **part)
        if answer["type"] != "history":
            return None
        first = answer.get("first", 1)
        return self._note_page(conversation, begun, way, bound, answer["messages"], answer["more"], first)

    async def read_whole(self, conversation: str) -> None:
        """Read a conversation from 1. Raises ``AssertionError`` if that is refused."""
        messages: list[Message] = []
        cids: list[tuple[int, str]] = []
        more, first = True, 1
        while more:
            page = await self.read(conversation, Way.AFTER, messages[-1].seq if messages else 0)
            assert page is not None, f"{self.name} may not read {conversation}"
            messages += page.messages
            cids += page.cids
            more, first = page.more and bool(page.messages), page.first
        whole = FullRead(*self._stamp(), conversation, tuple(messages), tuple(cids), first)
        self._history.add(whole)

    async def enter(self, conversation: str) -> None:
        """Enter a room or a private chat."""
        begun = now()
        self._move(conversation, Move.ENTERING)
        answer = await self._at(
            conversation, "enter", nickname=f"{self.name} the {self.random.randrange(9)}."
        )
        if answer["type"] == "entered":
            self._move(conversation, Move.ENTERED)
            self.seats.add(conversation)
            self.inside.add(conversation)
            self._apply_entered(conversation, answer, begun)
        elif answer["code"] not in UNKNOWN:
            self._move(conversation, Move.KEPT_OUT)

    def _apply_entered(self, conversation: str, entered: Json, begun: float) -> None:
        messages, place = entered["messages"], entered.get("room") or entered["friend"]
        first = place.get("first", 1)
        self._tell(conversation, messages[-1]["seq"] if messages else 0, begun, opens=True, first=first)
        more = bool(messages) and messages[0]["seq"] > first
        self._note_page(conversation, begun, Way.NEWEST, 0, messages, more, first)
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
        """Resign on another connection, perhaps to another server; this connection is informed later."""
        self.inside.discard(room)
        self.seats.discard(room)
        self._move(room, Move.RESIGNING)
        try:
            answer = await self._ask_elsewhere("resign_room", room=room)
        except (ConnectionEnded, OSError, TimeoutError):
            return
        if answer.get("code") not in UNKNOWN:
            self._move(room, Move.STAYED if answer["type"] == "error" else Move.GIVEN_UP)

    async def create(self, room: str, capacity: int) -> None:
        await self._ask("create_room", room=room, capacity=capacity)

    async def befriend(self, name: str) -> None:
        await self._ask("add_friend", username=name)
        self.seats.add(self.private(name))

    def expect_friendship(self, name: str) -> None:
        """Another client is about to add this one as a friend, which gives both the private chat."""
        self._move(self.private(name), Move.ENTERING)

    async def survey(self) -> None:
        """List the rooms and update the own seats."""
        begun = now()
        answer = await self._ask("list_rooms")
        for room in answer.get("rooms", ()):
            self._note_occupancy(room)
            self.seats.discard(room["room"])
            if room["member"]:
                self.seats.add(room["room"])
                first = room.get("first", 1)
                self._tell(room["room"], room["head"], begun, opens=False, first=first)

    async def _at(self, conversation: str, verb: str, **fields: Any) -> Json:
        if conversation.startswith("#"):
            return await self._ask(f"{verb}_room", room=conversation, **fields)
        return await self._ask(f"{verb}_direct", username=self._address(conversation)[1:], **fields)

    async def _ask(self, type: str, **fields: Any) -> Json:
        """Raises ``ConnectionEnded``, also if there is no connection."""
        if self._line is None:
            raise ConnectionEnded
        return await self._line.ask({"type": type, "id": self._next_id(), **fields})

    async def _ask_elsewhere(self, type: str, **fields: Any) -> Json:
        """Raises ``ConnectionEnded``, ``OSError`` or ``TimeoutError``."""
        account = {"username": self.name, "password": PASSWORD}
        login = {"type": "login", "id": self._next_id(), **account}
        request = {"type": type, "id": self._next_id(), **fields}
        return await ask_once(self.random.choice(self._proxies).port, login, request)

    # Recording

    def _stamp(self) -> tuple[float, str, int]:
        return now(), self.name, self._connection

    def _next_id(self) -> int:
        return next(self._ids)

    def _move(self, conversation: str, move: Move) -> None:
        self._history.add(Seat(*self._stamp(), conversation, move))

    def _tell(self, conversation: str, head: int, begun: float, opens: bool, first: int = 1) -> None:
        self._learn(conversation, head)
        self._history.add(HeadReport(*self._stamp(), begun, conversation, head, opens, first))

    def _note_occupancy(self, room: Json) -> None:
        self._history.add(Occupancy(*self._stamp(), room["room"], room["members"], room["capacity"]))

    def _note_page(
        self, conversation: str, begun: float, way: Way, bound: int, shown: list[Json], more: bool, first: int
    ) -> Page:
        messages = tuple(self._message(each) for each in shown)
        cids = tuple((each["seq"], each["cid"]) for each in shown if "cid" in each)
        page = Page(*self._stamp(), begun, conversation, way, bound, messages, cids, more, first)
        self._history.add(page)
        for message in messages:
            self._apply(message, first)
        return page

    def _message(self, shown: Json) -> Message:
        return self._history.message(
            Message(
                self._shared_name(shown["conversation"]),
                shown["seq"],
                shown["kind"],
                shown["username"],
                shown["nickname"],
                shown["text"],
                shown["time"],
            )
        )

    # The wire names a private chat after the other account, the history after both

    def private(self, friend: str) -> str:
        first, second = sorted((self.name, friend.removeprefix("@")))
        return f"{first}&{second}"

    def _shared_name(self, conversation: str) -> str:
        return conversation if conversation.startswith("#") else self.private(conversation)

    def _address(self, conversation: str) -> str:
        if conversation.startswith("#"):
            return conversation
        first, second = conversation.split("&")
        return f"@{second if first == self.name else first}"
