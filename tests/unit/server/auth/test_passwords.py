"""Password hashing with the real bcrypt at its lowest cost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from threading import Event

import bcrypt
import pytest

from chatroom.protocol.errors import Unavailable
from chatroom.server.auth.passwords import PasswordHasher


@pytest.fixture
def passwords() -> Iterator[PasswordHasher]:
    passwords = PasswordHasher(cost=4)
    yield passwords
    passwords.close()


def test_only_the_right_password_verifies(passwords: PasswordHasher) -> None:
    async def story() -> None:
        hashed = await passwords.hash_password("111111")
        assert await passwords.verify_password("111111", hashed)
        assert not await passwords.verify_password("111112", hashed)
        assert not await passwords.verify_password("", hashed)

    asyncio.run(story())


@pytest.mark.parametrize("password", ["密码密码密码", "x" * 72, " spaced ", "\U0001f600" * 18])
def test_password_of_up_to_72_bytes_verifies(passwords: PasswordHasher, password: str) -> None:
    async def story() -> None:
        assert await passwords.verify_password(password, await passwords.hash_password(password))

    asyncio.run(story())


def test_hashes_of_one_password_differ_and_fit_the_column(passwords: PasswordHasher) -> None:
    async def story() -> None:
        first, second = await passwords.hash_password("111111"), await passwords.hash_password("111111")
        assert first != second
        assert len(first) == len(second) == 60

    asyncio.run(story())


def test_longer_password_with_the_same_prefix_is_refused(passwords: PasswordHasher) -> None:
    async def story() -> None:
        hashed = await passwords.hash_password("x" * 72)
        assert not await passwords.verify_password("x" * 73, hashed)
        assert not await passwords.verify_password("x" * 72 + "\0", hashed)

    asyncio.run(story())


@pytest.mark.parametrize("password", ["111111", "", ".", "x" * 100, "a\0b", "\ud800"])
def test_unknown_user_is_checked_and_refused(
    passwords: PasswordHasher, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []

    def checkpw(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed[:7])
        return real(password, hashed)

    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert not asyncio.run(passwords.verify_password(password, None))
    assert costs == [b"$2b$04$"]


def test_hash_of_another_cost_verifies_and_needs_rehash(passwords: PasswordHasher) -> None:
    async def story() -> None:
        old = bcrypt.hashpw(b"111111", bcrypt.gensalt(5)).decode()
        assert await passwords.verify_password("111111", old)
        assert passwords.needs_rehash(old)
        assert not passwords.needs_rehash(await passwords.hash_password("111111"))

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


def test_long_queue_refuses_with_retry_after(slow: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = PasswordHasher(cost=4, max_wait=10, threads=2)
    monkeypatch.setattr(passwords, "_seconds", 1.0)  # as if every hash took a second

    async def story() -> None:
        crowd = [asyncio.ensure_future(passwords.verify_password("111111", None)) for _ in range(21)]
        await asyncio.sleep(0)  # all of them are queued now
        with pytest.raises(Unavailable) as refusal:
            await passwords.verify_password("111111", None)
        assert refusal.value.details == {"retry_after": 1}
        slow.set()
        assert await asyncio.gather(*crowd) == [False] * 21
        assert not await passwords.verify_password("111111", None)

    asyncio.run(story())
    passwords.close()


@dataclass
class Connected:
    """Asks for hashes."""

    address: str
    hashes: int = 0


def served_order(
    asked: list[tuple[str, Connected, bool]], monkeypatch: pytest.MonkeyPatch, started: Event
) -> list[str]:
    """Return the names in the order in which a single thread hashes for them; the first one blocks it."""
    passwords, order = PasswordHasher(cost=4, max_wait=0, threads=1), []
    real_check, real_hash = bcrypt.checkpw, bcrypt.hashpw

    def checkpw(password: bytes, hashed: bytes) -> bool:
        started.wait()
        order.append(password.decode())
        return real_check(password, hashed)

    def hashpw(password: bytes, salt: bytes) -> bytes:
        order.append(password.decode())
        return real_hash(password, salt)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)

    async def story() -> None:
        waiting: list[asyncio.Future[str] | asyncio.Future[bool]] = []
        for name, asker, registers in asked:
            if registers:
                waiting.append(asyncio.ensure_future(passwords.hash_password(name, asker, registers=True)))
            else:
                waiting.append(asyncio.ensure_future(passwords.verify_password(name, None, asker)))
            await asyncio.sleep(0)
        started.set()
        await asyncio.gather(*waiting)

    asyncio.run(story())
    passwords.close()
    return order


def test_addresses_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [(f"crowd{n}", Connected("192.0.2.1"), False) for n in range(4)]
    other = [(f"other{n}", Connected("192.0.2.2"), False) for n in range(2)]
    order = served_order([*crowd, *other], monkeypatch, Event())
    assert order == ["crowd0", "crowd1", "other0", "crowd2", "other1", "crowd3"]


def test_connections_with_fewer_requests_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    guessing, honest = Connected("192.0.2.1"), Connected("192.0.2.1")
    asked = [(f"guess{n}", guessing, False) for n in range(3)]
    order = served_order([*asked, ("honest", honest, False)], monkeypatch, Event())
    assert order == ["guess0", "honest", "guess1", "guess2"]


def test_logins_go_before_registrations_but_do_not_stop_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [("login0", Connected("192.0.2.1"), False)]
    asked += [(f"register{n}", Connected(f"192.0.2.{n}"), True) for n in range(3)]
    asked += [(f"login{n}", Connected("192.0.2.9"), False) for n in range(1, 6)]
    order = served_order(asked, monkeypatch, Event())
    assert order[:6] == ["login0", "login1", "login2", "register0", "login3", "login4"]


def test_queue_of_another_address_does_not_refuse_a_connection(
    slow: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = PasswordHasher(cost=4, max_wait=10, threads=2)
    monkeypatch.setattr(passwords, "_seconds", 1.0)

    async def story() -> None:
        crowd = [
            asyncio.ensure_future(passwords.verify_password("111111", None, Connected("192.0.2.1")))
            for _ in range(21)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await passwords.verify_password("111111", None, Connected("192.0.2.1"))
        honest = asyncio.ensure_future(passwords.verify_password("111111", None, Connected("192.0.2.2")))
        await asyncio.sleep(0)
        slow.set()
        assert await honest is False
        await asyncio.gather(*crowd)

    asyncio.run(story())
    passwords.close()


def test_hashing_does_not_block_the_event_loop(slow: Event, passwords: PasswordHasher) -> None:
    async def story() -> None:
        checking = asyncio.ensure_future(passwords.verify_password("111111", None))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not checking.done()
        slow.set()
        await checking

    asyncio.run(story())


def test_cancelled_request_leaves_the_queue(slow: Event, passwords: PasswordHasher) -> None:
    async def story() -> None:
        await _given_up(lambda: passwords.verify_password("111111", None))
        assert passwords._waiting == 0
        slow.set()

    asyncio.run(story())


async def _given_up(ask: Callable[[], Awaitable[bool]]) -> None:
    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(("typed", "other"), [
    ("caf\u00e9-1", "cafe\u0301-1"),
    ("\u1ec7\u1ec7\u1ec7\u1ec7", "e\u0323\u0302" * 4),
    ("\ud55c\uae00\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af" * 2),
    ("two words", "two\u3000words"),
    ("two words", "two\u00a0words"),
])  # fmt: skip
async def test_password_in_another_normal_form_verifies(
    passwords: PasswordHasher, typed: str, other: str
) -> None:
    for hashed, given in ((typed, other), (other, typed)):
        assert await passwords.verify_password(given, await passwords.hash_password(hashed))


@pytest.mark.parametrize("typed", ["cafe\u0301-1", "caf\u00e9-1", "two\u3000words", "\u2126\u2126\u2126"])
async def test_hash_of_password_as_typed_still_verifies(passwords: PasswordHasher, typed: str) -> None:
    """A hash from before passwords were normalised."""
    old = bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode()
    assert await passwords.verify_password(typed, old)


@pytest.mark.parametrize("now", ["caf\u00e9-1", "cafe\u0301-1"])
async def test_hash_of_decomposed_password_verifies_in_both_forms(
    passwords: PasswordHasher, now: str
) -> None:
    old = bcrypt.hashpw("cafe\u0301-1".encode(), bcrypt.gensalt(4)).decode()
    assert await passwords.verify_password(now, old)
    assert not await passwords.verify_password("cafe-1", old)


@pytest.mark.parametrize("password", ["Passw\u00f6rd", "PASSW\u00d6RD", "\uff50assword", "ﬁfth1", " spaced"])
async def test_case_and_width_of_password_matter(passwords: PasswordHasher, password: str) -> None:
    hashed = await passwords.hash_password(password)
    for other in ("passw\u00f6rd", "password", "fifth1", "spaced"):
        assert not await passwords.verify_password(other, hashed)
