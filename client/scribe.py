"""The lines of the file that ``transcript`` writes. Of a message there is one, whatever line separators it
holds.

There may be a million of them, so whatever is the same in all that somebody says is put together once.
"""

from enum import Enum
from functools import lru_cache

import msgspec

from client import dates, lines, words
from protocol.safe import json_text, safe
from protocol.values import CHANGE_KINDS, Message


class Shape(Enum):
    """What the file is to look like: the report's lines, or a JSON object a line for programs."""

    TXT = "txt"
    JSONL = "jsonl"


_GAP = "\0"
"""Where something is still to be filled in. No name that was made safe holds it."""


class Scribe:
    """``me`` is the account for whose eyes it is written."""

    def __init__(self, me: str, shape: Shape) -> None:
        self._me = me
        self._shape = shape
        self._in_room = words.pattern("log.room") + "\n"
        self._in_private = words.pattern("log.direct") + "\n"
        self._around = lru_cache(maxsize=4096)(self._frame)

    def heading(self, key: str) -> bytes:
        """What stands above the rooms, or above the private chats."""
        return b"" if self._shape is Shape.JSONL else f"{words.say(key)}\n".encode()

    def line(self, message: Message) -> bytes:
        """Empty for what is told by the message that it changed."""
        if self._shape is Shape.JSONL:
            return _json(message)
        return b"" if message.kind in CHANGE_KINDS else self._text(message).encode()

    def _text(self, message: Message) -> str:
        before, between, after = self._around(message.conversation, message.username, message.nickname)
        return f"{before}{dates.clock(message.time)}{between}{_said(message)}{after}"

    def _frame(self, conversation: str, username: str, nickname: str) -> list[str]:
        """What stands before, between and after the time and the text, in whatever somebody says there."""
        who = {"username": safe(username), "nickname": safe(nickname), "time": _GAP, "text": _GAP}
        if conversation.startswith("#"):
            return self._in_room.format(room=safe(conversation[1:]), **who).split(_GAP)
        recipient = conversation[1:] if username == self._me else self._me
        return self._in_private.format(recipient=safe(recipient), **who).split(_GAP)


def _said(message: Message) -> str:
    text = lines.body(message)
    return f"* {safe(message.nickname)} {text}" if message.kind == "action" else text


def _json(message: Message) -> bytes:
    return f"{json_text(msgspec.json.encode(message).decode())}\n".encode()
