"""``/save``: parses the arguments and shows the progress. ``export.transcript`` writes the file.

``/save [PATH] [--here | --in NAME] [--since DATE] [--format txt|jsonl]``; ``/save stop`` ends one that runs.
"""

import asyncio
import os
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chatroom.client.commands.context import CommandContext
from chatroom.client.commands.conversations import UsageError, named_or_current
from chatroom.client.export import transcript
from chatroom.client.export.transcript_format import TranscriptFormat
from chatroom.client.model import apply
from chatroom.client.model.state import ClientNote, Conversation
from chatroom.client.text import dates

USAGE = "/save [PATH] [--here | --in NAME] [--since DATE] [--format txt|jsonl]"

OPTIONS = ("--here", "--in", "--since", "--format", "stop")

_OPTION = re.compile(r"(?:^|(?<=\s))--(?:(here)|(in|since|format)(?:=|\s+)(\S+))(?=\s|$)")

_BAR = 20
"""Columns of the progress bar."""


@dataclass(frozen=True)
class SaveRequest:
    """The parsed arguments. ``in_current`` means the current conversation."""

    path: Path = Path(transcript.DEFAULT)
    shape: TranscriptFormat = TranscriptFormat.TXT
    in_current: bool = False
    conversation: str = ""
    since: str = ""


def parse_save(typed: str) -> SaveRequest:
    """The options may be anywhere. The rest is the path, which may contain blanks. Raises
    ``UsageError``."""
    request = SaveRequest()
    for is_current, name, value in _OPTION.findall(typed):
        request = replace(request, in_current=True) if is_current else _with_option(request, name, value)
    rest = _OPTION.sub("", typed).strip()
    if rest.startswith("--") or " --" in rest or (request.in_current and request.conversation):
        raise UsageError("usage", usage=USAGE)
    return replace(request, path=_path(rest or transcript.DEFAULT))


def _path(typed: str) -> Path:
    """The file that a path means. Raises ``UsageError`` for one that cannot be."""
    try:
        path = Path(typed).expanduser()
        os.stat(path.parent)
        return path / transcript.DEFAULT if path.is_dir() else path
    except OSError as error:
        raise UsageError("save_failed", path=typed, reason=error.strerror or str(error)) from None
    except (RuntimeError, ValueError) as error:  # ~nosuchuser, NUL
        raise UsageError("save_failed", path=typed, reason=str(error)) from None


def _with_option(request: SaveRequest, name: str, value: str) -> SaveRequest:
    match name:
        case "in":
            return replace(request, conversation=value)
        case "since":
            return replace(request, since=value)
    try:
        return replace(request, shape=TranscriptFormat(value))
    except ValueError:
        raise UsageError("usage", usage=USAGE) from None


async def start_save(context: CommandContext, typed: str = "") -> None:
    """Write the file in the background; ``stop`` cancels it and keeps the old file."""
    if typed == "stop":
        if context.running_save.task is None:
            raise UsageError("nothing_to_stop")
        context.running_save.task.cancel()
        return
    if context.running_save.task is not None:
        raise UsageError("saving_already")
    request = parse_save(typed)
    only = None
    if request.in_current or request.conversation:
        only = named_or_current(context, request.conversation)
    context.running_save.task = context.tasks.start(
        _write_transcript(context, request, only, _parse_since(request.since))
    )


def _parse_since(since: str) -> str:
    """As the protocol writes it; empty where none was typed. Raises ``UsageError``."""
    if not since:
        return ""
    try:
        return dates.wire_time(dates.parse_moment(since, datetime.now().astimezone()))
    except dates.DateError:
        raise UsageError("no_day", text=since) from None


async def _write_transcript(
    context: CommandContext, request: SaveRequest, only: Conversation | None, since: str
) -> None:
    note: ClientNote | None = None

    def progress(done: int, total: int) -> None:
        nonlocal note
        facts: dict[str, Any] = {"bar": _progress_bar(done, total), "done": done, "total": total}
        if not context.front_end.is_full_screen:
            return  # a printed line cannot change, and the last one has the number
        if note is None:
            note = context.notes.show("saving", **facts)
        note.facts |= facts
        context.front_end.state_changed()

    path = request.path
    try:
        count = await transcript.write_transcript(
            context.state, context.session, path, request.shape, progress, only=only, since=since
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        context.notes.show("save_failed", error=True, path=str(path), reason=reason)
    except asyncio.CancelledError:
        context.notes.show("save_stopped", path=str(path))
        raise
    else:
        context.notes.show("saved", path=str(path), count=count)
    finally:
        context.running_save.task = None
        if note is not None:
            apply.remove_note(context.state, note)


def _progress_bar(done: int, total: int) -> str:
    """``[#####---------------] 25%``"""
    full = _BAR * done // max(total, 1)
    return f"[{'#' * full}{'-' * (_BAR - full)}] {100 * done // max(total, 1)}%"
