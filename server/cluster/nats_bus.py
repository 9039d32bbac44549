"""The connection to NATS, which carries hints between server processes.

The client library is the extra ``chatroom[cluster]``. If NATS is lost while the server runs, one warning is
logged; frames are dropped until it is back, and ``change_poller`` reads more often.
"""

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chatroom.db import background
from chatroom.protocol.address import host_and_port
from chatroom.server.config.settings import ClusterSettings

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0

START_SECONDS = 3.0
"""Seconds that a start waits for NATS."""

RECONNECT_SECONDS = 0.5
"""Seconds between two attempts to reconnect."""

PING_SECONDS = 2
"""Interval of pings. A NATS that stopped answering is noticed after two of them."""

DEFAULT_PORT = 4222
MAX_QUEUED = 100_000
"""Frames that wait for the socket. Further ones are dropped."""


class ClusterUnusable(Exception):
    """The cluster cannot be used as configured: one sentence for the administrator."""


def server_urls(settings: ClusterSettings) -> list[str]:
    """Return the URLs of the NATS servers. Raises ``ClusterUnusable``."""
    urls = [url.strip() for url in settings.url.split(",")]
    scheme = "nats"
    for place, url in enumerate(urls):
        if "://" not in url:
            urls[place] = url = f"{scheme}://{url}"
        try:
            parsed = urlsplit(url)
            valid = parsed.scheme in ("nats", "tls") and bool(parsed.hostname) and parsed.port != 0
        except ValueError:
            valid = False
        if not valid or parsed.path.strip("/"):
            raise ClusterUnusable("the NATS URL does not parse; it looks like nats://HOST:4222")
        scheme = parsed.scheme
    return urls


def describe_servers(settings: ClusterSettings) -> str:
    """Return the NATS servers without credentials."""
    parsed = [urlsplit(url) for url in server_urls(settings)]
    return ", ".join(host_and_port(url.hostname or "", url.port or DEFAULT_PORT) for url in parsed)


