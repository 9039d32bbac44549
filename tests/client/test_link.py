"""A connection that is silent: how that is told, and when it is given up."""

from dataclasses import replace

from tests.client.conftest import BRISK, UNHURRIED, Start
from tests.client.fake_server import FakeServer
from tests.client.test_chat import begin, logged_in, until


async def test_a_server_that_does_not_answer_is_left_and_dialled_again(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start(pace=replace(BRISK, answer=0.1))
        peer = await logged_in(fake, app)
        app.write("#lab", "hello")
        unanswered = await peer.hear("send")
        peer = await fake.greet()
        begin(peer, await peer.hear("resume"))
        await peer.hear("send", cid=unanswered["cid"])


async def test_a_silent_connection_is_taken_for_dead(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(pace=replace(BRISK, ping=0.05, dead=0.1))
        await logged_in(fake, app)
        peer = await fake.greet()
        await peer.hear("resume")


async def test_a_ping_that_is_not_answered_is_lag_already(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(pace=replace(UNHURRIED, ping=0.01, look=0.01))
        await logged_in(fake, app)
        await until(app, lambda: app.state.lag is not None)
        before = app.state.lag or 0.0
        await until(app, lambda: (app.state.lag or 0.0) > before)
