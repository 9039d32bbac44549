"""Logging in, staying logged in over lost connections, and logging out.

After each new connection the token resumes the session; if the server no longer accepts the token, the
password logs in again. If the user stays logged in, the token is kept for the next start.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Protocol

from chatroom.client import background
from chatroom.client.core.notes import Notes
from chatroom.client.core.requester import Requester, expect
from chatroom.client.model import apply, select
from chatroom.client.model.state import ClientState, ConnectionState
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import UntrustedServer
from chatroom.client.storage.kept_logins import KeptLogin, KeptLogins, account_key
from chatroom.protocol import requests, responses

LOGOUT_TIMEOUT = 2.0
"""Seconds for logging out. Messages without an answer by then stay on the disk until the next login."""

ENDED = frozenset({"session_ended", "account_disabled"})
"""Codes after which the client must not log in again by itself."""


class SessionObserver(Protocol):
    """What depends on the session: ``App``."""

    def session_started(self, *, resumed: bool) -> None:
        """The user is logged in on a working connection."""

    def session_interrupted(self) -> None:
        """The connection is lost, or the session has ended."""

    async def restore_session(self, lost_rooms: list[str], entered: list[str]) -> None:
        """Before a session continues: do again what the server has undone.

        ``lost_rooms``: rooms in which the user is no longer a member. ``entered``: conversations that the
        user had entered and the server has left. Raises ``Refused`` or ``ConnectionLost``.
        """

    def session_ended(self) -> None:
        """The user is being logged out; the state and the session still have the account's data."""


