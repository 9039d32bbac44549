"""A database that neither answers nor breaks: requests are told so in time, and the server still ends."""

import pytest

from tests.conftest import Serve
from tests.database import PrivateMariaDB
from tests.processes import QUICK, Server


@pytest.fixture
def hanging(serve: Serve, fragile_mariadb: PrivateMariaDB) -> Server:
    return serve("--database", fragile_mariadb.url("chat"), settings=(*QUICK, "database.patience=2"))


def test_a_hanging_database_is_an_outage(hanging: Server, fragile_mariadb: PrivateMariaDB) -> None:
    alice = hanging.user("Alice")
    fragile_mariadb.pause()
    assert alice.refusal("list_rooms") == "unavailable"
    assert alice.refusal("create_room", room="lab", capacity=3) == "unavailable"
    fragile_mariadb.resume()


def test_sigterm_while_the_database_hangs(hanging: Server, fragile_mariadb: PrivateMariaDB) -> None:
    """Who waits for an answer is told why there will be none, and the exit code is 0."""
    alice = hanging.user("Alice")
    fragile_mariadb.pause()
    alice.start("create_room", room="lab", capacity=3)
    assert hanging.stop() == 0
    assert alice.event("closing")["code"] == "going_away"
    fragile_mariadb.resume()
