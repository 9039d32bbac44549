"""Requests to the server, over a connection that reconnects after a loss."""

import asyncio
from typing import TypeVar

from msgspec.structs import replace

from chatroom.client.core.front_end import FrontEnd
from chatroom.client.model.state import ClientState, ConnectionState
from chatroom.client.net import address
from chatroom.client.net.address import AddressError, ServerAddress
from chatroom.client.net.connection import ConnectionLost, FrameReceiver, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import ReconnectingConnection, Timeouts
from chatroom.protocol import requests, responses, wire
from chatroom.protocol.frame import UNSET, UnsetType
from chatroom.protocol.invitation import Invitation, InvitationError

TRY_LATER = frozenset({"rate_limited", "unavailable"})
"""Codes after which ``ask_with_retry`` sends the request again."""

MAX_PAGES = 1000
"""Pages of one list; a server without an end of its lists would fill the memory."""

Answer = TypeVar("Answer", bound=responses.Response)


class Requester:
    """Owns the connection to the server.

    ``receive`` gets every frame of the server in order; a response comes with its request.
    """

    def __init__(
        self,
        state: ClientState,
        known_servers: KnownServers,
        front_end: FrontEnd,
        receive: FrameReceiver,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self._state = state
        self._known_servers = known_servers
        self._front_end = front_end
        self._receive = receive
        self._connection: ReconnectingConnection | None = None
        self._invitation = ServerAddress()

    @property
    def connection(self) -> ReconnectingConnection:
        """The connection, which may be lost. Raises ``ConnectionLost`` if there never was one."""
        if self._connection is None:
            raise ConnectionLost
        return self._connection

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_connected

    async def connect(self, to: ServerAddress | str) -> None:
        """Open a connection. Raises ``Refused`` with a code of the client's own."""
        place = parse_server_address(to) if isinstance(to, str) else to
        self.remember_invitation(place)
        if self._connection is not None:
            self._connection.close()
        self._state.server = place.server
        self._connection = ReconnectingConnection(
            place,
            self._known_servers,
            self._receive,
            self.set_connection_state,
            self._set_lag,
            self.timeouts,
        )
        await self._connection.connect_once()
        self._state.encrypted = self._connection.encrypted
        self._front_end.state_changed()

    async def ensure_connected(self) -> None:
        """Connect again if the server has closed the connection, as it does while a login form is open."""
        if self._connection is None:
            raise Refused("not_connected")
        if not self._connection.is_connected:
            await self._connection.connect_once()

    def remember_invitation(self, place: ServerAddress) -> None:
        """Keep the certificate's fingerprint and the code of an invitation.

        Raises ``Refused`` if the fingerprint contradicts the one that is known of the server.
        """
        if place.fingerprint:
            self._known_servers.trust_fingerprint(place, place.fingerprint)
        if place.code:
            self._invitation = place

    def invitation_code(self, conversation: str = "") -> str | UnsetType:
        """Return the code of the invitation to this server and, if one is named, this conversation."""
        place = self._invitation
        if place.code and place.server == self._state.server and conversation in ("", place.conversation):
            return place.code
        return UNSET

    def make_invitation(self, room: str, code: str) -> Invitation:
        """Return an invitation with the server's address and fingerprint. Raises ``ConnectionLost``."""
        place = self.connection.address
        fingerprint = self._known_servers.known_fingerprint(place)
        return Invitation(place.host, place.port, fingerprint, room.removeprefix("#"), code)

    async def ask(self, frame: requests.AnyRequest, *, update_state: bool = True) -> responses.AnyResponse:
        """Send a request and return its response. Raises ``Refused`` or ``ConnectionLost``.

        ``update_state``: whether ``receive`` gets the response, so that it is applied to the state.
        """
        connection, limits = self.connection, self._state.limits
        if limits is not None and len(wire.encode_frame(frame)) > limits.line > 0:  # the server would hang up
            raise Refused("line_too_long", {"limit": limits.line})
        answer = await connection.request(frame, update_state=update_state)
        if isinstance(answer, responses.Error):
            raise Refused(answer.code, answer.details)
        return answer

    async def ask_with_retry(
        self, frame: requests.AnyRequest, *, update_state: bool = True
    ) -> responses.AnyResponse:
        """As ``ask``, for idempotent requests: retry after the time that the server asks for."""
        while True:
            try:
                return await self.ask(frame, update_state=update_state)
            except Refused as error:
                if error.code not in TRY_LATER:
                    raise
                await asyncio.sleep(retry_delay(error))

    async def ask_all_pages(
        self, frame: requests.AnyListRequest, *, retry: bool = False
    ) -> list[responses.AnyResponse]:
        """Request a list, with its further pages. Raises ``Refused`` or ``ConnectionLost``."""
        ask = self.ask_with_retry if retry else self.ask
        pages = [await ask(frame)]
        while cursor := _next_cursor(pages):
            pages.append(await self.ask_with_retry(replace(frame, cursor=cursor)))
        return pages

    def set_connection_state(self, connection_state: ConnectionState, retry_at: float = 0.0) -> None:
        """Record the state of the connection. ``retry_at`` is when the next attempt is made."""
        self._state.link, self._state.retry_at = connection_state, retry_at
        self._front_end.state_changed()

    def _set_lag(self, lag: float) -> None:
        self._state.lag = lag
        self._front_end.state_changed()


def parse_server_address(typed: str) -> ServerAddress:
    """Return the address that the user typed. Raises ``Refused``."""
    try:
        return address.parse_address(typed)
    except AddressError:
        raise Refused("bad_address", {"address": typed}) from None
    except InvitationError as error:
        raise Refused(f"bad_invitation.{error.reason}", error.facts) from None


def _next_cursor(pages: list[responses.AnyResponse]) -> str:
    """Return the cursor of the next page; empty at the end of the list, or of what a list may hold."""
    last = pages[-1]
    cursor = last.cursor if isinstance(last, responses.ListResponse) else UNSET
    return cursor or "" if len(pages) < MAX_PAGES else ""


def expect(answer: responses.AnyResponse, kind: type[Answer]) -> Answer:
    """Return a response as the kind that it must be. Raises ``Refused`` if it is another."""
    if not isinstance(answer, kind):
        raise Refused("no_chat_server", {"server": ""})
    return answer


def retry_delay(error: Refused, otherwise: float = 1.0) -> float:
    """Return how many seconds the server asks to wait before the next attempt."""
    wait = error.details.get("retry_after")
    return float(wait) if isinstance(wait, int | float) and 0 <= wait < 3600 else otherwise
