"""Whom a typed name means. Every command that takes an account resolves the name here, once, before it acts.

``@NAME`` is the account of that name. A bare name is an account's, or a nickname that a member has in one of
the user's rooms; if several accounts fit, the command is refused and the candidates are named. Completion
inserts what ``NameTable.typed`` returns, so that a command resolves it to the account that was offered.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from chatroom.client.commands.context import CommandContext
from chatroom.client.core.requester import expect
from chatroom.client.model import select
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.net.connection import Refused
from chatroom.protocol import names, requests, responses
from chatroom.protocol.values import Member


@lru_cache(maxsize=65536)
def _key(name: str) -> bytes:
    return names.name_key(name)


class NameTable:
    """The names that are known here: of accounts, and the nicknames of some members."""

    def __init__(self, accounts: Iterable[str], members: Iterable[Member]) -> None:
        members = list(members)
        self._accounts = {_key(username): username for username in accounts}
        self._accounts |= {_key(member.username): member.username for member in members}
        self._nicknames: dict[bytes, list[str]] = {}
        self._first_words: set[bytes] = set()  # of nicknames with blanks
        self.longest = 1  # words in a nickname
        for member in members:
            if member.nickname:
                self._nicknames.setdefault(_key(member.nickname), []).append(member.username)
                words = member.nickname.split()
                self.longest = max(self.longest, len(words))
                if len(words) > 1:
                    self._first_words.add(_key(words[0]))

    @classmethod
    def of(cls, state: ClientState) -> "NameTable":
        """Friends, past friends, the user, and the members of the user's rooms."""
        friends = [direct.name[1:] for direct in select.list_directs(state)]
        seats = [seat for room in select.list_rooms(state, mine=True) for seat in room.roster]
        return cls([state.username, *friends], seats)

    def candidates(self, name: str) -> list[str]:
        """The accounts that a name may mean, each once."""
        account = self._accounts.get(_key(name.removeprefix("@")))
        usernames = [] if account is None else [account]
        if not name.startswith("@"):
            usernames += self._nicknames.get(_key(name), [])
        return list(dict.fromkeys(usernames))

    def typed(self, username: str) -> str:
        """How to type an account's name so that it means that account alone."""
        is_clear = self.candidates(username) == [username] and _key(username) not in self._first_words
        return username if is_clear else f"@{username}"


class Addressee(NamedTuple):
    """An account, and the text after its name."""

    username: str
    text: str


def account_name(context: CommandContext, name: str) -> str:
    """The account that a name means, as it was registered; one that is not known here, as it was typed.

    Raises ``Refused`` if it may mean several.
    """
    return _single(name, NameTable.of(context.state).candidates(name))


async def member(context: CommandContext, room: Conversation, name: str) -> str:
    """``account_name``, by the names in one room. Its members are requested if they are not loaded."""
    if not room.roster and context.state.link is ConnectionState.LOGGED_IN:
        await context.requests.ask_all_pages(requests.ListMembers(id=0, room=room.name))
    return _single(name, NameTable((), room.roster).candidates(name))


async def existing(context: CommandContext, name: str) -> str:
    """``account_name``, looked up on the server if it is not known here. Raises ``Refused`` if there is
    none."""
    if candidates := NameTable.of(context.state).candidates(name):
        return _single(name, candidates)
    try:
        answer = await context.requests.ask(requests.Whois(id=0, username=name.removeprefix("@")))
    except Refused as error:
        if error.code in ("unknown_user", "bad_username"):
            raise Refused("no_such_user", {"name": name}) from None
        raise
    return expect(answer, responses.User).user.username


def addressee(context: CommandContext, line: str) -> Addressee:
    """The account at the beginning of a line, and the rest. A nickname may have blanks.

    If both an account Wang and a nickname Wang Fang are known, ``Wang Fang hello`` is refused.
    """
    table, words = NameTable.of(context.state), line.split()
    fits = {length: table.candidates(" ".join(words[:length])) for length in range(1, table.longest + 1)}
    candidates = list(dict.fromkeys(username for fit in fits.values() for username in fit))
    length = max((length for length, fit in fits.items() if fit and length <= len(words)), default=1)
    name, *rest = " ".join(words[:length]), *line.split(maxsplit=length)[length:]
    return Addressee(_single(name, candidates), rest[0] if rest else "")


def _single(name: str, candidates: list[str]) -> str:
    if len(candidates) > 1:
        listed = ", ".join(f"@{username}" for username in candidates)
        raise Refused("ambiguous_name", {"name": name, "names": listed})
    return candidates[0] if candidates else name.removeprefix("@")
