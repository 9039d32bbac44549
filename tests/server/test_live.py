"""The directory of who is connected, without a server."""

from unittest.mock import Mock

import pytest

from db import records
from protocol import names
from server.live import Account, Directory


def room(number: int, name: str) -> Mock:
    seat = Mock(spec=records.Seat, nickname="", entered=True, read=0, unread=0)
    found = Mock(spec=records.Room, conversation_id=number, seat=seat, roster=1, head=0)
    found.configure_mock(name=name)
    return found


@pytest.fixture
def directory() -> Directory:
    return Directory()


def seated(directory: Directory, *room_names: str) -> Account:
    account = directory.add_account(1, "Alice")
    for number, name in enumerate(room_names):
        directory.seat_in_room(account, room(number, name))
    return account


def test_unknown_conversation_costs_one_normalisation_however_many_seats_there_are(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = seated(directory, *(f"房间{number}" for number in range(500)))
    keyed, real = [], names.key

    def key(name: str) -> bytes:
        keyed.append(name)
        return real(name)

    monkeypatch.setattr(names, "key", key)
    assert directory.find_seat(account, "#nowhere") is None
    assert keyed == ["nowhere"]


def test_seat_is_found_in_any_spelling_until_it_is_dropped(directory: Directory) -> None:
    account = seated(directory, "Lab", "lab2")
    for label in ("#Lab", "#LAB", "#ｌａｂ"):
        seat = directory.find_seat(account, label)
        assert seat is not None
        assert seat.label == "#Lab"
    assert directory.find_seat(account, "@lab") is None
    directory.drop_seat(account, 0)
    assert directory.find_seat(account, "#LAB") is None
    assert directory.find_seat(account, "#LAB2") is not None
