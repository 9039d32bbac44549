"""The workload of a run: clients send, read, enter, leave, and sometimes do what must be refused."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.delivery.client import Client, Pending
from tests.delivery.history import Way

ROOMS = {"#den": 1.0, "#hall": 1.0, "#booth": 0.4, "#nook": 0.15}
"""The rooms that all clients try to enter, and the share of clients for which each has seats."""

VAULT = "#vault"
"""A room with two members. The other clients only try to send there."""

TEXT_SUFFIXES = ("", " 你好，世界", " 👩‍👩‍👧 🎉", " \u202eمرحبا", ' "\\" \u2028 \t.', " long" * 40)
"""Texts that must be stored unchanged."""

ACTION_INTERVAL = 0.06
"""Average seconds between two actions of a client."""


class RandomClient(Client):
    """A client that acts at random once ``talks`` is set."""

    talks = False
    pace = 1.0  # factor of the speed
    _written = 0
    _acts = False  # an action runs that may change the seats

    @property
    def is_settled(self) -> bool:
        return super().is_settled and not self._acts

    async def _act(self) -> None:
        await asyncio.sleep(self.random.expovariate(self.pace / ACTION_INTERVAL))
        if self.talks:
            (action,) = self.random.choices(list(ACTIONS), list(ACTIONS.values()))
            self._acts = True
            try:
                await action(self)
            finally:
                self._acts = False

    def write(self, conversation: str, filling: str = "", doomed: str = "") -> Pending:
        """A new message. Other clients use the same cids, and pairs of own cids differ only in case."""
        self._written += 1
        cid = f"{'mM'[self._written % 2]}{self._written // 2}"
        return Pending(cid, conversation, filling if doomed else f"{self.name}'s {cid}{filling}", doomed)

    def somewhere(self) -> str | None:
        """A conversation to which this client may send."""
        return pick(
            self.random, {each for each in self.seats if each in self.inside or not each.startswith("#")}
        )

    def has_pending(self, conversation: str) -> bool:
        return any(pending.conversation == conversation for pending in self.outbox.values())


def pick(random: Random, names: set[str]) -> str | None:
    """One of the names, the same for the same seed."""
    return random.choice(sorted(names)) if names else None


async def talk(me: RandomClient) -> None:
    if place := me.somewhere():
        me.say(me.write(place, me.random.choice(TEXT_SUFFIXES)))


async def send_several(me: RandomClient) -> None:
    """Several messages at once, without waiting for answers."""
    if place := me.somewhere():
        for _ in range(5):
            me.say(me.write(place))


async def send_twice(me: RandomClient) -> None:
    """The same message twice, without waiting for the answer."""
    if place := me.somewhere():
        me.say(me.write(place), copies=2)


async def repeat(me: RandomClient) -> None:
    """Resend a message that was acknowledged long ago, as a client does that has lost its state."""
    if me.acknowledged:
        me.say(me.random.choice(me.acknowledged))


async def look(me: RandomClient) -> None:
    if place := pick(me.random, me.seats):
        await me.read(place)


async def browse(me: RandomClient) -> None:
    if place := pick(me.random, me.seats):
        await me.read(place, me.random.choice((Way.BEFORE, Way.AFTER)), me.random.randrange(200))


async def survey(me: RandomClient) -> None:
    await me.survey()


async def come(me: RandomClient) -> None:
    """Enter a room: for the first time, again, or under another nickname."""
    await me.enter(me.random.choice(list(ROOMS)))


async def visit(me: RandomClient) -> None:
    """Enter a private chat."""
    if place := pick(me.random, {each for each in me.seats if not each.startswith("#")}):
        await me.enter(place)


async def go(me: RandomClient) -> None:
    place = pick(me.random, me.inside)
    if place and not me.has_pending(place):
        await me.leave(place)


async def resign(me: RandomClient) -> None:
    """Give up a seat in one of the small rooms."""
    place = pick(me.random, me.seats & {"#booth", "#nook"})
    if place and not me.has_pending(place):
        await me.resign(place)


async def resign_elsewhere(me: RandomClient) -> None:
    """Give up a seat on another connection, perhaps to another server."""
    place = pick(me.random, me.seats & ROOMS.keys())
    if place and not me.has_pending(place):
        await me.resign_elsewhere(place)


async def forge(me: RandomClient) -> None:
    """Send other content under an old cid."""
    if me.acknowledged:
        old = me.random.choice(me.acknowledged)
        me.say(Pending(old.cid, old.conversation, f"{old.text}, or not", doomed="cid_reused"))


async def misspeak(me: RandomClient) -> None:
    if place := me.somewhere():
        code, text = me.random.choice((("empty_text", " "), ("text_too_long", "x" * 4097)))
        me.say(me.write(place, text, doomed=code))


async def knock(me: RandomClient) -> None:
    """Send to and read a room without being a member: both must be refused."""
    if VAULT not in me.seats:
        me.say(me.write(VAULT, f"{me.name} knocks", doomed="not_entered"))
        await me.read(VAULT)


ACTIONS: dict[Callable[[RandomClient], Awaitable[None]], float] = {
    talk: 60,
    send_several: 6,
    send_twice: 4,
    repeat: 4,
    look: 8,
    browse: 3,
    survey: 2,
    come: 8,
    visit: 1,
    go: 2,
    resign: 2,
    resign_elsewhere: 3,
    forge: 2,
    misspeak: 1,
    knock: 2,
}
"""The actions and their weights, of about a hundred."""
