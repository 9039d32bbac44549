"""What the clients of a run do all day: talk, read, come and go, and now and then what they should not."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.delivery.client import Client, Pending
from tests.delivery.history import Way

ROOMS = {"#den": 1.0, "#hall": 1.0, "#booth": 0.4, "#nook": 0.15}
"""The rooms that everybody wants to be in, and for what share of all there are seats."""

VAULT = "#vault"
"""A room of two into which nobody else ever asks to be let; the others only knock."""

FILLINGS = ("", " 你好，世界", " 👩‍👩‍👧 🎉", " \u202eمرحبا", ' "\\" \u2028 \t.', " long" * 40)
"""What a text must be able to hold, and come back with."""

PAUSE = 0.06
"""Seconds between two doings of one client, on average."""


class Talker(Client):
    """A client with habits, once it is told to ``talk``."""

    talks = False
    pace = 1.0  # how many times as busy as usual
    _written = 0
    _acts = False  # something is being done, which may yet change where it has a seat

    @property
    def is_settled(self) -> bool:
        return super().is_settled and not self._acts

    async def _act(self) -> None:
        await asyncio.sleep(self.random.expovariate(self.pace / PAUSE))
        if self.talks:
            (habit,) = self.random.choices(list(HABITS), list(HABITS.values()))
            self._acts = True
            try:
                await habit(self)
            finally:
                self._acts = False

    def write(self, conversation: str, filling: str = "", doomed: str = "") -> Pending:
        """Something new. Others use the same cids, and of mine two each differ in nothing but their case."""
        self._written += 1
        cid = f"{'mM'[self._written % 2]}{self._written // 2}"
        return Pending(cid, conversation, filling if doomed else f"{self.name}'s {cid}{filling}", doomed)

    def somewhere(self) -> str | None:
        """A conversation in which I may speak."""
        return pick(
            self.random, {each for each in self.seats if each in self.inside or not each.startswith("#")}
        )

    def has_pending(self, conversation: str) -> bool:
        return any(pending.conversation == conversation for pending in self.outbox.values())


def pick(random: Random, names: set[str]) -> str | None:
    """One of them, the same for the same seed."""
    return random.choice(sorted(names)) if names else None


async def talk(me: Talker) -> None:
    if place := me.somewhere():
        me.say(me.write(place, me.random.choice(FILLINGS)))


async def chatter(me: Talker) -> None:
    """Several at once, without waiting for answers."""
    if place := me.somewhere():
        for _ in range(5):
            me.say(me.write(place))


async def stammer(me: Talker) -> None:
    """The same one twice, without waiting for the answer."""
    if place := me.somewhere():
        me.say(me.write(place), copies=2)


async def repeat(me: Talker) -> None:
    """One that was acknowledged long ago, as a client does that has lost its memory."""
    if me.said:
        me.say(me.random.choice(me.said))


async def look(me: Talker) -> None:
    if place := pick(me.random, me.seats):
        await me.read(place)


async def browse(me: Talker) -> None:
    if place := pick(me.random, me.seats):
        await me.read(place, me.random.choice((Way.BEFORE, Way.AFTER)), me.random.randrange(200))


async def survey(me: Talker) -> None:
    await me.survey()


async def come(me: Talker) -> None:
    """Into a room, be it for the first time, again, or under another nickname."""
    await me.enter(me.random.choice(list(ROOMS)))


async def visit(me: Talker) -> None:
    """Into a private chat."""
    if place := pick(me.random, {each for each in me.seats if not each.startswith("#")}):
        await me.enter(place)


async def go(me: Talker) -> None:
    place = pick(me.random, me.inside)
    if place and not me.has_pending(place):
        await me.leave(place)


async def resign(me: Talker) -> None:
    """Make room for others, where seats are few."""
    place = pick(me.random, me.seats & {"#booth", "#nook"})
    if place and not me.has_pending(place):
        await me.resign(place)


async def resign_elsewhere(me: Talker) -> None:
    """As a second terminal does, which may have come through another server."""
    place = pick(me.random, me.seats & ROOMS.keys())
    if place and not me.has_pending(place):
        await me.resign_elsewhere(place)


async def forge(me: Talker) -> None:
    """Something else under an old cid."""
    if me.said:
        old = me.random.choice(me.said)
        me.say(Pending(old.cid, old.conversation, f"{old.text}, or not", doomed="cid_reused"))


async def misspeak(me: Talker) -> None:
    if place := me.somewhere():
        code, text = me.random.choice((("empty_text", " "), ("text_too_long", "x" * 4097)))
        me.say(me.write(place, text, doomed=code))


async def knock(me: Talker) -> None:
    """At a door that is not mine: neither a word gets in, nor one out."""
    if VAULT not in me.seats:
        me.say(me.write(VAULT, f"{me.name} knocks", doomed="not_entered"))
        await me.read(VAULT)


HABITS: dict[Callable[[Talker], Awaitable[None]], float] = {
    talk: 60,
    chatter: 6,
    stammer: 4,
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
"""Each with how often it is done, of about a hundred times."""