class Session:
    """The login of one account."""

    def __init__(
        self,
        state: ClientState,
        requests: Requester,
        notes: Notes,
        observer: SessionObserver,
        logins: KeptLogins,
    ) -> None:
        self._state = state
        self._requests = requests
        self._notes = notes
        self._observer = observer
        self._logins = logins
        self._account = ""  # its key among the kept logins
        self._login_id = ""  # the same for all tokens of this login
        self._token = ""
        self._password = ""
        self.friends_cursor = ""  # with further friends than the login listed: where they begin
        self._ready = asyncio.Event()  # logged in, on a working connection
        self._keeper: asyncio.Task[None] | None = None  # while logged in

    @property
    def password(self) -> str:
        """The password of the account; empty if no account is logged in, or by a kept login."""
        return self._password

    @property
    def is_ready(self) -> bool:
        """Whether an account is logged in on a working connection."""
        return self._ready.is_set()

    async def register(self, username: str, password: str) -> None:
        """Create an account. Raises ``Refused``."""
        await self._requests.ensure_connected()
        _check_length(self._state, password)
        code = self._requests.invitation_code()
        await self._requests.ask(
            requests.Register(id=0, username=username, password=password, invitation=code)
        )

    async def login(self, username: str, password: str) -> None:
        """Log in, and stay logged in over lost connections. Raises ``Refused``."""
        await self._requests.ensure_connected()
        await self._log_in(username, password)
        self._password = password
        self._keeper = background.keep_running(self._keep_logged_in)
        self._start(resumed=False)

    async def continue_login(self, username: str) -> bool:
        """Log in with the token of a kept login. Return whether the server accepts one.

        Raises ``Refused`` if it could not be asked; then the login is still kept.
        """
        await self._requests.ensure_connected()
        self._account = account_key(self._requests.connection.address.canonical, username)
        answer, tried = None, ""
        while answer is None:
            login = self._logins.find_login(self._account)
            if login is None or login.token == tried:
                return False
            self._login_id, tried = login.id, login.token
            answer = await self._exchange_token(tried)
        self._session_resumed(answer)
        self._keeper = background.keep_running(self._keep_logged_in)
        self._start(resumed=False)
        return True

    def keep_login(self) -> None:
        """Keep the login for the next start, or forget every login, as the user has chosen."""
        if not self._logins.enabled:
            self._logins.forget_all()
        elif self._token:
            self._logins.keep_login(self._account, KeptLogin(self._login_id, self._token))

    @property
    def is_kept(self) -> bool:
        """Whether this login continues at the next start."""
        return self._kept_login() is not None

    def _kept_login(self) -> KeptLogin | None:
        """Return this login as it is kept; another client may have replaced its token."""
        login = self._logins.find_login(self._account) if self._login_id else None
        return login if login is not None and login.id == self._login_id else None

    async def _log_in(self, username: str, password: str) -> None:
        answer = await self._requests.ask(requests.Login(id=0, username=username, password=password))
        session = expect(answer, responses.Session)
        self._account = account_key(self._requests.connection.address.canonical, username)
        self._login_id = secrets.token_hex(8)
        self._token, self.friends_cursor = session.token, session.friends_cursor or ""
        self.keep_login()

    async def _exchange_token(self, token: str) -> responses.Session | None:
        """Return the answer to a token. A token that is void is forgotten, and the answer is ``None``."""
        try:
            answer = await self._requests.ask(requests.Resume(id=0, token=token))
        except Refused as error:
            if error.code != "bad_token":
                raise
            self._logins.forget_login(self._account, token)
            return None
        self._token = token
        return expect(answer, responses.Session)

    def _session_resumed(self, answer: responses.Session) -> None:
        """Use the new token once it is stored. Until then the old one is used, which stays valid."""
        self.friends_cursor = answer.friends_cursor or ""
        if self._logins.replace_token(self._account, KeptLogin(self._login_id, answer.token)):
            self._token = answer.token

    async def change_password(self, password: str, new_password: str) -> None:
        """Change the account's password; its other sessions end. Raises ``Refused``."""
        _check_length(self._state, new_password)
        await self._requests.ask(requests.ChangePassword(id=0, password=password, new_password=new_password))
        self._password = new_password

    async def delete_account(self, password: str) -> None:
        """Delete the account on the server, and log out. Raises ``Refused`` or ``ConnectionLost``."""
        await self._requests.ask(requests.DeleteAccount(id=0, password=password))
        self._logins.forget_login(self._account)
        self._end()
        apply.logged_out(self._state)
        self._show_logged_out()

    async def logout(self) -> None:
        """Log out and keep the connection for the next login."""
        self._logins.forget_login(self._account)
        self._end()
        try:
            async with asyncio.timeout(LOGOUT_TIMEOUT):
                await self._requests.ask(requests.Logout(id=0))
        except (ConnectionLost, Refused, TimeoutError):
            with suppress(ConnectionLost):  # else the next login would meet a session that is still open
                self._requests.connection.drop_connection()
                await self._requests.connection.wait_until_lost()
            apply.logged_out(self._state)
        self._show_logged_out()

    async def close(self) -> None:
        """End the session on this side and close the connection."""
        self._end()
        with suppress(ConnectionLost):
            connection = self._requests.connection
            connection.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOGOUT_TIMEOUT):
                    await connection.wait_until_lost()
            connection.drop_connection()

    async def wait_until_ready(self) -> None:
        """Wait until a lost session continues. Raises ``ConnectionLost`` if no account is logged in."""
        if not self._token:
            raise ConnectionLost
        if not self._requests.is_connected:
            self._ready.clear()
        await self._ready.wait()

    async def fetch_history(self, frame: requests.History | requests.Export) -> responses.History:
        """Fetch a page that is not applied to the state, over lost connections as well.

        Raises ``Refused``; ``ConnectionLost`` if the session ends.
        """
        while True:
            try:
                answer = await self._requests.ask_with_retry(frame, update_state=False)
                return expect(answer, responses.History)
            except ConnectionLost:
                await self.wait_until_ready()

    def _start(self, *, resumed: bool) -> None:
        self._requests.connection.connection_proven()
        self._state.encrypted = self._requests.connection.encrypted
        self._requests.set_connection_state(ConnectionState.LOGGED_IN)
        self._ready.set()
        self._observer.session_started(resumed=resumed)

    async def _keep_logged_in(self) -> None:
        """Reconnect and resume the session each time the connection is lost."""
        connection = self._requests.connection
        while True:
            await connection.wait_until_lost()
            self._ready.clear()
            self._observer.session_interrupted()
            if connection.close_reason in ENDED:
                self._expire(connection.close_reason)
                return
            try:
                await connection.connect_until_works()
                async with asyncio.timeout(connection.timeouts.answer):
                    await self._resume()
                self._start(resumed=True)
            except UntrustedServer as error:
                self._notes.show_error(error)
                return
            except (ConnectionLost, TimeoutError):
                connection.connection_failed()
            except Refused as error:
                if error.code in ("wrong_password", "unknown_user", "login_expired", *ENDED):
                    self._expire("login_again" if self._password else "login_expired")
                    return
                connection.delay_reconnect(error)
                connection.connection_failed()
            except Exception:  # a bug: start again with another connection
                connection.connection_failed()
                raise

    async def _resume(self) -> None:
        conversations = self._state.conversations
        entered = [conversation.name for conversation in conversations.values() if conversation.entered]
        seats = [
            conversation.name
            for conversation in conversations.values()
            if conversation.is_room and conversation.member
        ]
        username = self._state.username
        answer = await self._exchange_token(self._token)
        if answer is None and (login := self._kept_login()) is not None:
            answer = await self._exchange_token(login.token)
        if answer is not None:
            self._session_resumed(answer)
        elif self._password:
            await self._log_in(username, self._password)
        else:
            raise Refused("login_expired")
        lost_rooms = [name for name in seats if not select.has_seat(self._state, name)]
        still_seated = [name for name in entered if select.has_seat(self._state, name)]
        await self._observer.restore_session(
            lost_rooms, [name for name in still_seated if not conversations[name].entered]
        )

    def _expire(self, code: str) -> None:
        """The server has ended the session: the user has to log in again."""
        self._end()
        apply.logged_out(self._state)
        self._show_logged_out()
        self._notes.show_error(Refused(code))

    def _end(self) -> None:
        self._observer.session_ended()
        self._token = self._password = self._login_id = ""
        self._ready.clear()
        self._observer.session_interrupted()
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None

    def _show_logged_out(self) -> None:
        is_connected = self._requests.is_connected
        self._requests.set_connection_state(
            ConnectionState.ONLINE if is_connected else ConnectionState.OFFLINE
        )


def _check_length(state: ClientState, password: str) -> None:
    """Raise ``Refused`` if a new password is too long; the server does not say which limit is missed."""
    limits = state.limits
    if limits is not None and len(password.encode()) > limits.password[1]:
        raise Refused("password_too_long", {"most": limits.password[1]})
