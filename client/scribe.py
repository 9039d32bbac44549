"""The lines of the file that ``transcript`` writes. Of a message there is one, whatever line separators it
holds.

There may be a million of them, so their words are looked up once, and a name is made safe once.
"""

import re
from enum import Enum
from functools import lru_cache

import msgspec

from client import lines, words
from protocol.safe import safe
from protocol.values import CHANGE_KINDS, Message


class Shape(Enum):
    """What the file is to look like: the report's lines, or a JSON object a line for programs."""

    TXT = "txt"
    JSONL = "jsonl"


class Scribe:
    """``me`` is the account for whose eyes it is written."""

    def __init__(self, me: str, shape: Shape) -> None:
        self._me = me
        self._shape = shape
        self._in_room = words.pattern("log.room") + "\n"
        self._in_private = words.pattern("log.direct") + "\n"
        self._name = lru_cache(maxsize=4096)(safe)

    def heading(self, key: str) -> bytes:
        """What stands above the rooms, or above the private chats."""
        return b"" if self._shape is Shape.JSONL else f"{words.say(key)}\n".encode()

    def line(self, message: Message) -> bytes:
        """Empty for what is told by the message that it changed."""
        if self._shape is Shape.JSONL:
            return _json(message)
        return b"" if message.kind in CHANGE_KINDS else self._text(message).encode()

    def _text(self, message: Message) -> str:
        name, where, who = self._name, message.conversation, message.username
        facts = {
            "time": lines.clock(message.time),
            "username": name(who),
            "nickname": name(message.nickname),
            "text": _said(message),
        }
        if where.startswith("#"):
            return self._in_room.format(room=name(where[1:]), **facts)
        recipient = where[1:] if who == self._me else self._me
        return self._in_private.format(recipient=name(recipient), **facts)


def _said(message: Message) -> str:
    text = lines.body(message)
    return f"* {safe(message.nickname)} {text}" if message.kind == "action" else text


_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is, and a terminal or a reader of lines does not."""


def _json(message: Message) -> bytes:
    text = msgspec.json.encode(message).decode()
    text = _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"{text}\n".encode()
