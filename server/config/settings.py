"""The server's settings. ``loader`` reads their values.

Each setting is one row: name, type, purpose, default. The row determines its place in the TOML file
(``[limits]``, ``rate = 5``), its environment variable (``CHAT_SERVER_LIMITS_RATE``), its flag
(``--set limits.rate=5``), and its line in ``--show-config``. A limit of 0 is off.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
import platformdirs
from msgspec import Meta, Struct
from sqlalchemy import URL

from chatroom.protocol.address import is_loopback
from chatroom.protocol.frame import MAX_RETENTION_DAYS
from chatroom.server.config.listen_address import ListenAddress, parse_listen_address

Text = Annotated[str, Meta(description="a text")]
Folder = Annotated[Path, Meta(description="a folder")]
Mode = Annotated[Literal["auto", "on", "off"], Meta(description="auto, on or off")]
Registration = Annotated[Literal["open", "invited"], Meta(description="open or invited")]
Level = Annotated[
    Literal["debug", "info", "warning", "error"], Meta(description="debug, info, warning or error")
]
LogFormat = Annotated[Literal["text", "json"], Meta(description="text or json")]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port, 0 to 65535")]
Count = Annotated[int, Meta(ge=0, le=1 << 40, description="a whole number, at least 0")]
Some = Annotated[int, Meta(ge=1, le=1 << 20, description="a whole number, at least 1")]
Amount = Annotated[float, Meta(ge=0, lt=1e9, description="a number, at least 0")]
NameLength = Annotated[int, Meta(ge=1, le=64, description="a whole number, 1 to 64")]  # the columns' width
TopicLength = Annotated[int, Meta(ge=1, le=512, description="a whole number, 1 to 512")]  # as above
PasswordLength = Annotated[int, Meta(ge=1, le=72, description="a whole number, 1 to 72 (bcrypt ends there)")]
Days = Annotated[
    int, Meta(ge=0, le=MAX_RETENTION_DAYS, description=f"a whole number, 0 to {MAX_RETENTION_DAYS}")
]
Cost = Annotated[int, Meta(ge=4, le=31, description="a whole number, 4 to 31")]


class AccountSettings(Struct, frozen=True):
    registration: Annotated[
        Registration, "who may register: open (no invitation needed) or invited (with an invitation)"
    ] = "open"


class DatabaseSettings(Struct, frozen=True):
    url: Annotated[Text, "SQLAlchemy URL; empty means an SQLite file in the data folder"] = ""
    password: Annotated[Text, "password for the URL; best set in the environment or a file"] = ""
    readers: Annotated[Some, "number of reader threads"] = 4
    patience: Annotated[Amount, "seconds that a request waits while the database is unreachable"] = 5.0
    wait: Annotated[Amount, "seconds that a start waits until the database accepts writes"] = 0.0
    disk_warning: Annotated[
        Count, "free bytes below which a warning is logged and search indexing pauses; at most a tenth"
    ] = 1 << 30
    disk_reserve: Annotated[
        Count, "free bytes below which new messages, rooms and accounts are refused; at most a twentieth"
    ] = 64 << 20

    def __repr__(self) -> str:
        """Omit the URL and the password, which a traceback might show."""
        return "DatabaseSettings()"


class ClusterSettings(Struct, frozen=True):
    url: Annotated[Text, "NATS servers that connect the server processes, as nats://HOST:4222[,...]"] = ""
    credentials: Annotated[Text, "file with NATS credentials (.creds); a password may be in the URL"] = ""
    ca: Annotated[Text, "PEM file with the authority that NATS's certificate is checked against"] = ""

    def __repr__(self) -> str:
        """Omit the URL, which may hold a password."""
        return "ClusterSettings()"


class TlsSettings(Struct, frozen=True):
    mode: Annotated[Mode, "auto uses TLS on non-loopback addresses, or if tls.cert is set"] = "auto"
    cert: Annotated[Text, "PEM file with the certificate chain; empty means a self-signed one"] = ""
    key: Annotated[Text, "PEM file with the private key"] = ""


class LimitSettings(Struct):
    """Change in place when the configuration is reloaded (``reload``)."""

    line_before_login: Annotated[Count, "maximum bytes per line before login"] = 4096
    line: Annotated[Count, "maximum bytes per line after login"] = 65536
    text: Annotated[Count, "maximum characters per message"] = 4096
    away: Annotated[Count, "maximum characters of an away message"] = 80
    reactions: Annotated[Count, "maximum reactions per account and message"] = 20
    message_reactions: Annotated[Count, "maximum reactions per message"] = 500
    rate: Annotated[Amount, "messages per second and session, on average"] = 5.0
    burst: Annotated[Amount, "messages per session in a burst"] = 20.0
    requests_rate: Annotated[Amount, "other requests per second and connection, on average"] = 50.0
    requests_burst: Annotated[Amount, "other requests per connection in a burst"] = 100.0
    account_rate: Annotated[Amount, "messages per second and account, on average"] = 10.0
    account_burst: Annotated[Amount, "messages per account in a burst"] = 60.0
    address_rate: Annotated[
        Amount, "messages per second and address, on average, beyond a tenth of each account's rate"
    ] = 100.0
    address_burst: Annotated[Amount, "messages per address in a burst"] = 1500.0
    messages_per_day: Annotated[Amount, "messages per day and account"] = 50_000.0
    bytes_per_day: Annotated[Amount, "bytes of message text per day and account"] = float(64 << 20)
    account_requests_rate: Annotated[
        Amount, "other requests per second and account, on average; a change counts as several"
    ] = 100.0
    account_requests_burst: Annotated[Amount, "other requests per account in a burst"] = 1500.0
    address_requests_rate: Annotated[
        Amount, "other requests per second and address, on average, beyond a tenth of each account's rate"
    ] = 250.0
    address_requests_burst: Annotated[Amount, "other requests per address in a burst"] = 5000.0
    typing_rate: Annotated[Amount, "typing hints per second and session, on average"] = 1.0
    typing_burst: Annotated[Amount, "typing hints per session in a burst"] = 5.0
    input_rate: Annotated[
        Amount,
        "input lines per second and connection, on average; each 2 KiB of a line count as one more",
    ] = 500.0
    input_burst: Annotated[Amount, "input lines per connection in a burst"] = 1000.0
    address_input_rate: Annotated[
        Amount, "input lines per second and address, beyond 60 per second for each connection"
    ] = 2000.0
    address_input_burst: Annotated[Amount, "input lines per address in a burst"] = 8000.0
    connections_per_address: Annotated[Count, "maximum connections per address"] = 64
    new_connections_per_minute: Annotated[Count, "new connections per minute and address"] = 128
    registrations_per_minute: Annotated[Amount, "new accounts per minute and address, on average"] = 10.0
    registrations_burst: Annotated[Amount, "new accounts per address in a burst"] = 40.0
    login_timeout: Annotated[Amount, "seconds until a connection must log in"] = 30.0
    handshake_timeout: Annotated[Amount, "seconds until the TLS handshake must be done"] = 10.0
    ping_interval: Annotated[Amount, "seconds of silence before the first TCP keepalive probe"] = 30.0
    dead_after: Annotated[Amount, "seconds without an answer until a connection counts as lost"] = 75.0
    outbox_bytes: Annotated[Count, "maximum bytes of events queued for a slow client"] = 1 << 20
    outbox_stall: Annotated[Amount, "seconds without progress until a slow client is disconnected"] = 10.0
    memory: Annotated[
        Count, "maximum bytes that wait for all clients together; then the slowest is disconnected"
    ] = 256 << 20
    password_attempts: Annotated[Count, "wrong passwords per minute, account and address"] = 5
    linger: Annotated[Amount, "seconds that an account stays in its rooms after its connection is lost"] = (
        60.0
    )
    page: Annotated[Count, "maximum messages per page of history or search"] = 100
    export_page: Annotated[Count, "maximum messages per page of an export (/save)"] = 2000
    export_rate: Annotated[Amount, "export pages per second and connection, on average"] = 100.0
    export_burst: Annotated[Amount, "export pages per connection in a burst"] = 20.0
    answer_bytes: Annotated[Count, "maximum bytes per answer, except that one message always fits"] = 1 << 20
    capacity: Annotated[Count, "maximum seats per room"] = 10_000
    rooms: Annotated[Count, "maximum rooms owned per account"] = 1000
    friends: Annotated[Count, "maximum friends that an account may add"] = 1000
    username_min: Annotated[NameLength, "minimum characters of a user name"] = 2
    username_max: Annotated[NameLength, "maximum characters of a user name"] = 10
    room_min: Annotated[NameLength, "minimum characters of a room name"] = 1
    room_max: Annotated[NameLength, "maximum characters of a room name"] = 32
    topic: Annotated[TopicLength, "maximum characters of a room topic"] = 200
    nickname_min: Annotated[NameLength, "minimum characters of a nickname"] = 1
    nickname_max: Annotated[NameLength, "maximum characters of a nickname"] = 32


class PasswordSettings(Struct, frozen=True):
    min: Annotated[PasswordLength, "minimum characters of a password"] = 6
    max: Annotated[PasswordLength, "maximum bytes of a password"] = 72
    bcrypt_cost: Annotated[Cost, "bcrypt cost; each step doubles the time to hash a password"] = 12
    threads: Annotated[Some, "number of threads that hash passwords"] = 2
    queue: Annotated[Amount, "maximum seconds that a login waits for hashing"] = 10.0


class RetentionSettings(Struct, frozen=True):
    days: Annotated[Days, "days after which messages are removed; 0 keeps them; a room may keep fewer"] = 0


class HttpSettings(Struct, frozen=True):
    listen: Annotated[Text, "HTTP for machines on HOST:PORT or unix:PATH; empty means none"] = ""
    token: Annotated[Text, "bearer token that /metrics needs; required beyond this machine"] = ""

    def __repr__(self) -> str:
        """Omit the token, which a traceback might show."""
        return "HttpSettings()"


class ProxySettings(Struct, frozen=True):
    trusted: Annotated[
        Text, "proxies that send the PROXY protocol: addresses, networks or unix, with commas between them"
    ] = ""


class TokenSettings(Struct, frozen=True):
    days: Annotated[Some, "days until a session token expires"] = 30


class ServerConfig(Struct, frozen=True):
    host: Annotated[Text, "address to listen on; empty means all addresses"] = "127.0.0.1"
    port: Annotated[Port, "port to listen on; 0 means any free port"] = 7878
    listen: Annotated[
        Text, "instead of host and port: HOST:PORT or unix:PATH, several with commas between them"
    ] = ""
    data: Annotated[Folder, "folder for the database, certificate and socket"] = platformdirs.user_data_path(
        "chatroom"
    )
    name: Annotated[Text, "name of the server, shown to users"] = "chatroom"
    workers: Annotated[Some, "number of server processes on this machine; more than 1 needs MySQL"] = 1
    log_level: Annotated[Level, "minimum level of log messages"] = "info"
    log_format: Annotated[LogFormat, "format of log lines: text or json"] = "text"
    slow_step_ms: Annotated[
        Amount,
        "milliseconds of CPU time from which a step of the event loop or the writer is logged; 0: never",
    ] = 0.0
    accounts: AccountSettings = AccountSettings()
    database: DatabaseSettings = DatabaseSettings()
    cluster: ClusterSettings = ClusterSettings()
    tls: TlsSettings = TlsSettings()
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)
    password: PasswordSettings = PasswordSettings()
    token: TokenSettings = TokenSettings()
    retention: RetentionSettings = RetentionSettings()
    http: HttpSettings = HttpSettings()
    proxy: ProxySettings = ProxySettings()

    @property
    def database_url(self) -> str | URL:
        """Return a ``URL`` object for a file, because the name of a folder may hold any character."""
        return self.database.url or URL.create("sqlite", database=str(self.data / "chatroom.sqlite"))

    @property
    def listen_addresses(self) -> list[ListenAddress]:
        """Return the addresses of ``listen``, or else the one of ``host`` and ``port``."""
        parts = [part.strip() for part in self.listen.split(",") if part.strip()]
        return [parse_listen_address(part) for part in parts] or [ListenAddress(self.host, self.port)]

    @property
    def proxies(self) -> list[str]:
        return [part.strip() for part in self.proxy.trusted.split(",") if part.strip()]

    @property
    def is_sqlite(self) -> bool:
        return str(self.database_url).startswith("sqlite")

    @property
    def encrypted(self) -> bool:
        """Whether any connections speak TLS."""
        return any(map(self.encrypts, self.listen_addresses))

    def encrypts(self, address: ListenAddress) -> bool:
        """Whether connections to an address speak TLS."""
        if self.tls.mode == "auto":
            return address.path is None and (bool(self.tls.cert) or not is_loopback(address.host))
        return self.tls.mode == "on"


class SettingRow(NamedTuple):
    """A setting by its full ``name`` (``limits.rate``)."""

    name: str
    type: Any
    default: Any
    purpose: str

    @property
    def variable(self) -> str:
        return "CHAT_SERVER_" + self.name.upper().replace(".", "_")

    @property
    def is_secret(self) -> bool:
        """Whether the value may hold a password."""
        return self.name in ("database.url", "database.password", "http.token", "cluster.url")

    @property
    def expected(self) -> str:
        return next(str(mark.description) for mark in get_args(self.type) if isinstance(mark, Meta))


def section_of(field: msgspec.structs.FieldInfo) -> type[Struct] | None:
    """Return the type of a field that is a section."""
    if isinstance(field.default, Struct):
        return type(field.default)
    factory = field.default_factory
    return factory if isinstance(factory, type) and issubclass(factory, Struct) else None


def _setting_rows(section: type[Struct], prefix: str = "") -> Iterator[SettingRow]:
    for field in msgspec.structs.fields(section):
        if section_type := section_of(field):
            yield from _setting_rows(section_type, f"{prefix}{field.name}.")
        else:
            yield SettingRow(prefix + field.name, field.type, field.default, get_args(field.type)[-1])


SETTINGS = {setting.name: setting for setting in _setting_rows(ServerConfig)}
"""All settings by their full names, those without a section first."""


def effective_limit(limit: int) -> int:
    """Return a limit for comparisons: one that is off (0) becomes the largest integer."""
    return limit or sys.maxsize
