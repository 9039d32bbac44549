"""Admin commands and their answers, and the Unix socket that carries them: one JSON line each way.

The socket is a file in the data folder that only its owner may use. ``cli.admin`` sends the commands,
``admin.service`` executes them.
"""

import asyncio
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct, field

from chatroom.db import files
from chatroom.protocol.frame import masked_repr, snake_case
from chatroom.server.net.event_log import log_event

log = logging.getLogger(__name__)

SOCKET_NAME = "admin.sock"
"""The socket's name in the data folder."""

MAX_SOCKET_PATH = 100
"""Bytes in the path of a socket; the limit of the systems is 103 or 107."""

MAX_COMMAND_BYTES = 64 * 1024
"""Bytes in a command. Answers are not limited: one line lists every account."""

COMMAND_TIMEOUT_SECONDS = 10.0
"""Seconds until a connected client must have sent its command."""


class AdminCommand(Struct, frozen=True, tag_field="order", tag=snake_case, forbid_unknown_fields=True):
    """A command of an administrator."""

    def __repr__(self) -> str:
        return masked_repr(self)


class ListAccounts(AdminCommand, frozen=True):
    """List every account."""


class ListSessions(AdminCommand, frozen=True):
    """List every session on this server, with its number for ``EndSession``."""


class ListLimits(AdminCommand, frozen=True):
    """List what the limits of this server have cost so far."""


class ListServers(AdminCommand, frozen=True):
    """List every server process on the database."""


class DisableAccount(AdminCommand, frozen=True):
    """Disable an account: end its sessions and refuse its logins."""

    username: str


class EnableAccount(AdminCommand, frozen=True):
    """Allow logins to a disabled account again."""

    username: str


class ResetPassword(AdminCommand, frozen=True):
    """Set an account's password, and end its sessions."""

    username: str
    password: str


class EraseAccount(AdminCommand, frozen=True):
    """Erase an account: its name, its texts, its seats; for good."""

    username: str


class ListErasures(AdminCommand, frozen=True):
    """List the erasures that are not complete."""


class EndSession(AdminCommand, frozen=True):
    """End the session with a number, or every session of a user."""

    target: str = field(name="whose")


class ListServerRooms(AdminCommand, frozen=True):
    """List every room, including private ones."""


class DeleteRoom(AdminCommand, frozen=True):
    """Delete a room, even with members, and its messages."""

    room: str


class DeleteRoomsOf(AdminCommand, frozen=True):
    """Delete every room that an account owns, and their messages."""

    username: str


class TransferRoom(AdminCommand, frozen=True):
    """Make another account the owner of a room, also if the owner is disabled."""

    room: str
    username: str


class FindRoom(AdminCommand, frozen=True):
    """Check that a room exists. The answer is its name."""

    room: str


class CreateInvitation(AdminCommand, frozen=True):
    """Create an invitation code, into a room if ``room`` is not empty. The answer is the code."""

    room: str
    uses: int
    days: int


class ListInvitations(AdminCommand, frozen=True):
    """List every code that has not expired, with the usernames that used it."""


class RevokeInvitation(AdminCommand, frozen=True):
    """Revoke an invitation code."""

    invitation: str


class Announce(AdminCommand, frozen=True):
    """Send a text to all connected users."""

    text: str


AnyCommand = (
    ListAccounts
    | ListSessions
    | ListServers
    | ListLimits
    | DisableAccount
    | EnableAccount
    | ResetPassword
    | EraseAccount
    | ListErasures
    | EndSession
    | ListServerRooms
    | DeleteRoom
    | DeleteRoomsOf
    | TransferRoom
    | FindRoom
    | CreateInvitation
    | ListInvitations
    | RevokeInvitation
    | Announce
)


class CommandDone(Struct, frozen=True, tag_field="answer", tag=snake_case):
    """The command was executed; ``lines`` is its output."""

    lines: list[str]


class CommandFailed(Struct, frozen=True, tag_field="answer", tag=snake_case):
    """The command was not executed; why, in one sentence."""

    reason: str


Answer = CommandDone | CommandFailed

_encoder = msgspec.json.Encoder()
read_command: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
read_answer: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode_line(value: AnyCommand | Answer) -> bytes:
    """Return a command or an answer as a line."""
    return _encoder.encode(value) + b"\n"


ExecuteCommand = Callable[[AnyCommand], Awaitable[Answer]]


