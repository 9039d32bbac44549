"""``/room`` and ``/set-room``."""

from typing import Any

import pytest

from chatroom.client.text import i18n
from tests.unit.client.commands.test_moderation import answers, in_lab, refusal
from tests.unit.client.commands.test_table import typed
from tests.unit.client.conftest import Start
from tests.unit.client.fake_server import FakeServer, room
from tests.unit.client.fake_session import log_in, wait_until

CREATED = "2026-11-22T04:20:01.120Z"


def shown(app: Any) -> list[str]:
    return [i18n.translate(note.key, **note.facts) for note in app.state.notes]


async def test_room_is_shown_with_owner_and_password_to_a_member(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        shown_room = room(owner="Bob", topic="exams", locked=True, retention=30)
        details = {"room": shown_room, "created": CREATED, "moderators": ["Carol", "Dave"]}
        await typed(app, peer, "/room", ({"type": "show_room", "room": "#lab"}, "room_details", details))
        assert shown(app)[:-1] == [
            "#lab · members 2/5 · public · password",
            "Topic of #lab: exams",
            "Owner: Bob",
            "Moderators of #lab: Carol Dave",
            "Messages are removed after 30 days.",
        ]
        assert shown(app)[-1].startswith("Created: 2026-11-22 ")


async def test_password_of_a_room_is_not_shown_to_others(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        details = {
            "room": room("#big", member=False, entered=False, locked=True),
            "created": CREATED,
            "moderators": [],
        }
        await typed(app, peer, "/room big", ({"type": "show_room", "room": "#big"}, "room_details", details))
        assert shown(app)[0] == "#big · members 2/5 · public"


@pytest.mark.parametrize(
    ("line", "fields", "text"),
    [
        ("/set-room capacity 50", {"capacity": 50}, "The capacity of #lab is now 50."),
        (
            "/set-room privacy private",
            {"private": True},
            "#lab is now private: members and invited users only.",
        ),
        ("/set-room privacy public", {"private": False}, "#lab is now public."),
        ("/set-room retention 30", {"retention": 30}, "#lab keeps messages for 30 days from now on."),
        ("/set-room retention off", {"retention": 0}, "#lab has no limit of its own for keeping messages."),
        ("/set-room password off", {"password": ""}, "#lab no longer needs a password."),
    ],
)
async def test_setting_of_a_room_is_sent_and_confirmed(
    fake: FakeServer, start: Start, line: str, fields: dict[str, Any], text: str
) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        request = {"type": "set_room", "room": "#lab", **fields}
        await typed(app, peer, line, (request, "room", {"room": room(owner="Alice")}))
        assert shown(app) == [text]


async def test_new_name_is_sent_and_told_by_the_notice(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        request = {"type": "set_room", "room": "#lab", "name": "physics"}
        await typed(app, peer, "/set-room name #physics", (request, "room", {"room": room("#physics")}))
        assert shown(app) == []


async def test_room_password_is_asked_for_twice(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        asked = answers(app, "sesame", "sesame")
        request = {"type": "set_room", "room": "#lab", "password": "sesame"}
        await typed(app, peer, "/set-room password", (request, "room", {"room": room(owner="Alice")}))
        assert len(asked) == 2
        assert shown(app) == ["#lab now needs a password to join."]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("/set-room colour red", "set_room_usage"),
        ("/set-room privacy maybe", "set_room_usage"),
        ("/set-room password sesame", "set_room_usage"),
        ("/set-room capacity", "set_room_usage"),
        ("/set-room capacity -3", "bad_seats"),
        ("/set-room retention 99999", "too_many_days"),
        ("/set-room retention ever", "set_room_usage"),
        ("/set-room", "usage"),
    ],
)
async def test_setting_of_another_form_is_refused(
    fake: FakeServer, start: Start, line: str, key: str
) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        await typed(app, peer, line)
        assert [note.key for note in app.state.notes] == [key]


async def test_capacity_below_the_members_is_explained(fake: FakeServer, start: Start) -> None:
    async with fake:
        app, peer = await in_lab(fake, start)
        refused = refusal("capacity_too_small", room="#lab", members=2)
        await typed(app, peer, "/set-room capacity 1", ({"type": "set_room"}, *refused))
        assert shown(app) == ["#lab has 2 members; the capacity can't be smaller."]


async def test_room_that_became_private_leaves_the_list(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app)
        public = room("#big", member=False, entered=False, owner="Bob")
        peer.send(type="room", room=public)
        await wait_until(app, lambda: "#big" in app.state.conversations)
        peer.send(type="room", room=public | {"private": True})
        await wait_until(app, lambda: "#big" not in app.state.conversations)
