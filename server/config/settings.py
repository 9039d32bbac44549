"""Every setting of the server. Its counterpart is ``sources``, which finds out what was set, and where.

A setting is one row: its name, what it may be, what it is for, its default. From that row come its place in
the TOML file (``[limits]``, ``rate = 5``), its environment variable (``CHAT_SERVER_LIMITS_RATE``), its flag
(``--set limits.rate=5``), and what ``--show-config`` tells of it. A limit of 0 is off.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
import platformdirs
from chatroom.protocol.address import is_loopback
from msgspec import Meta, Struct
from sqlalchemy import URL

Text = Annotated[str, Meta(description="a text")]
Folder = Annotated[Path, Meta(description="a folder")]
Mode = Annotated[Literal["auto", "on", "off"], Meta(description="auto, on or off")]
Registration = Annotated[Literal["open", "invited"], Meta(description="open or invited")]
Level = Annotated[
    Literal["debug", "info", "warning", "error"], Meta(description="debug, info, warning or error")
]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port, 0 to 65535")]
Count = Annotated[int, Meta(ge=0, le=1 << 40, description="a whole number, at least 0")]
Some = Annotated[int, Meta(ge=1, le=1 << 20, description="a whole number, at least 1")]
Amount = Annotated[float, Meta(ge=0, lt=1e9, description="a number, at least 0")]
NameLength = Annotated[int, Meta(ge=1, le=64, description="a whole number, 1 to 64")]  # the columns' width
TopicLength = Annotated[int, Meta(ge=1, le=512, description="a whole number, 1 to 512")]  # likewise
PasswordLength = Annotated[int, Meta(ge=1, le=72, description="a whole number, 1 to 72 (bcrypt ends there)")]
Cost = Annotated[int, Meta(ge=4, le=31, description="a whole number, 4 to 31")]


class AccountSettings(Struct, frozen=True):
    registration: Annotated[Registration, "who may make an account: anybody, or who has an invitation"] = (
        "open"
    )


class DatabaseSettings(Struct, frozen=True):
    url: Annotated[Text, "an SQLAlchemy URL; empty for an SQLite file in the data folder"] = ""
    password: Annotated[Text, "goes into the URL; best given by the environment or a file"] = ""
    readers: Annotated[Some, "threads that read"] = 4
    patience: Annotated[Amount, "seconds that a request waits for a database that is away"] = 5.0

    def __repr__(self) -> str:
        """Without the URL and the password, which a traceback might show."""
        return "Database()"


class TlsSettings(Struct, frozen=True):
    mode: Annotated[Mode, "auto is on beyond this machine, and with a certificate of yours"] = "auto"
    cert: Annotated[Text, "a PEM file with your certificate and its chain; empty for one made here"] = ""
    key: Annotated[Text, "a PEM file with its private key"] = ""


class LimitSettings(Struct, frozen=True):
    line_before_login: Annotated[Count, "bytes in a line before login; a stranger gets little"] = 4096
    line: Annotated[Count, "bytes in a line after login"] = 65536
    text: Annotated[Count, "code points in the text of a message"] = 4096
    away: Annotated[Count, "code points in what somebody lets others know of being away"] = 80
    reactions: Annotated[Count, "different reactions by one account to one message"] = 20
    rate: Annotated[Amount, "messages a second by one session, in the long run"] = 5.0
    burst: Annotated[Amount, "messages by one session at once"] = 20.0
    requests_rate: Annotated[Amount, "other requests a second by one connection, in the long run"] = 50.0
    requests_burst: Annotated[Amount, "other requests by one connection at once"] = 100.0
    typing_rate: Annotated[Amount, "hints a second that a session is typing, in the long run"] = 1.0
    typing_burst: Annotated[Amount, "such hints by one session at once"] = 5.0
    input_rate: Annotated[
        Amount,
        "lines a second that are read from one connection, in the long run; 2 KiB of a line count as one",
    ] = 500.0
    input_burst: Annotated[Amount, "such lines from one connection at once"] = 1000.0
    address_input_rate: Annotated[
        Amount, "such lines a second from one address, beyond 60 a second for each connection"
    ] = 2000.0
    address_input_burst: Annotated[Amount, "such lines from one address at once"] = 8000.0
    connections_per_address: Annotated[Count, "connections of one address; a class behind a NAT fits"] = 64
    new_connections_per_minute: Annotated[Count, "new connections of one address in a minute"] = 128
    registrations_per_minute: Annotated[
        Amount, "new accounts from one address in a minute, in the long run"
    ] = 10.0
    registrations_burst: Annotated[Amount, "new accounts from one address at once"] = 40.0
    login_timeout: Annotated[Amount, "seconds to log in"] = 30.0
    handshake_timeout: Annotated[Amount, "seconds for the TLS handshake"] = 10.0
    ping_interval: Annotated[Amount, "seconds of silence after which TCP asks if a peer is there"] = 30.0
    dead_after: Annotated[Amount, "seconds without a sign of life after which a peer is gone"] = 75.0
    outbox_bytes: Annotated[Count, "bytes of events that may wait for a slow reader"] = 1 << 20
    outbox_stall: Annotated[Amount, "seconds for which a slow reader may read nothing at all"] = 10.0
    password_attempts: Annotated[Count, "wrong passwords a minute, per account and address"] = 5
    linger: Annotated[Amount, "seconds for which a lost connection's account stays entered"] = 60.0
    page: Annotated[Count, "messages in a page of history or search"] = 100
    export_page: Annotated[Count, "messages in a page of what /save asks for"] = 2000
    export_rate: Annotated[Amount, "such pages a second for one connection, in the long run"] = 100.0
    export_burst: Annotated[Amount, "such pages for one connection at once"] = 20.0
    capacity: Annotated[Count, "seats that a room may have"] = 10_000
    rooms: Annotated[Count, "rooms that one account may own"] = 1000
    username_min: Annotated[NameLength, "code points in a user name, at least"] = 2
    username_max: Annotated[NameLength, "code points in a user name, at most"] = 10
    room_min: Annotated[NameLength, "code points in a room's name, at least"] = 1
    room_max: Annotated[NameLength, "code points in a room's name, at most"] = 32
    topic: Annotated[TopicLength, "code points in the topic of a room"] = 200
    nickname_min: Annotated[NameLength, "code points in a nickname, at least"] = 1
    nickname_max: Annotated[NameLength, "code points in a nickname, at most"] = 32


class PasswordSettings(Struct, frozen=True):
    min: Annotated[PasswordLength, "code points in a password, at least"] = 6
    max: Annotated[PasswordLength, "bytes in a password, at most"] = 72
    bcrypt_cost: Annotated[Cost, "one more doubles the work of hashing a password, and of guessing it"] = 12
    threads: Annotated[Some, "threads that hash passwords"] = 2
    queue: Annotated[Amount, "seconds that a password may have to wait; beyond, come back later"] = 10.0


class TokenSettings(Struct, frozen=True):
    days: Annotated[Some, "days for which a token resumes a session"] = 30


class ServerConfig(Struct, frozen=True):
    host: Annotated[Text, "the address to listen on; empty for every one"] = "127.0.0.1"
    port: Annotated[Port, "the port to listen on; 0 for a free one"] = 7878
    data: Annotated[Folder, "where the server keeps what is its own"] = platformdirs.user_data_path(
        "chatroom"
    )
    name: Annotated[Text, "what the server calls itself to people"] = "chatroom"
    log_level: Annotated[Level, "how much is logged"] = "info"
    accounts: AccountSettings = AccountSettings()
    database: DatabaseSettings = DatabaseSettings()
    tls: TlsSettings = TlsSettings()
    limits: LimitSettings = LimitSettings()
    password: PasswordSettings = PasswordSettings()
    token: TokenSettings = TokenSettings()

    @property
    def database_url(self) -> str | URL:
        """No text where it is a file: any character may stand in the name of a folder."""
        return self.database.url or URL.create("sqlite", database=str(self.data / "chatroom.sqlite"))

    @property
    def encrypted(self) -> bool:
        """Whether connections speak TLS."""
        if self.tls.mode == "auto":
            return bool(self.tls.cert) or not is_loopback(self.host)
        return self.tls.mode == "on"


class SettingRow(NamedTuple):
    """A row: what ``name`` (``limits.rate``) may be, and what it is for."""

    name: str
    type: Any
    default: Any
    purpose: str

    @property
    def variable(self) -> str:
        return "CHAT_SERVER_" + self.name.upper().replace(".", "_")

    @property
    def is_secret(self) -> bool:
        """Whether it may hold a password."""
        return self.name in ("database.url", "database.password")

    @property
    def expected(self) -> str:
        return next(str(mark.description) for mark in get_args(self.type) if isinstance(mark, Meta))


def _setting_rows(section: type[Struct], prefix: str = "") -> Iterator[SettingRow]:
    for field in msgspec.structs.fields(section):
        if isinstance(field.default, Struct):
            yield from _setting_rows(type(field.default), f"{prefix}{field.name}.")
        else:
            yield SettingRow(prefix + field.name, field.type, field.default, get_args(field.type)[-1])


SETTINGS = {setting.name: setting for setting in _setting_rows(ServerConfig)}
"""Every row by its full name, those without a section first."""


def effective_limit(limit: int) -> int:
    """A limit as something to compare with: one that is off is never reached."""
    return limit or sys.maxsize
