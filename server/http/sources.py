"""What the HTTP endpoint reads of the running server. Everything here may be called on any thread."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from chatroom.server.net.tls import TlsCertificate
from chatroom.server.session import ClientSession
from chatroom.server.wiring import ServerParts


class ServerPhase(Enum):
    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class ServerSources:
    """``phase`` and ``sessions`` return the current ones; a session begins with its connection."""

    parts: ServerParts
    phase: Callable[[], ServerPhase]
    sessions: Callable[[], Collection[ClientSession]]
    tls: TlsCertificate | None
