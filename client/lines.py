"""A message as one line of text, for ``--plain``, search results and log.txt.

The screen's counterpart is ``view.messages``.
"""

from client import words
from client.dates import clock
from protocol.frame import UNSET
from protocol.safe import safe
from protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message

REACTION_KINDS = ("react", "unreact")

QUOTED = 40
"""Characters of a message that are quoted to say which one is meant."""


def of(message: Message, target: Message | None = None, *, indent: str = "") -> str:
    """``--2022-12-15 20:07:40-- BOB:Hello World!``; with ``indent``, its further lines stand below each
    other. ``target`` is the message that this one changes or answers, if it is here.
    """
    nickname, text = safe(message.nickname), body(message, lines=bool(indent))
    if message.kind in CHANGE_KINDS:
        text = change(message.kind, message.text, _named(message, target))
    elif message.kind in SPOKEN_KINDS and message.target is not UNSET:
        text = f"{words.say('said.to', target=_quoted(target))} {text}"
    who = f"* {nickname} " if message.kind in ("action", *CHANGE_KINDS) else f"{nickname}:"
    return f"--{clock(message.time)}-- {who}{text}".replace("\n", f"\n{indent}")


def body(message: Message, *, lines: bool = False) -> str:
    """What was said, as it stands now, or what happened in words."""
    if message.kind in SPOKEN_KINDS:
        return _said(message, lines=lines)
    if message.kind in CHANGE_KINDS:
        return change(message.kind, message.text)
    if not is_shown(message):
        return ""
    return words.say(_notice(message), nickname=message.nickname, text=message.text)


def change(kind: str, text: str, target: str = "") -> str:
    """What is done to a message, where that stands on a line of its own. ``target`` names that message."""
    return words.say(f"change.{kind}", text=text, target=target or words.say("said.earlier"))


def _named(message: Message, target: Message | None) -> str:
    """What a change is about: quoted where it still says the same, else by who said it when."""
    if target is None or message.kind in REACTION_KINDS:
        return _quoted(target)
    return words.say("said.at", nickname=target.nickname, time=clock(target.time))


def _quoted(message: Message | None) -> str:
    """As much of a message as tells which one it is."""
    if message is None:
        return words.say("said.earlier")
    text = body(message)
    return f"{safe(message.nickname)}:{text if len(text) <= QUOTED else text[:QUOTED] + '…'}"


def _said(message: Message, *, lines: bool) -> str:
    if message.deleted is True:
        return words.say("said.deleted")
    text = safe(message.text, lines=lines)
    return text if message.edited is UNSET else f"{text} {words.say('said.edited')}"


def is_shown(message: Message) -> bool:
    """Whether this client has words for a message of this kind; a newer server may have more kinds."""
    return message.kind in SPOKEN_KINDS | CHANGE_KINDS or words.knows(_notice(message))


def _notice(message: Message) -> str:
    """The catalogue's key of what happened."""
    kind = "no_topic" if message.kind == "topic" and not message.text else message.kind
    return f"notice.{kind}.{'room' if message.conversation.startswith('#') else 'direct'}"
