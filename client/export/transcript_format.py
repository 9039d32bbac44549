"""Formats messages as lines of the transcript: one line per message, even if its text has line breaks.

There may be a million messages, so the parts of a line that are the same for all messages of a sender are
formatted once.
"""

from enum import Enum
from functools import lru_cache

import msgspec

from chatroom.client.text import dates, i18n, message_text
from chatroom.protocol.safe import json_text, safe_text
from chatroom.protocol.values import CHANGE_KINDS, Message


class TranscriptFormat(Enum):
    """The format of the file: the lines of the report, or one JSON object per line."""

    TXT = "txt"
    JSONL = "jsonl"


_GAP = "\0"
"""Stands for the time and the text. It cannot occur in a safe name."""


class TranscriptFormatter:
    """Formats the messages for the account ``me``."""

    def __init__(self, me: str, shape: TranscriptFormat) -> None:
        self._me = me
        self._shape = shape
        self._in_room = i18n.message_pattern("log.room") + "\n"
        self._in_private = i18n.message_pattern("log.direct") + "\n"
        self._around = lru_cache(maxsize=4096)(self._line_frame)

    def format_heading(self, key: str) -> bytes:
        """Return the heading of the rooms or of the private chats."""
        return b"" if self._shape is TranscriptFormat.JSONL else f"{i18n.translate(key)}\n".encode()

    def format_line(self, message: Message) -> bytes:
        """Return the line of a message; empty for a change, which its target already includes."""
        if self._shape is TranscriptFormat.JSONL:
            return _json_line(message)
        return b"" if message.kind in CHANGE_KINDS else self._line_text(message).encode()

    def _line_text(self, message: Message) -> str:
        before, between, after = self._around(message.conversation, message.username, message.nickname)
        return f"{before}{dates.clock(message.time)}{between}{_message_text(message)}{after}"

    def _line_frame(self, conversation: str, username: str, nickname: str) -> list[str]:
        """Return the parts of a sender's lines before, between and after the time and the text."""
        fields = {
            "username": safe_text(username),
            "nickname": safe_text(nickname),
            "time": _GAP,
            "text": _GAP,
        }
        if conversation.startswith("#"):
            return self._in_room.format(room=safe_text(conversation[1:]), **fields).split(_GAP)
        recipient = conversation[1:] if username == self._me else self._me
        return self._in_private.format(recipient=safe_text(recipient), **fields).split(_GAP)


def _message_text(message: Message) -> str:
    text = message_text.transcript_text(message)
    return f"* {safe_text(message.nickname)} {text}" if message.kind == "action" else text


def _json_line(message: Message) -> bytes:
    return f"{json_text(msgspec.json.encode(message).decode())}\n".encode()
