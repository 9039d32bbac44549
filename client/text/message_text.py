"""A message as one line of text, for ``--plain``, search results and log.txt.

The screen's counterpart is ``view.messages``.
"""

from chatroom.client.text import i18n
from chatroom.client.text.dates import clock
from chatroom.protocol.frame import UNSET
from chatroom.protocol.safe import safe_text
from chatroom.protocol.values import CHANGE_KINDS, SPOKEN_KINDS, Message

REACTION_KINDS = ("react", "unreact")

QUOTED = 40
"""Characters of a message that are quoted to say which one is meant."""


def message_line(message: Message, target: Message | None = None, *, indent: str = "") -> str:
    """``--2022-12-15 20:07:40-- BOB:Hello World!``; with ``indent``, its further lines stand below each
    other. ``target`` is the message that this one changes or answers, if it is here.
    """
    nickname, text = safe_text(message.nickname), message_body(message, lines=bool(indent))
    if message.kind in CHANGE_KINDS:
        text = change_text(message.kind, message.text, _target_words(message, target))
    elif message.kind in SPOKEN_KINDS and message.target is not UNSET:
        text = f"{i18n.translate('said.to', target=_quoted_start(target))} {text}"
    who = f"* {nickname} " if message.kind in ("action", *CHANGE_KINDS) else f"{nickname}:"
    return f"--{clock(message.time)}-- {who}{text}".replace("\n", f"\n{indent}")


def message_body(message: Message, *, lines: bool = False) -> str:
    """What was said, as it stands now, or what happened in words."""
    if message.kind in SPOKEN_KINDS:
        return _spoken_text(message, lines=lines)
    if message.kind in CHANGE_KINDS:
        return change_text(message.kind, message.text)
    if not is_shown(message):
        return ""
    return i18n.translate(_notice_key(message), nickname=message.nickname, text=message.text)


def change_text(kind: str, text: str, target: str = "") -> str:
    """What is done to a message, where that stands on a line of its own. ``target`` names that message."""
    return i18n.translate(f"change.{kind}", text=text, target=target or i18n.translate("said.earlier"))


def _target_words(message: Message, target: Message | None) -> str:
    """What a change is about: quoted where it still says the same, else by who said it when."""
    if target is None or message.kind in REACTION_KINDS:
        return _quoted_start(target)
    return i18n.translate("said.at", nickname=target.nickname, time=clock(target.time))


def _quoted_start(message: Message | None) -> str:
    """As much of a message as tells which one it is."""
    if message is None:
        return i18n.translate("said.earlier")
    text = message_body(message)
    return f"{safe_text(message.nickname)}:{text if len(text) <= QUOTED else text[:QUOTED] + '…'}"


def _spoken_text(message: Message, *, lines: bool) -> str:
    if message.deleted is True:
        return i18n.translate("said.deleted")
    text = safe_text(message.text, lines=lines)
    return text if message.edited is UNSET else f"{text} {i18n.translate('said.edited')}"


def is_shown(message: Message) -> bool:
    """Whether this client has words for a message of this kind; a newer server may have more kinds."""
    return message.kind in SPOKEN_KINDS | CHANGE_KINDS or i18n.has_translation(_notice_key(message))


def _notice_key(message: Message) -> str:
    """The catalogue's key of what happened."""
    kind = "no_topic" if message.kind == "topic" and not message.text else message.kind
    return f"notice.{kind}.{'room' if message.conversation.startswith('#') else 'direct'}"
