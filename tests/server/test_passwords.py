"""Passwords with the real bcrypt, at the least cost there is."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from threading import Event

import bcrypt
import pytest

from protocol.errors import Unavailable
from server.passwords import Passwords


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(cost=4)
    yield passwords
    passwords.close()


def test_the_right_password_and_only_that_one_is_right(passwords: Passwords) -> None:
    async def story() -> None:
        hashed = await passwords.hash("111111")
        assert await passwords.verify("111111", hashed)
        assert not await passwords.verify("111112", hashed)
        assert not await passwords.verify("", hashed)

    asyncio.run(story())


@pytest.mark.parametrize("password", ["密码密码密码", "x" * 72, " spaced ", "\U0001f600" * 18])
def test_any_password_up_to_72_bytes_works(passwords: Passwords, password: str) -> None:
    async def story() -> None:
        assert await passwords.verify(password, await passwords.hash(password))

    asyncio.run(story())


def test_one_password_has_many_hashes_and_each_fits_its_column(passwords: Passwords) -> None:
    async def story() -> None:
        one, other = await passwords.hash("111111"), await passwords.hash("111111")
        assert one != other
        assert len(one) == len(other) == 60

    asyncio.run(story())


def test_what_begins_like_the_password_is_not_the_password(passwords: Passwords) -> None:
    async def story() -> None:
        hashed = await passwords.hash("x" * 72)
        assert not await passwords.verify("x" * 73, hashed)
        assert not await passwords.verify("x" * 72 + "\0", hashed)

    asyncio.run(story())


@pytest.mark.parametrize("password", ["111111", "", ".", "x" * 100, "a\0b", "\ud800"])
def test_nobody_has_no_password_but_is_checked_like_anybody(
    passwords: Passwords, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []

    def checkpw(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed[:7])
        return real(password, hashed)

    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert not asyncio.run(passwords.verify(password, None))
    assert costs == [b"$2b$04$"]


def test_a_hash_of_another_cost_is_good_and_due_for_a_new_one(passwords: Passwords) -> None:
    async def story() -> None:
        old = bcrypt.hashpw(b"111111", bcrypt.gensalt(5)).decode()
        assert await passwords.verify("111111", old)
        assert passwords.needs_rehash(old)
        assert not passwords.needs_rehash(await passwords.hash("111111"))

    asyncio.run(story())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Every hash waits for this."""
    done, real = Event(), bcrypt.checkpw

    def checkpw(password: bytes, hashed: bytes) -> bool:
        done.wait()
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    yield done
    done.set()


def test_a_crowd_is_told_to_come_back(slow: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(cost=4, patience=10, threads=2)
    monkeypatch.setattr(passwords, "_seconds", 1.0)  # as if every hash took a second

    async def story() -> None:
        crowd = [asyncio.ensure_future(passwords.verify("111111", None)) for _ in range(21)]
        await asyncio.sleep(0)  # all of them stand in the queue now
        with pytest.raises(Unavailable) as refusal:
            await passwords.verify("111111", None)
        assert refusal.value.details == {"retry_after": 1}
        slow.set()
        assert await asyncio.gather(*crowd) == [False] * 21
        assert not await passwords.verify("111111", None)

    asyncio.run(story())
    passwords.close()


def test_the_loop_does_not_wait_for_a_password(slow: Event, passwords: Passwords) -> None:
    async def story() -> None:
        checking = asyncio.ensure_future(passwords.verify("111111", None))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not checking.done()
        slow.set()
        await checking

    asyncio.run(story())


def test_whoever_gave_up_leaves_the_queue(slow: Event, passwords: Passwords) -> None:
    async def story() -> None:
        await _given_up(lambda: passwords.verify("111111", None))
        assert passwords._waiting == 0
        slow.set()

    asyncio.run(story())


async def _given_up(ask: Callable[[], Awaitable[bool]]) -> None:
    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
