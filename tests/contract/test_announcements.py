"""``chat-server admin announce``: a text for all connected users."""

import pytest

from tests.conftest import Serve
from tests.contract.test_admin import admin, admin_output, error_line
from tests.support.processes import Server


@pytest.fixture
def own_server(serve: Serve) -> Server:
    return serve()


def test_announcement_reaches_every_session_that_is_logged_in(own_server: Server) -> None:
    alice, again, bob = own_server.user("Alice"), own_server.connect().login("Alice"), own_server.user("Bob")
    stranger = own_server.connect()
    assert admin_output(own_server, "announce", "  维护 at 18:00 ")[0].startswith("announced to 3 sessions")
    for wire in (alice, again, bob):
        event = wire.event("announcement")
        assert (event["text"], event["time"][-1]) == ("维护 at 18:00", "Z")
    assert stranger.request("ping")["type"] == "pong"
    assert not stranger.events


def test_announcement_is_logged_with_its_text(serve: Serve) -> None:
    server = serve("--log-level", "info")
    admin_output(server, "announce", "Maintenance")
    server.wait_for_log("announce Maintenance")


@pytest.mark.parametrize(
    ("text", "reason"), [(" ", "the announcement is empty"), ("x" * 501, "at most 500 characters")]
)
def test_announcement_of_a_wrong_length_is_refused(own_server: Server, text: str, reason: str) -> None:
    assert reason in error_line(own_server, "announce", text)


def test_announcement_without_a_server_is_refused(own_server: Server) -> None:
    own_server.user("Alice")
    own_server.stop()
    assert admin(own_server, "announce", "Maintenance").err.endswith("no server is running here\n")
