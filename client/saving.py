"""``/save``: what somebody wants saved, and how far it has come. ``transcript`` writes it.

``/save [PATH] [--here | --in NAME] [--since DATE] [--format txt|jsonl]``; ``/save stop`` ends one that runs.
"""

import asyncio
import os
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from client import dates, transcript
from client.chat import Chat
from client.model import apply
from client.model.state import Conversation, Note
from client.scribe import Shape
from client.verbs import Wrong, meant

USAGE = "/save [PATH] [--here | --in NAME] [--since DATE] [--format txt|jsonl]"

OPTIONS = ("--here", "--in", "--since", "--format", "stop")

_OPTION = re.compile(r"(?:^|(?<=\s))--(?:(here)|(in|since|format)(?:=|\s+)(\S+))(?=\s|$)")

_BAR = 20
"""Columns of the bar that shows how far a save has come."""


@dataclass(frozen=True)
class Order:
    """What somebody typed, taken apart. ``where`` is a conversation's name, ``here`` the one in sight."""

    path: Path = Path(transcript.DEFAULT)
    shape: Shape = Shape.TXT
    here: bool = False
    where: str = ""
    since: str = ""


def read(typed: str) -> Order:
    """The options may stand anywhere; what is left is the path, which may hold blanks. Raises ``Wrong``."""
    order = Order()
    for here, name, value in _OPTION.findall(typed):
        order = replace(order, here=True) if here else _with(order, name, value)
    rest = _OPTION.sub("", typed).strip()
    if rest.startswith("--") or " --" in rest or (order.here and order.where):
        raise Wrong("usage", usage=USAGE)
    return replace(order, path=_path(rest or transcript.DEFAULT))


def _path(typed: str) -> Path:
    """The file that a path means. Raises ``Wrong`` for one that cannot be."""
    try:
        path = Path(typed).expanduser()
        os.stat(path.parent)
        return path / transcript.DEFAULT if path.is_dir() else path
    except OSError as error:
        raise Wrong("save_failed", path=typed, reason=error.strerror or str(error)) from None
    except (RuntimeError, ValueError) as error:  # ~nosuchuser, NUL
        raise Wrong("save_failed", path=typed, reason=str(error)) from None


def _with(order: Order, name: str, value: str) -> Order:
    match name:
        case "in":
            return replace(order, where=value)
        case "since":
            return replace(order, since=value)
    try:
        return replace(order, shape=Shape(value))
    except ValueError:
        raise Wrong("usage", usage=USAGE) from None


async def save(chat: Chat, typed: str = "") -> None:
    """Write log.txt beside whatever else is done; ``stop`` ends it and keeps the old file."""
    if typed == "stop":
        if chat.saving is None:
            raise Wrong("nothing_to_stop")
        chat.saving.cancel()
        return
    if chat.saving is not None:
        raise Wrong("saving_already")
    order = read(typed)
    only = meant(chat, order.where) if order.here or order.where else None
    chat.saving = chat.spawn(_save(chat, order, only, _moment(order.since)))


def _moment(since: str) -> str:
    """As the protocol writes it; empty where none was typed. Raises ``Wrong``."""
    if not since:
        return ""
    try:
        return dates.wire(dates.parse(since, datetime.now().astimezone()))
    except dates.NoDate:
        raise Wrong("no_day", text=since) from None


async def _save(chat: Chat, order: Order, only: Conversation | None, since: str) -> None:
    note: Note | None = None

    def progress(done: int, total: int) -> None:
        nonlocal note
        facts: dict[str, Any] = {"bar": _bar(done, total), "done": done, "total": total}
        if note is None:
            note = chat.note("saving", **facts)
        note.facts |= facts
        chat.on_change()

    path = order.path
    try:
        count = await transcript.save(chat, path, order.shape, progress, only=only, since=since)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        chat.note("save_failed", error=True, path=str(path), reason=reason)
    except asyncio.CancelledError:
        chat.note("save_stopped", path=str(path))
        raise
    else:
        chat.note("saved", path=str(path), count=count)
    finally:
        chat.saving = None
        if note is not None:
            apply.unnoted(chat.state, note)


def _bar(done: int, total: int) -> str:
    """``[#####---------------] 25%``"""
    full = _BAR * done // max(total, 1)
    return f"[{'#' * full}{'-' * (_BAR - full)}] {100 * done // max(total, 1)}%"
