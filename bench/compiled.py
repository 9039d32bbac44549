"""The talker in C: ``load.c``, compiled when it is first needed, and kept in the user's cache.

``talkers.PlainTalker`` does the same without a compiler.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from ctypes import (
    CDLL,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_uint32,
    c_void_p,
)
from functools import cache
from pathlib import Path

import platformdirs

from bench.dialects import Dialect
from bench.talkers import Client, Delays, LoadError

SOURCE = Path(__file__).with_name("load.c")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC")
NO_CLIENT = -1


class _Client(Structure):
    """``struct client`` of load.c."""

    _fields_ = (
        ("file", c_int32), ("window", c_int32), ("before", c_char_p), ("after", c_char_p),
        ("sent", c_int64), ("confirmed", c_int64), ("received", c_int64),
    )  # fmt: skip


def speaks(dialect: Dialect) -> bool:
    """Return whether there is a compiler, and load.c knows this dialect."""
    return dialect.compiled is not None and _library() is not None


class CompiledTalker:
    """Sends and receives for all clients, in C. Until it is closed, nothing else may use the sockets."""

    def __init__(self, dialect: Dialect, clients: Sequence[Client], delays: Delays) -> None:
        library = _library()
        assert library is not None, "ask speaks() first"
        self._library = library
        self._clients = clients
        self._delays = delays  # C writes into it, so it has to stay
        self._counts = (_Client * len(clients))(
            *(
                _Client(client.socket.fileno(), client.window, *dialect.parts(client.room))
                for client in clients
            )
        )
        self._load = library.load_open(dialect.compiled, self._counts, len(clients), delays.slots)
        if not self._load:
            raise MemoryError("the system does not let the load have what it needs")

    def listen(self, seconds: float, *, talking: bool) -> None:
        left = self._library.load_listen(self._load, seconds, talking)
        if left != NO_CLIENT:
            raise LoadError(f"the server hung up on {self._clients[left].name}")
        for client, counts in zip(self._clients, self._counts, strict=True):
            client.sent, client.confirmed, client.received = counts.sent, counts.confirmed, counts.received

    def close(self) -> None:
        self._library.load_close(self._load)


@cache
def _library() -> CDLL | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = CDLL(str(_built(compiler)))
    library.load_open.argtypes = [c_int, POINTER(_Client), c_int, POINTER(c_uint32)]
    library.load_open.restype = c_void_p
    library.load_listen.argtypes = [c_void_p, c_double, c_bool]
    library.load_listen.restype = c_int
    library.load_close.argtypes = [c_void_p]
    library.load_close.restype = None
    return library


def _built(compiler: str) -> Path:
    """Return the library of this source. It is compiled to another file and then renamed."""
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    folder = platformdirs.user_cache_path("chatroom-bench", ensure_exists=True)
    library = folder / f"load-{version}.so"
    if not library.exists():
        fresh = library.with_suffix(".new")
        subprocess.run([compiler, *FLAGS, "-o", str(fresh), str(SOURCE)], check=True)
        fresh.replace(library)
    return library
