"""Commands about messages, against a scripted server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.model import apply
from chatroom.client.text import dates
from tests.unit.client.commands.test_settings import enter
from tests.unit.client.conftest import LONG_TIMEOUTS, Start
from tests.unit.client.fake_front_end import front_end_of
from tests.unit.client.fake_server import FakeServer, Peer, friend, message, room
from tests.unit.client.fake_session import lab_room, log_in, wait_until


def mine(seq: int, text: str) -> dict[str, object]:
    return message(seq, text, username="Alice", nickname="ALICE")


async def in_lab(fake: FakeServer, app: App) -> Peer:
    """Alice has #lab open, with a message of Bob's, one of hers, and another one of Bob's."""
    peer = await log_in(fake, app, rooms=[room()], friends=[friend()])
    for stored in (message(1, "hi"), mine(2, "helo"), message(3, "what?")):
        peer.send(type="message", message=stored)
    await wait_until(app, lambda: lab_room(app).timeline.last == 3)
    app.conversations.show("#lab")
    return peer


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("/edit hello", {"kind": "edit", "target": 2, "text": "hello"}),
        ("/delete", {"kind": "delete", "target": 2, "text": ""}),
        ("/react 👍", {"kind": "react", "target": 3, "text": "👍"}),
    ],
)
async def test_command_without_selection_takes_the_last_message(
    fake: FakeServer, start: Start, line: str, sent: dict[str, Any]
) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        app.lines.submit_line(line)
        asked = await peer.expect("send", to="#lab", **sent)
        assert [pending.kind for pending in lab_room(app).pending] == [sent["kind"]]
        peer.answer(asked, "sent", cid=asked["cid"], seq=4, time=message(4)["time"], duplicate=False)
        change = message(4, username="Alice", cid=asked["cid"], **sent) | {"text": sent["text"]}
        peer.send(type="message", message=change)
        await wait_until(app, lambda: not lab_room(app).pending)


