"""What an administrator orders, how it is answered, and the socket that carries both: one line each way.

The socket is a file in the data folder that its owner alone may use; no network leads there. The counterparts
are ``admin``, the command that asks, and ``steward``, who carries an order out.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
from chatroom.db import files
from chatroom.protocol.frame import masked_repr, snake_case
from msgspec import Struct

log = logging.getLogger(__name__)

SOCKET = "admin.sock"
"""In the data folder."""

MOST_BYTES = 64 * 1024
"""In an order. Its answer may be as long as there are accounts."""

PATIENCE = 10.0
"""Seconds that whoever connected has to say what is wanted."""


class AdminCommand(Struct, frozen=True, tag_field="order", tag=snake_case, forbid_unknown_fields=True):
    """What is to be done."""

    def __repr__(self) -> str:
        return masked_repr(self)


class ListAccounts(AdminCommand, frozen=True):
    """Every account there is."""


class ListSessions(AdminCommand, frozen=True):
    """Every session on this server, with the number to end it by."""


class DisableAccount(AdminCommand, frozen=True):
    """End an account's sessions, and let nobody log in to it any more."""

    username: str


class EnableAccount(AdminCommand, frozen=True):
    """Let its owner log in again."""

    username: str


class ResetPassword(AdminCommand, frozen=True):
    """Give an account another password, and end its sessions."""

    username: str
    password: str


class EndSession(AdminCommand, frozen=True):
    """End the session of a number, or every one of a user."""

    whose: str


class ListServerRooms(AdminCommand, frozen=True):
    """Every room there is, private ones too."""


class DeleteRoom(AdminCommand, frozen=True):
    """Remove a room, whoever is in it, and all that was said there."""

    room: str


class CreateInvitation(AdminCommand, frozen=True):
    """Make a code for an invitation, perhaps into a room (``""`` is none). The answer holds nothing else."""

    room: str
    uses: int
    days: int


class ListInvitations(AdminCommand, frozen=True):
    """Every code that has not expired, by the beginning of its digest, and who came by it."""


class RevokeInvitation(AdminCommand, frozen=True):
    """Let nobody in by a code any more."""

    invitation: str


AnyOrder = (
    ListAccounts
    | ListSessions
    | DisableAccount
    | EnableAccount
    | ResetPassword
    | EndSession
    | ListServerRooms
    | DeleteRoom
    | CreateInvitation
    | ListInvitations
    | RevokeInvitation
)


class CommandDone(Struct, frozen=True, tag_field="answer", tag=snake_case):
    """It is done; what there is to tell of it, line by line."""

    lines: list[str]


class CommandFailed(Struct, frozen=True, tag_field="answer", tag=snake_case):
    """It is not done; why, in one sentence."""

    reason: str


Answer = CommandDone | CommandFailed

_encoder = msgspec.json.Encoder()
read_order: msgspec.json.Decoder[AnyOrder] = msgspec.json.Decoder(AnyOrder)
read_answer: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode_line(one: AnyOrder | Answer) -> bytes:
    """Its line, with the ``\\n``."""
    return _encoder.encode(one) + b"\n"


CarryOut = Callable[[AnyOrder], Awaitable[Answer]]


async def start_listening(carry_out: CarryOut, folder: Path) -> asyncio.Server:
    """Take orders in a folder. Raises ``OSError`` when that cannot be."""
    door = _bind_socket(folder / SOCKET)
    return await asyncio.start_unix_server(partial(_handle_client, carry_out), sock=door, limit=MOST_BYTES)


def stop_listening(office: asyncio.Server, folder: Path) -> None:
    """Take no more orders."""
    office.close()
    (folder / SOCKET).unlink(missing_ok=True)


def send_command(order: AnyOrder, folder: Path) -> Answer | None:
    """Order the server that runs in a folder, and wait for its answer; ``None`` where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(folder / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        line.sendall(encode_line(order))
        with line.makefile("rb") as answers:
            answer = answers.readline()
    return read_answer.decode(answer) if answer else CommandFailed("the server ended before it answered")


def _bind_socket(file: Path) -> socket.socket:
    """A socket that only we may connect to. One that an ended server left is replaced."""
    with files.locked(file):
        if _is_served(file):
            raise OSError(f"another server takes orders at {file}")
        _clear(file)
        return _bound(file)


def _clear(file: Path) -> None:
    if file.is_socket():
        file.unlink()
    elif os.path.lexists(file):
        log.warning("%s is no socket; it is now %s", file, files.set_aside(file).name)


def _bound(file: Path) -> socket.socket:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)  # nobody else may be quicker than a chmod
    try:
        door.bind(str(file))
    except OSError:
        door.close()
        raise
    finally:
        os.umask(mask)
    return door


def _is_served(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(file)) == 0


async def _handle_client(
    carry_out: CarryOut, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One order and its answer."""
    try:
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
        order = read_order.decode(line)
        log.info("an administrator orders: %s", _describe_command(order))
        writer.write(encode_line(await carry_out(order)))
        await writer.drain()
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
        log.warning("an order came to nothing: %s", error)
    finally:
        writer.close()


def _describe_command(order: AnyOrder) -> str:
    """An order, without the password that may be in it."""
    facts = [str(getattr(order, name)) for name in order.__struct_fields__ if name != "password"]
    return " ".join([str(order.__struct_config__.tag), *facts])
