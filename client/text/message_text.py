"""Formats a message as one line of text, for ``--plain``, search results and log.txt.

``view.history.message_rows`` formats messages for the full screen.
"""

from chatroom.client.text import i18n
from chatroom.client.text.dates import clock
from chatroom.protocol.frame import UNSET
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message

REACTION_KINDS = ("react", "unreact")

QUOTE_LENGTH = 40
"""Characters of another message that are quoted to identify it."""


def message_line(message: Message, target: Message | None = None, *, indent: str = "") -> str:
    """Return ``--2022-12-15 20:07:40-- BOB:Hello World!``.

    ``target`` is the message that this one changes or answers, if it is loaded. With ``indent``, line breaks
    are kept and the following lines are indented.
    """
    nickname, text = safe_text(message.nickname), message_body(message, lines=bool(indent))
    if message.kind in CHANGE_KINDS:
        text = change_text(message.kind, message.text, _describe_target(message, target))
    elif message.kind in SPOKEN_KINDS and message.target is not UNSET:
        text = i18n.translate("said.to", target=_quote_start(target)) + text
    if message.kind in ("action", *CHANGE_KINDS):
        prefix = f"* {nickname} "
    else:
        prefix = f"{nickname}:" if message.kind in SPOKEN_KINDS else ""  # a notice begins with the name
    return f"--{clock(message.time)}-- {prefix}{text}".replace("\n", f"\n{indent}")


def short_line(message: Message) -> str:
    """Return ``2022-12-15 20:07 BOB: Hello World!``, for lists on the screen."""
    line = f"{clock(message.time)[:16]} {safe_text(message.nickname)}: {message_body(message)}"
    return line.replace("\n", " ")


def message_body(message: Message, *, lines: bool = False) -> str:
    """Return the current text of a message, or the sentence of a notice."""
    if message.kind in SPOKEN_KINDS:
        return _spoken_text(message, lines=lines)
    if message.kind in CHANGE_KINDS:
        return change_text(message.kind, message.text)
    return notice_text(message, message.nickname) if is_shown(message) else ""


def notice_text(message: Message, nickname: str) -> str:
    """Return the sentence of a notice for the screen and ``--plain``: ``Bob joined``."""
    return i18n.translate(_notice_key("notice", message), nickname=nickname, text=message.text)


def transcript_text(message: Message) -> str:
    """Return the text of a message for log.txt, where notices have the report's sentences."""
    if message.kind in SPOKEN_KINDS or not is_shown(message):
        return message_body(message)
    return i18n.translate(_notice_key("log", message), nickname=message.nickname, text=message.text)


def change_text(kind: str, text: str, target: str = "") -> str:
    """Describe a change to a message in one line. ``target`` identifies the message."""
    return i18n.translate(f"change.{kind}", text=text, target=target or i18n.translate("said.earlier"))


def _describe_target(message: Message, target: Message | None) -> str:
    """Identify the target of a change: by a quotation if its text is unchanged, else by sender and time."""
    if target is None or message.kind in REACTION_KINDS:
        return _quote_start(target)
    return i18n.translate("said.at", nickname=target.nickname, time=clock(target.time))


def _quote_start(message: Message | None) -> str:
    """Quote the start of a message to identify it."""
    if message is None:
        return i18n.translate("said.earlier")
    text = message_body(message)
    return f"{safe_text(message.nickname)}:{text if len(text) <= QUOTE_LENGTH else text[:QUOTE_LENGTH] + '…'}"


def _spoken_text(message: Message, *, lines: bool) -> str:
    if message.deleted is True:
        return i18n.translate("said.deleted")
    text = safe_text(message.text, lines=lines)
    return text if message.edited is UNSET else text + i18n.translate("said.edited")


def is_shown(message: Message) -> bool:
    """Whether this client has words for a message of this kind; a newer server may have more kinds."""
    return message.kind in SPOKEN_KINDS | CHANGE_KINDS or i18n.has_translation(_notice_key("notice", message))


def _notice_key(form: str, message: Message) -> str:
    """Return the catalogue's key of a notice; ``form``: ``notice``, or ``log`` for log.txt."""
    kind = "no_topic" if message.kind == "topic" and not message.text else message.kind
    return f"{form}.{kind}.{'room' if message.conversation.startswith('#') else 'direct'}"
