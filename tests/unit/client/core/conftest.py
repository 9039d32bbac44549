"""The neighbours of a part of the client's core."""

from pathlib import Path

import pytest

from chatroom.client.core.notes import Notes
from chatroom.client.model.state import ClientState, ConnectionState, Conversation
from chatroom.client.net.known_servers import KnownServers
from tests.unit.client.core.fake_requester import FakeRequester
from tests.unit.client.fake_front_end import FakeFrontEnd


@pytest.fixture
def state() -> ClientState:
    """Alice is logged in and has entered #lab."""
    lab = Conversation("#lab", member=True, entered=True, nickname="ALICE", head=9)
    state = ClientState(link=ConnectionState.LOGGED_IN, username="Alice")
    state.conversations["#lab"] = lab
    return state


@pytest.fixture
def front_end() -> FakeFrontEnd:
    return FakeFrontEnd()


@pytest.fixture
def notes(state: ClientState, front_end: FakeFrontEnd) -> Notes:
    return Notes(state, front_end)


@pytest.fixture
def requester(state: ClientState, front_end: FakeFrontEnd, home: Path) -> FakeRequester:
    return FakeRequester(state, front_end, KnownServers(home / "known_servers"))
