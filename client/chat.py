"""What one can do here: connect, log in, enter, say, read, leave. The controller between network and state.

Everything that the server says comes through ``_receive``, in one order, and changes the state through
``apply`` alone. Requests raise ``Refused`` or ``Lost`` to whoever made them. ``App`` puts typed lines on top
of this.

After every new connection the same steps are taken (``_resume``): the kept token opens the session again;
what was missed is fetched; the rooms that the server left on our behalf are entered again; the courier goes
on with what is unconfirmed.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from client import address, words
from client.address import Address, BadAddress
from client.catchup import Catchup
from client.config import Config
from client.connection import Lost, Refused
from client.courier import Courier, seconds
from client.link import Link, Pace
from client.model import apply, select
from client.model.state import Link as Standing
from client.model.state import Note, Pending, State
from client.outbox import Outbox, OutboxFailed
from client.trust import Barred, Trust
from protocol import events, requests, responses, values
from protocol.cids import new_cid

READ_PAUSE = 0.3
"""Seconds. Reading is told to the server at most so often: who scrolls reads many messages a second."""

FAREWELL = 2.0
"""Seconds that leaving may take. What has no answer then waits on the disk for the next login."""

ENDED = frozenset({"session_ended", "account_disabled"})
"""Codes after which the server does not want this session back, and nobody should log in again unasked."""

TRY_LATER = frozenset({"rate_limited", "unavailable"})

Answer = TypeVar("Answer", bound=responses.Response)


class Chat:
    """One user's client. The hooks ``on_change``, ``on_note`` and ``on_frame`` are the front end's to set."""

    def __init__(
        self, config: Config, trust: Trust, outboxes: Path, *, pace: Pace | None = None, fill: bool = False
    ) -> None:
        self.config = config
        self.state = State(ignored=set(config.ignored))
        self.done = asyncio.Event()  # the user wants to go
        self.saving: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.on_note: Callable[[Note], None] = lambda note: None
        self.on_frame: Callable[[responses.AnyResponse | events.AnyEvent], None] = lambda frame: None
        self._trust = trust
        self._outboxes = outboxes
        self._pace = pace
        self._link: Link | None = None
        self._outbox: Outbox | None = None
        self._courier: Courier | None = None
        self._catchup = Catchup(self.state, self.insist, fill=fill)
        self._token = ""
        self._password = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._lasting: list[asyncio.Task[None]] = []  # as long as somebody is logged in
        self._present = asyncio.Event()  # somebody is logged in, on a connection that works
        self._seen: dict[str, int] = {}  # what is read, and not told to the server yet

    # The connection and the session

    async def connect(self, to: Address | str) -> None:
        """Open the connection. Raises ``Refused`` with a code of the client's own when that does not work."""
        try:
            place = address.parse(to) if isinstance(to, str) else to
        except BadAddress:
            raise Refused("bad_address", {"address": to}) from None
        if self._link is not None:
            self._link.close()
        self.state.server = place.server
        self._link = Link(place, self._trust, self._receive, self._stands, self._pace)
        await self._link.open()
        self.state.encrypted = self._link.encrypted
        self.on_change()

    async def register(self, username: str, password: str) -> None:
        """Make an account. Raises ``Refused``."""
        await self._reach()
        await self.ask(requests.Register(id=0, username=username, password=password))

    async def login(self, username: str, password: str) -> None:
        """Log in, and stay so over lost connections. Raises ``Refused``."""
        await self._reach()
        session = await self.ask(requests.Login(id=0, username=username, password=password))
        self._token, self._password = expect(session, responses.Session).token, password
        self._open_outbox()
        self._lasting.append(asyncio.create_task(self._keep()))
        self._begun()
        self.config.server, self.config.username = self.state.server, self.state.username
        self.config.save()

    async def logout(self) -> None:
        """Back to the login. What is not confirmed waits on the disk for the next time."""
        self._forget()
        try:
            await self.ask(requests.Logout(id=0))
        except (Lost, Refused):
            apply.logged_out(self.state)
        self._stands(Standing.ONLINE if self._link and self._link.up else Standing.OFFLINE, 0.0)

    def quit(self) -> None:
        """The user wants to go; the front end ends, and then calls ``close``."""
        self.done.set()

    async def close(self) -> None:
        """End everything in good order: see what was said through to its answer, if that is soon, and log
        out.
        """
        if self._present.is_set():
            with suppress(TimeoutError, Lost, Refused):
                async with asyncio.timeout(FAREWELL):
                    await self.settled()
                    await self.ask(requests.Logout(id=0))
        self._forget()
        for task in list(self._tasks):
            task.cancel()
        if self._link is not None:
            self._link.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._link.lost()
            self._link.drop()

    async def settled(self) -> None:
        """Wait until what was said has its answer and nothing is missing."""
        if self._courier is not None:
            await self._courier.settled()
        await self._catchup.settled()
        if self.saving is not None:
            await self.saving

    async def back(self) -> None:
        """Wait until the session goes on. Raises ``Lost`` once nobody is logged in any more."""
        if self._link is None or not self._token:
            raise Lost
        if not self._link.up:
            self._present.clear()
        await self._present.wait()

    async def ask(self, frame: requests.AnyRequest, *, apart: bool = False) -> responses.AnyResponse:
        """Ask the server; ``apart``, the answer does not touch the state. Raises ``Refused`` or ``Lost``."""
        if self._link is None:
            raise Lost
        answer = await self._link.request(frame, apart=apart)
        if isinstance(answer, responses.Error):
            raise Refused(answer.code, answer.details)
        return answer

    async def insist(self, frame: requests.AnyRequest, *, apart: bool = False) -> responses.AnyResponse:
        """Ask for something that can be asked for again, and wait where the server asks us to."""
        while True:
            try:
                return await self.ask(frame, apart=apart)
            except Refused as error:
                if error.code not in TRY_LATER:
                    raise
                await asyncio.sleep(seconds(error))

    # Conversations

    async def enter(self, name: str, nickname: str = "") -> None:
        """Enter a room or a private chat, by default under the nickname last used there."""
        nickname = nickname or select.nickname(self.state, name)
        if name.startswith("@"):
            await self.ask(requests.EnterDirect(id=0, username=name[1:], nickname=nickname))
        else:
            await self.ask(requests.EnterRoom(id=0, room=name, nickname=nickname))
            self.spawn(self._list_members(name))

    async def leave(self, name: str) -> None:
        if name.startswith("@"):
            await self.ask(requests.LeaveDirect(id=0, username=name[1:]))
        else:
            await self.ask(requests.LeaveRoom(id=0, room=name))

    def write(self, name: str, text: str, kind: str = "text") -> None:
        """Say something.

        It is on the disk when this returns, and on its way. Raises ``Refused`` if it cannot be.
        """
        one = self.state.conversations.get(name)
        if self._courier is None or one is None:
            raise Refused("not_logged_in" if self._courier is None else "nowhere")
        if one.is_room and not one.entered and self._present.is_set():  # else it will be entered again
            raise Refused("not_entered", {"conversation": name})
        pending = Pending(cid=new_cid(), conversation=name, text=text, kind=kind, written_at=_now())
        try:
            self._courier.take(pending)
        except OutboxFailed as error:
            raise Refused("outbox_failed", {"reason": str(error)}) from None
        self.on_change()

    def switch(self, name: str) -> None:
        """Look at another conversation; the empty name is the home screen."""
        apply.switched(self.state, name)
        if name:
            one = self.state.conversations[name]
            page = self.state.limits.page if self.state.limits else 0
            if (one.member or not one.is_room) and len(one.timeline.messages) < page:
                self.load_older(name)
            if one.member and one.is_room and not one.roster:
                self.spawn(self._list_members(name))
        self.on_change()

    def load_older(self, name: str) -> None:
        """Fetch the page above the oldest message that is here."""
        timeline = self.state.conversations[name].timeline
        if timeline.more and not timeline.loading:
            apply.loading(self.state, name)
            self.spawn(self._load_older(name, timeline.first))

    def viewed(self, name: str, seq: int) -> None:
        """The user has seen everything up to here. The server is told soon, once for many."""
        if seq <= self.state.conversations[name].read:
            return
        apply.read(self.state, name, seq)
        if not self._seen:
            self.spawn(self._tell_read())
        self._seen[name] = seq
        self.on_change()

    def note(self, key: str, /, *, error: bool = False, **facts: object) -> Note:
        """Say something to the user where they are looking. The note may be brought up to date later."""
        return self._note(key, facts, error)

    def note_error(self, error: Refused | Lost) -> None:
        """Say what went wrong: in words of its code, or the bare code of a newer server's."""
        if isinstance(error, Lost):
            self.note("not_connected", error=True)
        elif words.knows(error.code):
            self._note(error.code, error.details, True)
        else:
            self.note("unknown_code", error=True, code=error.code)

    def _note(self, key: str, facts: dict[str, object], error: bool) -> Note:
        one = select.current(self.state)
        after = one.timeline.last if one else 0
        note = Note(key, facts, error, at=_now(), conversation=self.state.current, after=after)
        apply.noted(self.state, note)
        self.on_note(note)
        self.on_change()
        return note

    def ignore(self, username: str, ignored: bool) -> None:
        """Show, or show no longer, what this account says."""
        apply.ignored(self.state, username, ignored)
        self.config.ignored = sorted(self.state.ignored)
        self.config.save()
        self.on_change()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something beside; what goes wrong becomes a note."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Inside

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Lost:
            pass  # what only completes the picture is asked for again in the next session
        except Refused as error:
            self.note_error(error)

    def _receive(
        self, asked: requests.AnyRequest | None, told: responses.AnyResponse | events.AnyEvent
    ) -> None:
        if self._link is not None:
            self.state.lag = self._link.lag
        if isinstance(told, events.Event):
            apply.event(self.state, told)
        elif asked is not None:
            apply.answer(self.state, asked, told)
        match told:
            case events.Message(message=message):
                self._catchup.look(message.conversation)
            case responses.Sent() if isinstance(asked, requests.Send):
                self._catchup.look(asked.to)
            case events.Room(room=room) if room.member:
                self._catchup.look(room.room)
                self._check_roster(room)
            case events.Friend(friend=friend, ended=ended):
                self._catchup.look(friend.friend)
                self.note("unfriended_by" if ended is True else "befriended_by", username=friend.friend[1:])
            case events.Invited(room=room, username=username):
                self.note("invited_by", username=username, room=room.room)
            case events.Removed(room=name, reason=reason):
                self._removed(name, f"removed.{reason}")
        self.on_frame(told)
        self.on_change()

    def _removed(self, name: str, key: str) -> None:
        """A room is ours no longer: nobody should go on looking at it."""
        if self.state.current == name:
            self.switch("")
        self.note(key if words.knows(key) else "removed.kick", error=True, room=name)

    def _stands(self, standing: Standing, retry_at: float) -> None:
        self.state.link, self.state.retry_at = standing, retry_at
        self.on_change()

    async def _reach(self) -> None:
        """A server hangs up on those who say nothing for long, such as a login form."""
        if self._link is None:
            raise Refused("not_connected")
        if not self._link.up:
            await self._link.open()

    def _open_outbox(self) -> None:
        assert self._link is not None
        try:
            self._outbox = Outbox(self._outboxes, self.state.username, self.state.server)
            self._courier = Courier(
                self.state, self._link, self._outbox, self.ask, self.enter, lambda: self.on_change()
            )
        except OutboxFailed as error:
            raise Refused("outbox_failed", {"reason": str(error)}) from None
        self._lasting.append(asyncio.create_task(self._courier.run()))

    def _begun(self) -> None:
        """A session has begun on this connection."""
        assert self._link is not None
        assert self._courier is not None
        self._link.settled()
        self._stands(Standing.LOGGED_IN, 0.0)
        self.state.encrypted = self._link.encrypted
        self._present.set()
        self._catchup.check()
        self._courier.resume()
        self.spawn(self._list_rooms())

    async def _keep(self) -> None:
        """Whenever the connection is lost, get it back."""
        assert self._link is not None
        while True:
            await self._link.lost()
            self._present.clear()
            self._catchup.stop()
            if self._link.reason in ENDED:
                self._expelled(self._link.reason)
                return
            try:
                await self._link.reopen()
                async with asyncio.timeout(self._link.pace.answer):
                    await self._resume()
                self._begun()
            except Barred as error:
                self.note_error(error)
                return
            except (Lost, TimeoutError):
                self._link.failed()
            except Refused as error:
                if error.code in ("wrong_password", "unknown_user", *ENDED):
                    self._expelled("login_again")
                    return
                self._link.hold(error)
                self._link.failed()

    async def _resume(self) -> None:
        inside = [one.name for one in self.state.conversations.values() if one.entered]
        username = self.state.username
        try:
            session = await self.ask(requests.Resume(id=0, token=self._token))
        except Refused as error:
            if error.code != "bad_token":
                raise
            session = await self.ask(requests.Login(id=0, username=username, password=self._password))
        self._token = expect(session, responses.Session).token
        for name in inside:
            if not self.state.conversations[name].entered:
                await self._enter_again(name)

    async def _enter_again(self, name: str) -> None:
        try:
            await self.enter(name)
        except Refused as error:
            self.note_error(error)

    def _expelled(self, key: str) -> None:
        """The session was ended elsewhere: somebody has to log in again."""
        self._forget()
        apply.logged_out(self.state)
        self._stands(Standing.ONLINE if self._link and self._link.up else Standing.OFFLINE, 0.0)
        self.note(key, error=True)

    def _forget(self) -> None:
        """Nobody is logged in any more."""
        self._token = self._password = ""
        if self.saving is not None:
            self.saving.cancel()
        self._present.clear()
        self._catchup.stop()
        self._seen.clear()
        for task in self._lasting:
            task.cancel()
        self._lasting.clear()
        if self._outbox is not None:
            self._outbox.close()
        self._outbox = self._courier = None

    async def _list_rooms(self) -> None:
        await self.insist(requests.ListRooms(id=0))

    async def _list_members(self, name: str) -> None:
        await self.insist(requests.ListMembers(id=0, room=name))

    def _check_roster(self, room: values.Room) -> None:
        """Somebody took or gave up a seat."""
        roster = self.state.conversations[room.room].roster
        if roster and len(roster) != room.members:
            self.spawn(self._list_members(room.room))

    async def _load_older(self, name: str, first: int) -> None:
        if first:
            await self.insist(requests.History(id=0, conversation=name, before=first))
        else:
            await self.insist(requests.History(id=0, conversation=name))

    async def _tell_read(self) -> None:
        await asyncio.sleep(READ_PAUSE)
        seen, self._seen = self._seen, {}
        for name, seq in seen.items():
            await self.insist(requests.Read(id=0, conversation=name, seq=seq))


def expect(answer: responses.AnyResponse, kind: type[Answer]) -> Answer:
    """The answer as what it has to be.

    Raises ``Refused``: a server that says something else is none of ours.
    """
    if not isinstance(answer, kind):
        raise Refused("no_chat_server", {"server": ""})
    return answer


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
