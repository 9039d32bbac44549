"""The filters of ``/search``: ``from:NAME in:ROOM before:DATE after:DATE``, in any place of the line."""

import re
from datetime import datetime
from typing import NamedTuple

from chatroom.client.commands.conversations import UsageError
from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.text import dates
from chatroom.protocol.names import name_key
from chatroom.protocol.values import Message

_WORD = re.compile(r'"[^"]*"?|\S+')
_FILTER = re.compile(r"(from|in|before|after):(\S+)", re.IGNORECASE)


class SearchFilters(NamedTuple):
    """The words to search for, and which messages match. Times are those of the protocol."""

    words: str
    author: str = ""
    conversation: str = ""
    before: str = ""
    after: str = ""

    def accepts(self, message: Message) -> bool:
        """Whether a message is by the author and not too old. The server checks the rest."""
        names = map(name_key, (message.username, message.nickname))
        return (not self.author or name_key(self.author) in names) and not self.is_too_old(message)

    def is_too_old(self, message: Message) -> bool:
        return bool(self.after) and message.time < self.after


def parse_search(state: ClientState, line: str) -> SearchFilters:
    """Split a line into words and filters. Raises ``UsageError``."""
    words, values = [], {}
    for word in _WORD.findall(line):
        if match := _FILTER.fullmatch(word):
            values[match[1].lower()] = match[2]
        else:
            words.append(word)
    if not words:
        raise UsageError("search_words")
    name = values.get("in", "")
    conversation = select.find_conversation(state, name) if name else ""
    if conversation is None:
        raise UsageError("no_conversation", name=name)
    return SearchFilters(
        " ".join(words),
        author=values.get("from", "").lstrip("@"),
        conversation=conversation,
        before=_wire_time(values.get("before", "")),
        after=_wire_time(values.get("after", "")),
    )


def _wire_time(typed: str) -> str:
    if not typed:
        return ""
    try:
        return dates.wire_time(dates.parse_moment(typed, datetime.now().astimezone()))
    except dates.DateError:
        raise UsageError("no_date", text=typed) from None
