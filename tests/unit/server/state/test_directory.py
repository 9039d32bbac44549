"""The directory of who is connected, without a server."""

from unittest.mock import Mock

import pytest

from chatroom.db import records
from chatroom.protocol import names
from chatroom.server.state.directory import LiveAccount, LiveDirectory


def room(number: int, name: str) -> Mock:
    seat = Mock(spec=records.SeatRecord, nickname="", entered=True, read=0, unread=0)
    record = Mock(spec=records.RoomRecord, conversation_id=number, seat=seat, roster=1, head=0, first=1)
    record.configure_mock(name=name)
    return record


@pytest.fixture
def directory() -> LiveDirectory:
    return LiveDirectory()


def seated(directory: LiveDirectory, *room_names: str) -> LiveAccount:
    account = directory.add_account(1, "Alice")
    for number, name in enumerate(room_names):
        directory.seat_in_room(account, room(number, name))
    return account


def test_unknown_conversation_costs_one_normalisation_however_many_seats_there_are(
    directory: LiveDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = seated(directory, *(f"房间{number}" for number in range(500)))
    keyed, real = [], names.name_key

    def key(name: str) -> bytes:
        keyed.append(name)
        return real(name)

    monkeypatch.setattr(names, "name_key", key)
    assert directory.find_seat(account, "#nowhere") is None
    assert keyed == ["nowhere"]


def test_seat_is_found_in_any_spelling_until_it_is_dropped(directory: LiveDirectory) -> None:
    account = seated(directory, "Lab", "lab2")
    for label in ("#Lab", "#LAB", "#ｌａｂ"):
        seat = directory.find_seat(account, label)
        assert seat is not None
        assert seat.label == "#Lab"
    assert directory.find_seat(account, "@lab") is None
    directory.drop_seat(account, 0)
    assert directory.find_seat(account, "#LAB") is None
    assert directory.find_seat(account, "#LAB2") is not None
