"""The lines of the file that ``transcript`` writes. Of a message there is one, whatever line separators it
holds.

There may be a million of them, so whatever is the same in all that somebody says is put together once.
"""

from enum import Enum
from functools import lru_cache

import msgspec
from chatroom.client.text import dates, i18n, message_text
from chatroom.protocol.safe import json_text, safe_text
from chatroom.protocol.values import CHANGE_KINDS, Message


class TranscriptFormat(Enum):
    """What the file is to look like: the report's lines, or a JSON object a line for programs."""

    TXT = "txt"
    JSONL = "jsonl"


_GAP = "\0"
"""Where something is still to be filled in. No name that was made safe holds it."""


class TranscriptFormatter:
    """``me`` is the account for whose eyes it is written."""

    def __init__(self, me: str, shape: TranscriptFormat) -> None:
        self._me = me
        self._shape = shape
        self._in_room = i18n.message_pattern("log.room") + "\n"
        self._in_private = i18n.message_pattern("log.direct") + "\n"
        self._around = lru_cache(maxsize=4096)(self._line_frame)

    def format_heading(self, key: str) -> bytes:
        """What stands above the rooms, or above the private chats."""
        return b"" if self._shape is TranscriptFormat.JSONL else f"{i18n.translate(key)}\n".encode()

    def format_line(self, message: Message) -> bytes:
        """Empty for what is told by the message that it changed."""
        if self._shape is TranscriptFormat.JSONL:
            return _json_line(message)
        return b"" if message.kind in CHANGE_KINDS else self._line_text(message).encode()

    def _line_text(self, message: Message) -> str:
        before, between, after = self._around(message.conversation, message.username, message.nickname)
        return f"{before}{dates.clock(message.time)}{between}{_message_text(message)}{after}"

    def _line_frame(self, conversation: str, username: str, nickname: str) -> list[str]:
        """What stands before, between and after the time and the text, in whatever somebody says there."""
        who = {"username": safe_text(username), "nickname": safe_text(nickname), "time": _GAP, "text": _GAP}
        if conversation.startswith("#"):
            return self._in_room.format(room=safe_text(conversation[1:]), **who).split(_GAP)
        recipient = conversation[1:] if username == self._me else self._me
        return self._in_private.format(recipient=safe_text(recipient), **who).split(_GAP)


def _message_text(message: Message) -> str:
    text = message_text.message_body(message)
    return f"* {safe_text(message.nickname)} {text}" if message.kind == "action" else text


def _json_line(message: Message) -> bytes:
    return f"{json_text(msgspec.json.encode(message).decode())}\n".encode()
