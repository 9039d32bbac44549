"""How densely the screen is filled: times, aligned texts, pane widths, events shown once."""

import pytest

from chatroom.client.text import i18n
from tests.unit.client.view.fake import FakeApp, add_room, make_member, make_message
from tests.unit.client.view.harness import ScreenHarness, run_steps

TEXT = "word " * 40


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize(
    ("time", "row"),
    [
        ("short", "12:00   BOB:message 1"),
        ("seconds", "12:00:01   BOB:message 1"),
        ("full", "--2022-12-15 12:00:01-- BOB:message 1"),
        ("none", "│  BOB:message 1"),
    ],
)
def test_time_setting_chooses_the_format(alice: FakeApp, time: str, row: str) -> None:
    alice.config.time = time

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for(row)

    run_steps(alice, steps)


@pytest.mark.usefixtures("language")
def test_two_panes_at_80_columns_leave_45_columns_of_aligned_text(alice: FakeApp) -> None:
    lab = add_room(alice.state, "#lab")
    lab.nickname = "Alice"
    lab.roster = [make_member("Alice"), make_member("Bob"), make_member("林小雨")]
    texts = [("Bob", "first " + TEXT), ("林小雨", "second " + TEXT), ("Alice", "third")]
    for seq, (name, text) in enumerate(texts, 1):
        message = make_message(text, seq=seq, username=name, nickname=name, conversation="#lab")
        lab.timeline.messages.append(message)
    lab.timeline.more = False

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-1")
        await screen.wait_for("#lab" if i18n.language == "en" else "聊天室：lab", "third")
        screen.press("F8")
        await screen.wait_until(lambda: screen.text.count("● Bob") == 2, "for the members")
        rows = [line.split("│") for line in screen.lines if line.count("│") == 2]
        columns = {at for _, row, _ in rows for at in [row.find("first"), row.find("third")] if at >= 0}
        assert len(columns) == 1  # of the names that fit
        [start] = columns
        assert all(row[:start].strip() == "" for _, row, _ in rows if row.strip().startswith("word"))
        [row] = (row for _, row, _ in rows if "third" in row)
        assert len(row) - start >= 45

    run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_name_longer_than_its_column_is_shown_whole(alice: FakeApp) -> None:
    zoo = alice.state.conversations["#zoo"]
    long = "A nickname of 32 characters here"
    zoo.timeline.messages.append(make_message("hello " + TEXT, seq=4, nickname=long, conversation="#zoo"))

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for(f"{long}:hello")

    run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_event_is_shown_in_the_banner_or_in_the_history_but_not_in_both(alice: FakeApp) -> None:
    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("message 3")
        alice.notes.show("room_full", error=True, room="#x", members=2, capacity=2)
        await screen.wait_for("Esc ─╯")
        assert screen.text.count("#x") == 1
        screen.press("Esc")
        await screen.wait_for("-!- Room #x")
        assert screen.text.count("#x") == 1
        alice.notes.show("entered_room", room="#zoo", nickname="ALICE")
        await screen.wait_for("You joined #zoo as ALICE")
        screen.press("Esc")
        await screen.wait_gone("You joined #zoo")

    run_steps(alice, steps)


@pytest.mark.usefixtures("language")
def test_40_by_12_shows_the_whole_reason_of_an_error(alice: FakeApp) -> None:
    facts = {"room": "#a_long_name_of_a_room", "members": 12, "capacity": 12}

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("message 3")
        alice.notes.show("room_full", error=True, **facts)
        await screen.wait_for("-!- ")
        shown = screen.text.replace("\n", "").replace(" ", "")
        assert i18n.translate("room_full", **facts).replace(" ", "") in shown
        assert "message 3" in screen.text

    run_steps(alice, steps, columns=40, lines=12)


@pytest.mark.usefixtures("english")
def test_pane_widths_can_be_set(alice: FakeApp) -> None:
    alice.config.sidebar_width = "30"

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("message 3")
        assert screen.lines[1].index("│") == 30

    run_steps(alice, steps)


@pytest.mark.usefixtures("english")
def test_compact_message_without_a_time_has_a_mark_where_it_begins(alice: FakeApp) -> None:
    alice.config.compact, alice.config.time = "on", "none"

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-2")
        await screen.wait_for("│  BOB:message 1", "│    · message 2")

    run_steps(alice, steps)
