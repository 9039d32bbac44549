"""A message as one line of text, for ``--plain``, search results and log.txt.

The screen's counterpart is ``view.messages``.
"""

import time
from functools import lru_cache

from client import words
from protocol.frame import UNSET
from protocol.safe import safe
from protocol.values import CHANGE_KINDS, TEXT_KINDS, Message, parse_time


@lru_cache(maxsize=1024)
def _minute(minute: str) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(parse_time(f"{minute}Z") // 1000))


def clock(message_time: str) -> str:
    """A message's time where this terminal stands: ``2022-12-15 20:07:40``."""
    return f"{_minute(message_time[:16])}:{int(message_time[17:19]):02}"


def of(message: Message, *, indent: str = "") -> str:
    """``--2022-12-15 20:07:40-- BOB:Hello World!``; with ``indent``, its further lines stand below each
    other.
    """
    nickname, text = safe(message.nickname), body(message, lines=bool(indent))
    who = f"* {nickname} " if message.kind == "action" else f"{nickname}:"
    return f"--{clock(message.time)}-- {who}{text}".replace("\n", f"\n{indent}")


def body(message: Message, *, lines: bool = False) -> str:
    """What was said, as it stands now, or what happened in words."""
    if message.kind in TEXT_KINDS:
        return _said(message, lines=lines)
    if message.kind in CHANGE_KINDS:
        return change(message.kind, message.text)
    if not is_shown(message):
        return ""
    return words.say(_notice(message), nickname=message.nickname, text=message.text)


def change(kind: str, text: str) -> str:
    """What is done to a message, where that stands on a line of its own."""
    return words.say(f"change.{kind}", text=text)


def _said(message: Message, *, lines: bool) -> str:
    if message.deleted is True:
        return words.say("said.deleted")
    text = safe(message.text, lines=lines)
    return text if message.edited is UNSET else f"{text} {words.say('said.edited')}"


def is_shown(message: Message) -> bool:
    """Whether this client has words for a message of this kind; a newer server may have more kinds."""
    return message.kind in TEXT_KINDS | CHANGE_KINDS or words.knows(_notice(message))


def _notice(message: Message) -> str:
    """The catalogue's key of what happened."""
    kind = "no_topic" if message.kind == "topic" and not message.text else message.kind
    return f"notice.{kind}.{'room' if message.conversation.startswith('#') else 'direct'}"