async def test_selected_message_is_taken_once(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        apply.select_message(app.state, "#lab", 1)
        app.lines.submit_line("/reply hi yourself")
        asked = await peer.expect("send", text="hi yourself", target=1)
        assert "kind" not in asked
        assert lab_room(app).selected == 0


async def test_repeated_reaction_is_removed(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        reacted = message(4, "👍", kind="react", target=3, username="Alice")
        peer.send(type="message", message=reacted)
        await wait_until(app, lambda: lab_room(app).timeline.last == 4)
        app.lines.submit_line("/react 👍")
        await peer.expect("send", kind="unreact", target=3, text="👍")


async def test_reply_in_a_private_chat_answers_its_last_message(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        peer.send(type="message", message=message(1, "psst", conversation="@Bob"))
        peer.send(type="message", message=message(2, "there?", conversation="@Bob"))
        await wait_until(app, lambda: app.state.conversations["@Bob"].timeline.last == 2)
        app.conversations.show("@Bob")
        app.lines.submit_line("/reply here")
        await peer.expect("send", to="@Bob", target=2, text="here")


async def test_reply_in_a_room_answers_the_room_and_never_a_private_message(
    fake: FakeServer, start: Start
) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        peer.send(type="message", message=message(1, "psst", conversation="@Bob"))
        await wait_until(app, lambda: app.state.conversations["@Bob"].timeline.last == 1)
        app.lines.submit_line("/reply here")
        sent = await peer.expect("send", to="#lab", text="here")
        assert sent["target"] == max(
            each.seq for each in lab_room(app).timeline.messages if each.username == "Bob"
        )


async def test_reply_in_a_room_without_messages_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await log_in(fake, app, friends=[friend()])
        app.conversations.show("#lab")
        peer.send(type="message", message=message(1, "psst", conversation="@Bob"))
        await wait_until(app, lambda: app.state.conversations["@Bob"].timeline.last == 1)
        assert await enter(app, "/reply here") == ["nothing_to_change"]


@pytest.mark.parametrize("reaction", ["notanemoji", ":nosuch:"])
async def test_reaction_that_is_no_emoji_is_refused(fake: FakeServer, start: Start, reaction: str) -> None:
    async with fake:
        app = start()
        await in_lab(fake, app)
        assert await enter(app, f"/react {reaction}") == ["no_emoji"]


async def test_message_of_another_user_is_not_edited(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await in_lab(fake, app)
        apply.select_message(app.state, "#lab", 1)
        assert await enter(app, "/edit no", "/delete") == ["not_yours", "not_yours"]


async def test_owner_deletes_a_message_of_a_member(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        lab_room(app).owner = "Alice"
        apply.select_message(app.state, "#lab", 1)
        app.lines.submit_line("/delete")
        await peer.expect("send", kind="delete", target=1)


async def test_unconfirmed_message_is_not_edited(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start(timeouts=replace(LONG_TIMEOUTS, confirmation=0.01))
        await in_lab(fake, app)
        assert await enter(app, "newer", "/edit no", "/react 👍") == ["not_confirmed_yet"] * 2


async def test_command_waits_for_the_message_before_it(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        app.lines.submit_line("newer")
        app.lines.submit_line("/edit newest")
        sent = await peer.expect("send", text="newer")
        peer.answer(sent, "sent", cid=sent["cid"], seq=4, time="", duplicate=False)
        peer.send(type="message", message=mine(4, "newer") | {"cid": sent["cid"]})
        await peer.expect("send", kind="edit", target=4, text="newest")


def test_leap_day_of_a_century_without_one_is_found() -> None:
    now = datetime(1903, 5, 1, tzinfo=UTC)
    assert dates.parse_moment("2-29", now).year == 1896


@pytest.mark.parametrize("text", ["number 2", "  two  blanks ", "\tand\nlines\n"])
async def test_unchanged_edit_sends_nothing(fake: FakeServer, start: Start, text: str) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        peer.send(type="message", message=mine(4, text))
        await wait_until(app, lambda: lab_room(app).timeline.last == 4)
        assert await enter(app, f"/edit {text}") == ["nothing_changed"]
        app.lines.submit_line(f"/edit {text}!")
        await peer.expect("send", kind="edit", target=4, text=f"{text}!")


async def test_change_without_messages_is_refused(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        await log_in(fake, app)
        app.conversations.show("#lab")
        assert await enter(app, "/edit no", "/delete", "/react 👍") == ["nothing_to_change"] * 3


def watched(app: App) -> list[tuple[str, int]]:
    """Record the texts that are shown from now on."""
    front_end = front_end_of(app)
    front_end.scrolls = True
    return front_end.sought


class TestGoingTo:
    async def test_goto_date_shows_the_first_message_of_the_day(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await log_in(fake, app, rooms=[room(head=90)])
            shown = watched(app)
            app.state.current = "#lab"
            app.lines.submit_line("/goto 2022-12-15 20:07")
            asked = await peer.expect("history", conversation="#lab")
            assert asked["at"].endswith(":07:00.000Z")
            peer.answer(asked, "history", messages=[message(41), message(42)], more=True)
            await wait_until(app, lambda: shown == [("#lab", 41)])
            assert (lab_room(app).shown.first, lab_room(app).shown.last) == (41, 42)

    async def test_goto_in_line_front_end_prints_messages(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await log_in(fake, app, rooms=[room(head=90)])
            app.state.current = "#lab"
            app.lines.submit_line("/goto 2022-12-15")
            asked = await peer.expect("history")
            peer.answer(asked, "history", messages=[message(41), message(42)], more=True)
            await app.lines.wait_until_finished()
            assert [note.key for note in app.state.notes] == ["history_line"] * 2
            assert lab_room(app).past is None

    async def test_goto_number_shows_the_search_result(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await log_in(fake, app, rooms=[room(head=90)])
            shown = watched(app)
            app.lines.submit_line("/search number")
            asked = await peer.expect("search", query="number")
            peer.answer(asked, "found", messages=[message(80), message(7)], more=False)
            assert await enter(app, "/goto 2", "/goto 3") == [
                "found",
                *["found_line"] * 2,
                "found_all",
                "not_found",
            ]
            assert shown == [("#lab", 7)]
            assert lab_room(app).selected == 7

    async def test_search_that_stopped_early_continues(self, fake: FakeServer, start: Start) -> None:
        async with fake:
            app = start()
            peer = await log_in(fake, app, rooms=[room(head=90)])
            app.lines.submit_line("/search number")
            asked = await peer.expect("search", query="number")
            peer.answer(asked, "found", messages=[message(80)], more=True, cursor="there")
            asked = await peer.expect("search", query="number", cursor="there")
            peer.answer(asked, "found", messages=[message(7)], more=False)
            await app.lines.wait_until_finished()
            assert [note.key for note in app.state.notes] == ["found", *["found_line"] * 2, "found_all"]

    @pytest.mark.parametrize("where", ["nowhere", "2022-13-01", "25:00", "2022-12-15 noon", "0"])
    async def test_invalid_goto_argument_is_refused(self, fake: FakeServer, start: Start, where: str) -> None:
        async with fake:
            app = start()
            await log_in(fake, app)
            app.state.current = "#lab"
            assert await enter(app, f"/goto {where}") == ["not_found" if where == "0" else "no_date"]


NOW = datetime(2026, 11, 22, 10, 0, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2022-12-15", "2022-12-15T00:00"),
        ("2022/12/15 20:07:40", "2022-12-15T20:07:40"),
        ("2022-12-15T20:07", "2022-12-15T20:07"),
        ("11-20 8:05", "2026-11-20T08:05"),
        ("12-31", "2025-12-31T00:00"),
        ("2-29", "2024-02-29T00:00"),
        ("2-29 8:05", "2024-02-29T08:05"),
        ("9:30", "2026-11-22T09:30"),
        ("yesterday", "2026-11-21T00:00"),
        ("昨天 8:00", "2026-11-21T08:00"),
    ],
)
def test_typed_times_are_parsed(typed: str, moment: str) -> None:
    parsed = dates.parse_moment(typed, NOW)
    assert parsed.replace(tzinfo=None) == datetime.fromisoformat(moment)
    assert parsed.tzinfo is not None


async def test_typing_is_sent_at_intervals(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        for text in ("/react", "h", "he", "hel"):
            app.input_changed("#lab", text)
        asked = await peer.expect("typing", conversation="#lab")
        peer.answer(asked, "ok")
        app.lines.submit_line("hello")
        await peer.expect("send", text="hello")  # and no second hint before it
        app.input_changed("#lab", "a")
        await peer.expect("typing", conversation="#lab")


async def test_typing_setting_off_sends_nothing(fake: FakeServer, start: Start) -> None:
    async with fake:
        app = start()
        peer = await in_lab(fake, app)
        app.config.typing = "off"
        app.input_changed("#lab", "h")
        app.lines.submit_line("hello")
        await peer.expect("send", text="hello")
