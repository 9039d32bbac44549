"""Announcements of an administrator."""

from chatroom.client.text import i18n
from chatroom.client.view.panes.banner import belongs_in_banner
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer
from tests.unit.client.fake_session import log_in, wait_until


async def test_announcement_is_a_note_and_a_banner(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        time = "2026-11-22T17:45:00.000Z"
        peer.send(type="announcement", text="Maintenance\x1b[2J at 18:00", time=time)
        await wait_until(app, lambda: app.state.notes)
        [note] = app.state.notes
        text = i18n.translate(note.key, **note.facts)
        assert text.startswith("Announcement: Maintenance")
        assert "\x1b" not in text
        assert belongs_in_banner(note)