def socket_path(folder: Path, worker: int = 0) -> Path:
    """Return the path of the socket of a server, or of one of its workers."""
    return folder / (f"admin-{worker}.sock" if worker else SOCKET_NAME)


async def start_listening(execute: ExecuteCommand, path: Path) -> asyncio.Server:
    """Accept commands on the socket at a path. Raises ``OSError``."""
    listening = _bind_socket(path)
    return await asyncio.start_unix_server(
        partial(_handle_client, execute), sock=listening, limit=MAX_COMMAND_BYTES
    )


def stop_listening(server: asyncio.Server, path: Path) -> None:
    """Accept no more commands, and remove the socket."""
    server.close()
    path.unlink(missing_ok=True)


def send_command(command: AnyCommand, folder: Path) -> Answer | None:
    """Send a command to the server that runs in a folder. Returns its answer, or ``None`` if none runs.

    If the server has workers, each lists its own sessions, and a session is ended by the worker that has it;
    any worker executes other commands.
    """
    answers: list[Answer] = []
    for path in [socket_path(folder), *sorted(folder.glob("admin-*.sock"))]:
        answer = _send_to(command, path)
        if answer is None:
            continue
        if not isinstance(command, ListSessions | EndSession):
            return answer
        answers.append(answer)
    return _merge_answers(answers) if answers else None


def _merge_answers(answers: list[Answer]) -> Answer:
    """Return the lines of all answers, the first line once; a failure only if each failed."""
    done = [answer for answer in answers if isinstance(answer, CommandDone)]
    if not done:
        return answers[0]
    return CommandDone([*done[0].lines, *(line for answer in done[1:] for line in answer.lines[1:])])


def _send_to(command: AnyCommand, path: Path) -> Answer | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with short_path(path) as short:
                connection.connect(short)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.sendall(encode_line(command))
        with connection.makefile("rb") as answers:
            answer = answers.readline()
    return read_answer.decode(answer) if answer else CommandFailed("the server ended before it answered")


def _bind_socket(file: Path) -> socket.socket:
    """Return a listening socket that only this user may connect to. A stale socket file is replaced."""
    with files.locked(file):
        if is_served(file):
            raise OSError(f"another server takes admin commands at {file}")
        _remove_stale_socket(file)
        return _open_socket(file)


@contextmanager
def short_path(file: Path) -> Iterator[str]:
    """Return a path to a socket that fits into a socket's address, also in a deep folder. Raises
    ``OSError``."""
    if len(os.fsencode(file)) <= MAX_SOCKET_PATH:
        yield str(file)
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)


def _remove_stale_socket(file: Path) -> None:
    if file.is_socket():
        file.unlink()
    elif os.path.lexists(file):
        log.warning("%s is not a socket; renamed to %s", file, files.set_aside(file).name)


def _open_socket(file: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)  # private from the start; a chmod would be too late
    try:
        with short_path(file) as path:
            listening.bind(path)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
    return listening


def is_served(file: Path) -> bool:
    """Whether a running server takes commands at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            with short_path(file) as path:
                return probe.connect_ex(path) == 0
        except OSError:  # no such folder
            return False


async def _handle_client(
    execute: ExecuteCommand, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Read one command, execute it, and send the answer."""
    try:
        line = await asyncio.wait_for(reader.readline(), COMMAND_TIMEOUT_SECONDS)
        command = read_command.decode(line)
        answer = await execute(command)
        _log_command(_peer_name(writer), command, answer)
        writer.write(encode_line(answer))
        await writer.drain()
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
        log.warning("an admin command failed: %s", error)
    finally:
        writer.close()


def _log_command(user: str, command: AnyCommand, answer: Answer) -> None:
    fields = {"by": user, "command": _describe_command(command)}
    if isinstance(answer, CommandFailed):
        log_event(logging.WARNING, "admin_command", {**fields, "result": "refused", "reason": answer.reason})
    else:
        log_event(logging.INFO, "admin_command", {**fields, "result": "done"})


def _peer_name(writer: asyncio.StreamWriter) -> str:
    """Return the user of the process at the other end, by name or number."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "owner"  # only the owner may use the socket
    peer: socket.socket = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def _describe_command(command: AnyCommand) -> str:
    """Return a command for the log, without its password."""
    values = [str(getattr(command, name)) for name in command.__struct_fields__ if name != "password"]
    return " ".join([str(command.__struct_config__.tag), *values])