class NatsBus:
    """Sends and receives frames. All methods belong to the loop.

    ``received`` is called with each frame, ``connection_changed`` when the connection is lost or back.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        received: Callable[[bytes], None],
        connection_changed: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._received = received
        self._connection_changed = connection_changed
        self._client: Client | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._refused: asyncio.Future[str] | None = None
        self._failure: Exception | None = None  # of the last attempt to connect
        self._subjects: dict[str, Subscription | None] = {}
        self._queue: deque[tuple[str, bytes | bool]] = deque()  # a frame, or whether to follow the subject
        self._is_filled = asyncio.Event()
        self._is_drained = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lost_at: float | None = time.monotonic()
        self._is_closing = False
        self._is_announced = False  # a warning about the current outage was logged

    @property
    def is_connected(self) -> bool:
        return self._lost_at is None

    def publish(self, subject: str, frame: bytes) -> None:
        """Send a frame. It is dropped if NATS is lost."""
        if self.is_connected and len(self._queue) < MAX_QUEUED:
            self._enqueue(subject, frame)

    def follow(self, subject: str) -> None:
        self._enqueue(subject, True)

    def unfollow(self, subject: str) -> None:
        self._enqueue(subject, False)

    def _enqueue(self, subject: str, item: bytes | bool) -> None:
        self._queue.append((subject, item))
        self._is_drained.clear()
        self._is_filled.set()

    async def open(self, *, may_be_lost: bool) -> None:
        """Connect. With ``may_be_lost``, NATS that cannot be reached now is no error.

        Raises ``ClusterUnusable``.
        """
        where = describe_servers(self._settings)
        self._begin_connecting()
        assert self._connecting is not None
        assert self._refused is not None
        outcomes: list[asyncio.Future[Any]] = [self._connecting, self._refused]
        await asyncio.wait(outcomes, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._refused.done():
            await self.close()
            raise ClusterUnusable(f"NATS at {where} refuses: {self._refused.result()}")
        if self._connecting.done():
            if self._failure is not None:
                raise ClusterUnusable(f"cannot connect to NATS at {where}: {self._failure}")
        elif not may_be_lost:
            await self.close()
            raise ClusterUnusable(f"cannot reach NATS at {where}")
        else:
            self._announce_loss()
        self._task = background.keep_running(asyncio.get_running_loop(), self._run)

    async def _run(self) -> None:
        """Send frames and subscriptions for as long as the server runs."""
        while True:
            with suppress(Exception):
                await self._serve_client()
            self._note_loss()
            await asyncio.sleep(RECONNECT_SECONDS)
            if self._client is None or self._client.is_closed:
                self._begin_connecting()

    async def close(self) -> None:
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._client is not None and not self._client.is_closed:
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await self._client.close()

    async def flush(self) -> None:
        """Wait a moment until NATS has taken the subscriptions, so that nothing is missed from here on."""
        with suppress(Exception):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._is_drained.wait()
                if self._client is not None:
                    await self._client.flush(1)

    def _begin_connecting(self) -> None:
        nats_client, options = _load_client(), self._options()
        self._client = nats_client()
        self._refused = asyncio.get_running_loop().create_future()
        self._subjects = dict.fromkeys(self._subjects)
        self._failure = None
        self._connecting = background.start_task(
            asyncio.get_running_loop(), self._connect(self._client, options)
        )

    async def _connect(self, client: "Client", options: dict[str, Any]) -> None:
        try:
            await client.connect(**options)
        except Exception as error:
            self._failure = error

    def _options(self) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "servers": server_urls(settings),
            "name": "chatroom",
            "no_echo": True,
            "connect_timeout": 2,
            "reconnect_time_wait": RECONNECT_SECONDS,
            "max_reconnect_attempts": -1,
            "ping_interval": PING_SECONDS,
            "max_outstanding_pings": 1,
            "error_cb": self._note_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
        }
        if settings.credentials:
            options["user_credentials"] = settings.credentials
        if settings.ca:
            try:
                options["tls"] = ssl.create_default_context(cafile=settings.ca)
            except (OSError, ssl.SSLError) as error:
                raise ClusterUnusable(f"cannot use {settings.ca}, the cluster.ca: {error}") from None
        return options

    async def _serve_client(self) -> None:
        """Send what is queued, until the client is closed."""
        client = self._client
        assert client is not None
        assert self._connecting is not None
        await asyncio.shield(self._connecting)
        if self._failure is not None:
            raise self._failure
        for subject in list(self._subjects):
            self._subjects[subject] = await client.subscribe(subject, cb=self._on_message)
        self._note_connection()
        while not client.is_closed:
            if not self._queue:
                self._is_filled.clear()
                self._is_drained.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PING_SECONDS):
                        await self._is_filled.wait()
                continue
            subject, item = self._queue.popleft()
            if isinstance(item, bytes):
                if client.is_connected:
                    await client.publish(subject, item)
            else:
                await self._change_subscription(client, subject, item)

    async def _change_subscription(self, client: "Client", subject: str, follows: bool) -> None:
        if follows and subject not in self._subjects:
            self._subjects[subject] = None
            self._subjects[subject] = await client.subscribe(subject, cb=self._on_message)
        elif not follows and (subscription := self._subjects.pop(subject, None)):
            await subscription.unsubscribe()

    async def _on_message(self, message: "Msg") -> None:
        try:
            self._received(message.data)
        except Exception:
            log.exception("a hint could not be applied")

    async def _on_disconnected(self) -> None:
        self._note_loss()

    async def _on_reconnected(self) -> None:
        self._note_connection()

    async def _note_error(self, error: Exception) -> None:
        """Called by the client with each error."""
        reason = str(error).removeprefix("nats: ").strip("'")
        is_refusal = type(error).__name__ in ("AuthorizationError", "InvalidUserCredentialsError")
        if self._refused is not None and not self._refused.done() and (is_refusal or "uthor" in reason):
            self._refused.set_result("the credentials are wrong" if is_refusal else reason)
        log.debug("NATS: %s", reason)

    def _note_loss(self) -> None:
        if self._lost_at is None and not self._is_closing:
            self._lost_at = time.monotonic()
            self._queue = deque(entry for entry in self._queue if isinstance(entry[1], bool))
            self._announce_loss()
            self._connection_changed()

    def _announce_loss(self) -> None:
        self._is_announced = True
        log.warning(
            "NATS at %s is lost: changes of other server processes are polled until it is back",
            describe_servers(self._settings),
        )

    def _note_connection(self) -> None:
        if self._lost_at is None:
            return
        if self._is_announced:
            log.warning("NATS is back, after %.1f s", time.monotonic() - self._lost_at)
        self._lost_at, self._is_announced = None, False
        self._connection_changed()


def check_client() -> None:
    """Raises ``ClusterUnusable`` if the client library is missing."""
    _load_client()


def _load_client() -> "type[Client]":
    try:
        from nats.aio.client import Client
    except ImportError:
        raise ClusterUnusable(
            "--cluster needs a package that is missing: pip install 'chatroom[cluster]'"
        ) from None
    return Client
