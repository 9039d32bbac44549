"""Many clients that guess passwords or register, and the latency of honest users.

No test looks at a clock: an honest answer must come while most of the crowd still waits for its own.
"""

import select
import threading
import time

import pytest

from tests.conftest import Serve
from tests.support.processes import PATIENCE, Json, Wire

DEFAULTS = (
    "limits.rate=5", "limits.password_attempts=5", "limits.connections_per_address=64",
    "limits.new_connections_per_minute=128", "password.bcrypt_cost=10",
)  # fmt: skip


def unanswered(crowd: list[Wire]) -> int:
    """Return the number of clients that still wait for a response."""
    sockets = [wire.socket for wire in crowd]
    return len(crowd) - len(select.select(sockets, [], [], 0)[0])


def test_login_is_answered_before_many_registrations(serve: Serve) -> None:
    server = serve(settings=DEFAULTS)
    server.user("Alice")
    honest, crowd = server.connect(), [server.connect() for _ in range(39)]
    for number, wire in enumerate(crowd):
        wire.start("register", username=f"crowd{number}", password="111111")
    honest.login("Alice")
    assert unanswered(crowd) > 10
    assert {wire.answer(1)["type"] for wire in crowd} == {"ok"}


def test_login_is_answered_before_guesses_from_same_address(serve: Serve) -> None:
    server = serve(settings=DEFAULTS)
    server.user("Alice")
    crowd = [server.connect() for _ in range(40)]
    for round in range(3):
        for number, wire in enumerate(crowd):
            wire.start("login", username=f"r{round}n{number}", password="wrong-1")
    for wire in crowd:
        assert wire.answer(1)["code"] == "unknown_user"
    assert server.connect().login("Alice").username == "Alice"
    assert unanswered(crowd) > 10


def test_registrations_of_address_are_limited_with_retry_after(serve: Serve) -> None:
    server = serve(settings=("limits.rate=5", "limits.registrations_burst=3"))
    wire = server.connect()
    for number in range(3):
        wire.request("register", username=f"user{number}", password="111111")
    refused = server.connect().ask("register", username="user3", password="111111")
    assert refused["code"] == "rate_limited"
    assert 0 < refused["details"]["retry_after"] <= 6
    assert wire.refusal("register", username="user0", password="111111") == "username_taken"
    assert wire.login("user0").username == "user0"


@pytest.mark.parametrize("setting", ["limits.registrations_per_minute=0", "limits.registrations_burst=0"])
def test_registrations_are_unlimited_without_a_limit(serve: Serve, setting: str) -> None:
    wire = serve(settings=("limits.rate=5", setting)).connect()
    for number in range(45):
        wire.request("register", username=f"user{number}", password="111111")


def test_class_behind_one_address_registers_and_sends_at_once(serve: Serve) -> None:
    server = serve(settings=(*DEFAULTS, "password.bcrypt_cost=4", "limits.registrations_burst=60"))
    wires = [server.connect() for _ in range(60)]
    for wire, number in zip(wires, range(60), strict=True):
        wire.start("register", username=f"pupil{number}", password="111111")
        wire.start("login", username=f"pupil{number}", password="111111")
        wire.start("create_room", room=f"room{number}", capacity=60)
    assert {wire.answer(3)["type"] for wire in wires} == {"room"}
    for wire in wires:
        wire.request("enter_room", room="room0", nickname="N")
    for wire in wires:
        for number in range(5):
            wire.start("send", to="#room0", text=f"{number}")
    for wire in wires:
        assert [wire.message(kind="text")["text"] for _ in range(300)].count("4") == 60


def ask_patiently(wire: Wire, type: str, **fields: object) -> Json:
    """Ask again after the time that the server asks for, as our client does."""
    while (answer := wire.ask(type, **fields)).get("code") in ("rate_limited", "unavailable"):
        time.sleep(answer["details"]["retry_after"])
    return answer


def test_class_behind_one_address_works_within_the_default_limits(serve: Serve) -> None:
    """Only the wait after the burst of registrations is shorter here."""
    settings = (*DEFAULTS, "password.bcrypt_cost=4", "limits.registrations_per_minute=1200")
    server = serve(settings=settings)
    wires = [server.connect() for _ in range(60)]
    answers: list[str] = []

    def attend(wire: Wire, number: int) -> None:
        pupil = f"pupil{number}"
        steps: list[tuple[str, Json]] = [
            ("register", {"username": pupil, "password": "111111"}),
            ("login", {"username": pupil, "password": "111111"}),
            ("list_rooms", {}),
            ("create_room", {"room": f"room{number}", "capacity": 60}),
            ("enter_room", {"room": f"room{number % 2}", "nickname": pupil}),
            ("list_members", {"room": f"room{number % 2}"}),
            *[("send", {"to": f"#room{number % 2}", "text": "hello"})] * 10,
        ]
        for type, fields in steps:
            while (answer := ask_patiently(wire, type, **fields)).get("code") == "unknown_room":
                time.sleep(0.05)  # its owner has not created it yet
            answers.append(answer.get("code", "ok"))

    threads = [threading.Thread(target=attend, args=each) for each in zip(wires, range(60), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["ok"] * 60 * 16


def test_many_guesses_leave_token_logins_responsive(serve: Serve) -> None:
    server = serve(settings=DEFAULTS)
    token = server.user("Alice").token
    crowd = [server.connect() for _ in range(40)]
    for number, wire in enumerate(crowd):
        wire.start("login", username=f"n{number}", password="wrong-1")
    assert server.connect().request("resume", token=token)["username"] == "Alice"
    assert unanswered(crowd) > 10
