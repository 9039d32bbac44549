"""A connection on which somebody is logged in, and stays so: connect, log in, come back, log out.

After every new connection the same steps are taken (``_resume``): the kept token opens the session again, or
the password where the token is no longer good, and what the server undid meanwhile is done again. ``Chat``
stands on top of this; it says what a beginning, an interruption and an end of the session mean to it.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TypeVar

from chatroom.client import background
from chatroom.client.core.outbox_sender import retry_delay
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState
from chatroom.client.model.state import ConnectionState as Standing
from chatroom.client.net import address
from chatroom.client.net.address import AddressError, ServerAddress
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers, UntrustedServer
from chatroom.client.net.reconnect import ReconnectingConnection, Timeouts
from chatroom.protocol import events, requests, responses, wire
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.invitation import Invitation, InvitationError

FAREWELL = 2.0
"""Seconds that leaving may take. What has no answer then waits on the disk for the next login."""

ENDED = frozenset({"session_ended", "account_disabled"})
"""Codes after which the server does not want this session back, and nobody should log in again unasked."""

FAILURE_PAUSE = 10.0
"""Seconds. Of the unexpected errors in this time the first is shown; all are in the log file."""

TRY_LATER = frozenset({"rate_limited", "unavailable"})

Answer = TypeVar("Answer", bound=responses.Response)


class Session(ABC):
    """The hook ``on_change`` is the front end's to set; it hears whenever the state is another."""

    def __init__(self, state: ClientState, trust: KnownServers, pace: Timeouts | None) -> None:
        self.state = state
        self.on_change: Callable[[], None] = lambda: None
        self._trust = trust
        self._pace = pace or Timeouts()
        self._link: ReconnectingConnection | None = None
        self._token = ""
        self._password = ""
        self._invitation = ServerAddress()
        self._tasks: set[asyncio.Task[None]] = set()
        self._present = asyncio.Event()  # somebody is logged in, on a connection that works
        self._lasting: list[asyncio.Task[None]] = []  # as long as somebody is logged in
        self._failure_at = -FAILURE_PAUSE
        self._stop_observing = background.observe(self._tell_failure)

    # For ``Chat`` to say

    @abstractmethod
    def _receive(
        self, asked: requests.AnyRequest | None, told: responses.AnyResponse | events.AnyEvent
    ) -> None:
        """Whatever the server says, in its order; an answer comes with what it answers."""

    @abstractmethod
    def _begun(self) -> None:
        """A session has begun, or goes on, on this connection."""

    @abstractmethod
    def _interrupted(self) -> None:
        """The connection is lost, or the session is over."""

    @abstractmethod
    async def _return(self, inside: list[str]) -> None:
        """Before a session goes on: do again what the server has undone meanwhile.

        ``inside``: the conversations that it has left for us, and of which I am still a member.
        """

    @abstractmethod
    def _seats_lost(self, rooms: list[str]) -> None:
        """The session goes on, and in these rooms I am no longer a member."""

    @abstractmethod
    def note_error(self, error: Refused | ConnectionLost) -> None:
        """Tell the user what went wrong."""

    @abstractmethod
    async def settled(self) -> None:
        """Wait until nothing is under way that leaving would cut off."""

    # What one can do

    async def connect(self, to: ServerAddress | str) -> None:
        """Open the connection. Raises ``Refused`` with a code of the client's own when that does not work."""
        place = where(to) if isinstance(to, str) else to
        self.heed(place)
        if self._link is not None:
            self._link.close()
        self.state.server = place.server
        self._link = ReconnectingConnection(
            place, self._trust, self._receive, self._stands, self._measured, self._pace
        )
        await self._link.connect_once()
        self.state.encrypted = self._link.encrypted
        self.on_change()

    def heed(self, place: ServerAddress) -> None:
        """Keep in mind what an invitation says: which certificate the server has, and what opens its doors.

        Raises ``Refused`` if it contradicts what is known of the server.
        """
        if place.fingerprint:
            self._trust.trust_fingerprint(place, place.fingerprint)
        if place.code:
            self._invitation = place

    def invitation(self, room: str, code: str) -> Invitation:
        """What somebody else can type to come here, by the way that we came. Raises ``ConnectionLost``."""
        if self._link is None:
            raise ConnectionLost
        place = self._link.address
        fingerprint = self._trust.known_fingerprint(place)
        return Invitation(place.host, place.port, fingerprint, room.removeprefix("#"), code)

    async def register(self, username: str, password: str) -> None:
        """Make an account. Raises ``Refused``."""
        await self._reach()
        frame = requests.Register(id=0, username=username, password=password, invitation=self._code())
        await self.ask(frame)

    async def login(self, username: str, password: str) -> None:
        """Log in, and stay so over lost connections. Raises ``Refused``."""
        await self._reach()
        session = await self.ask(requests.Login(id=0, username=username, password=password))
        self._token, self._password = expect(session, responses.Session).token, password
        self._lasting.append(background.keep_running(self._keep))

    async def change_password(self, password: str, new_password: str) -> None:
        """Take a new password; the account's other sessions end. Raises ``Refused``."""
        await self.ask(requests.ChangePassword(id=0, password=password, new_password=new_password))
        self._password = new_password

    async def logout(self) -> None:
        """Back to the login. What is not confirmed waits on the disk for the next time."""
        self._forget()
        try:
            async with asyncio.timeout(FAREWELL):
                await self.ask(requests.Logout(id=0))
        except (ConnectionLost, Refused, TimeoutError):
            await self._drop()  # whoever logs in next must not find the server thinking it is still us
            apply.logged_out(self.state)
        self._stands_without_session()

    async def close(self) -> None:
        """End everything in good order: see what was said through to its answer if that is soon, log out."""
        if self._present.is_set():
            with suppress(TimeoutError, ConnectionLost, Refused):
                async with asyncio.timeout(FAREWELL):
                    await self.settled()
                    await self.ask(requests.Logout(id=0))
        self._forget()
        if self._link is not None:
            self._link.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self._link.wait_until_lost()
            self._link.drop_connection()
        for task in list(self._tasks):
            task.cancel()
        self._stop_observing()

    async def back(self) -> None:
        """Wait until the session goes on. Raises ``ConnectionLost`` once nobody is logged in any more."""
        if self._link is None or not self._token:
            raise ConnectionLost
        if not self._link.is_connected:
            self._present.clear()
        await self._present.wait()

    async def ask(self, frame: requests.AnyRequest, *, apart: bool = False) -> responses.AnyResponse:
        """Ask the server; ``apart``, the answer does not touch the state. Raises ``Refused`` or
        ``ConnectionLost``."""
        if self._link is None:
            raise ConnectionLost
        limits = self.state.limits
        if limits is not None and len(wire.encode_frame(frame)) > limits.line > 0:  # the server would hang up
            raise Refused("line_too_long", {"limit": limits.line})
        answer = await self._link.request(frame, update_state=not apart)
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
                await asyncio.sleep(retry_delay(error))

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something beside; what goes wrong becomes a note."""
        task = background.start(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Inside

    def _tell_failure(self, error: BaseException) -> None:
        """Something went wrong that should not be possible: say so, but not for each of many."""
        now = time.monotonic()
        if now - self._failure_at >= FAILURE_PAUSE:
            self._failure_at = now
            self.note_error(Refused("internal_error", background.facts_of(error)))

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ConnectionLost:
            pass  # what only completes the picture is asked for again in the next session
        except Refused as error:
            self.note_error(error)

    def _code(self, conversation: str = "") -> str | UnsetType:
        """The code of an invitation to this server and, if one is named, to this conversation."""
        to = self._invitation
        if to.code and to.server == self.state.server and conversation in ("", to.conversation):
            return to.code
        return UNSET

    async def _reach(self) -> None:
        """A server hangs up on those who say nothing for long, such as a login form."""
        if self._link is None:
            raise Refused("not_connected")
        if not self._link.is_connected:
            await self._link.connect_once()

    def _begin(self) -> None:
        assert self._link is not None
        self._link.connection_proven()
        self._stands(Standing.LOGGED_IN, 0.0)
        self.state.encrypted = self._link.encrypted
        self._present.set()
        self._begun()

    async def _keep(self) -> None:
        """Whenever the connection is lost, get it back."""
        assert self._link is not None
        while True:
            await self._link.wait_until_lost()
            self._present.clear()
            self._interrupted()
            if self._link.close_reason in ENDED:
                self._expelled(self._link.close_reason)
                return
            try:
                await self._link.connect_until_works()
                async with asyncio.timeout(self._link.pace.answer):
                    await self._resume()
                self._begin()
            except UntrustedServer as error:
                self.note_error(error)
                return
            except (ConnectionLost, TimeoutError):
                self._link.connection_failed()
            except Refused as error:
                if error.code in ("wrong_password", "unknown_user", *ENDED):
                    self._expelled("login_again")
                    return
                self._link.delay_reconnect(error)
                self._link.connection_failed()
            except Exception:  # a mistake of ours: begin anew with another connection
                self._link.connection_failed()
                raise

    async def _resume(self) -> None:
        conversations = self.state.conversations
        inside = [one.name for one in conversations.values() if one.entered]
        seats = [one.name for one in conversations.values() if one.is_room and one.member]
        username = self.state.username
        try:
            session = await self.ask(requests.Resume(id=0, token=self._token))
        except Refused as error:
            if error.code != "bad_token":
                raise
            session = await self.ask(requests.Login(id=0, username=username, password=self._password))
        self._token = expect(session, responses.Session).token
        self._seats_lost([name for name in seats if not select.has_seat(self.state, name)])
        left = [name for name in inside if select.has_seat(self.state, name)]
        await self._return([name for name in left if not conversations[name].entered])

    def _expelled(self, code: str) -> None:
        """The session was ended elsewhere: somebody has to log in again."""
        self._forget()
        apply.logged_out(self.state)
        self._stands_without_session()
        self.note_error(Refused(code))

    def _forget(self) -> None:
        """Nobody is logged in any more."""
        self._token = self._password = ""
        self._present.clear()
        self._interrupted()
        for task in self._lasting:
            task.cancel()
        self._lasting.clear()

    async def _drop(self) -> None:
        if self._link is not None:
            self._link.drop_connection()
            await self._link.wait_until_lost()

    def _stands_without_session(self) -> None:
        self._stands(Standing.ONLINE if self._link and self._link.is_connected else Standing.OFFLINE, 0.0)

    def _stands(self, standing: Standing, retry_at: float) -> None:
        self.state.link, self.state.retry_at = standing, retry_at
        self.on_change()

    def _measured(self, lag: float) -> None:
        self.state.lag = lag
        self.on_change()


def where(typed: str) -> ServerAddress:
    """Where somebody wants to go. Raises ``Refused``."""
    try:
        return address.parse_address(typed)
    except AddressError:
        raise Refused("bad_address", {"address": typed}) from None
    except InvitationError as error:
        raise Refused(f"bad_invitation.{error.reason}", error.facts) from None


def expect(answer: responses.AnyResponse, kind: type[Answer]) -> Answer:
    """The answer as what it has to be.

    Raises ``Refused``: a server that says something else is none of ours.
    """
    if not isinstance(answer, kind):
        raise Refused("no_chat_server", {"server": ""})
    return answer
