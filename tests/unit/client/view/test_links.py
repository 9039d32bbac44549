"""Links on the screen: their sequences, letters over them, copying."""

from base64 import b64decode
from pathlib import Path

import pytest

from chatroom.client.commands import links
from chatroom.client.commands.conversations import UsageError
from chatroom.client.view.clipboard import MAX_BYTES, copy_sequence
from chatroom.client.view.draw.link_text import shows_links
from tests.unit.client.view.fake import FakeApp, make_message
from tests.unit.client.view.harness import ScreenHarness, input_line, run_steps

TARGET = "https://example.com/" + "/".join(f"part{number}" for number in range(20))


@pytest.fixture
def linked(alice: FakeApp, english: None, monkeypatch: pytest.MonkeyPatch) -> FakeApp:
    monkeypatch.setenv("TERM", "xterm-256color")
    say(alice, f"看{TARGET}，好", "and https://example.org/b too")
    alice.state.current = "#zoo"
    return alice


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    monkeypatch.setattr(links, "open_link", opened.append)
    return opened


def say(app: FakeApp, *texts: str) -> None:
    zoo = app.state.conversations["#zoo"]
    for text in texts:
        zoo.timeline.messages.append(
            make_message(text, seq=zoo.timeline.last + 1, conversation="#zoo", username="Bob")
        )
    zoo.head = zoo.known_head = zoo.read = zoo.timeline.last


def targets_of(output: str) -> list[str]:
    parts = [part.split("\x1b\\", 1)[0] for part in output.split("\x1b]8;")[1:]]
    return [part.split(";", 1)[1] for part in parts]


def test_wrapped_link_is_one_link_with_its_own_target(linked: FakeApp) -> None:
    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("example.org/b too")
        targets = targets_of(screen.output)
        assert set(targets) == {TARGET, "https://example.org/b", ""}
        assert targets.count(TARGET) > 1
        assert screen.output.count("\x1b]8;;\x1b\\") == targets.count("")  # each is closed

    run_steps(linked, steps)


@pytest.mark.parametrize("setting", ["off", "auto"])
def test_links_are_plain_text_where_the_terminal_does_not_know_them(
    linked: FakeApp, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked.config.links = setting
    monkeypatch.setenv("TERM", "linux")

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("example.org/b too")
        assert "\x1b]8;" not in screen.output

    run_steps(linked, steps)


def test_hostile_link_sends_no_sequence_of_its_own(linked: FakeApp) -> None:
    say(linked, "https://a.example/\x1b]52;c;eA==\x07\x9b31m\u202eb", "end")

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("end")
        assert "]52;" in screen.text
        assert "\x1b]52" not in screen.output
        assert "\x07" not in screen.output
        assert "\x9b" not in screen.output

    run_steps(linked, steps)


def test_letter_opens_its_link_and_a_capital_letter_copies_it(linked: FakeApp, browser: list[str]) -> None:
    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("example.org/b too")
        screen.type("draft")
        screen.press("Alt-g")
        await screen.wait_for("sttps://example.com", "attps://example.org", "Letter: open")
        screen.type("s")
        await screen.wait_gone("Letter: open")
        assert browser == [TARGET]
        screen.press("Alt-g")
        await screen.wait_for("Letter: open")
        screen.type("A")
        await screen.wait_until(lambda: "\x1b]52;c;" in screen.output, "for the copy")
        copied = screen.output.split("\x1b]52;c;")[1].split("\a")[0]
        assert b64decode(copied).decode() == "https://example.org/b"
        screen.press("Alt-g")
        await screen.wait_for("Letter: open")
        screen.press("Esc")
        await screen.wait_gone("Letter: open")
        assert input_line(screen) == "draft"

    run_steps(linked, steps)


async def test_open_and_copy_count_from_the_newest_link(linked: FakeApp, browser: list[str]) -> None:
    await links.open_numbered(linked.context)
    await links.open_numbered(linked.context, "2")
    assert browser == ["https://example.org/b", TARGET]
    await links.copy_numbered(linked.context)
    await links.copy_numbered(linked.context, "2")
    assert linked.screen.copied == ["and https://example.org/b too", TARGET]
    with pytest.raises(UsageError):
        await links.open_numbered(linked.context, "3")


async def test_invitation_is_copied_whole(linked: FakeApp) -> None:
    word = "chat1-" + "abcdefgh" * 20
    linked.notes.show("invitation", room="#zoo", until="2030-01-01", command=f"chat-client {word}")
    await links.copy_numbered(linked.context)
    await links.copy_numbered(linked.context, "1")
    assert linked.screen.copied == [word, word]


async def test_open_and_copy_can_be_turned_off(linked: FakeApp, browser: list[str]) -> None:
    linked.config.open = linked.config.clipboard = "off"
    for command in (links.open_numbered, links.copy_numbered):
        with pytest.raises(UsageError):
            await command(linked.context, "1")
    assert browser == linked.screen.copied == []


def test_ten_thousand_links_cost_what_the_screen_costs(linked: FakeApp) -> None:
    say(linked, *(" ".join(f"http://x.example/{at}/{number}" for number in range(50)) for at in range(200)))

    async def steps(screen: ScreenHarness) -> None:
        await screen.wait_for("http://x.example/199/21")
        assert len(set(targets_of(screen.output))) < 200
        screen.press("Alt-g")
        await screen.wait_for("attp://x.example/199/23")

    run_steps(linked, steps)


@pytest.mark.parametrize(
    ("environment", "start", "end"),
    [
        ({"TERM": "xterm"}, "\x1b]52;c;aGk=\a", ""),
        ({"TMUX": "x"}, "\x1b]52;c;aGk=\a\x1bPtmux;\x1b\x1b]52;c;aGk=\a", "\x1b\\"),
        ({"TERM": "screen"}, "\x1bP\x1b]52;c;aGk=\a", "\x1b\\"),
    ],
)
def test_copy_passes_multiplexers(environment: dict[str, str], start: str, end: str) -> None:
    assert copy_sequence("hi", environment) == start + end
    assert copy_sequence("x" * (MAX_BYTES + 1), environment) == ""


def test_links_are_sent_to_terminals_that_know_them() -> None:
    assert shows_links("auto", "xterm-256color")
    assert shows_links("auto", "tmux-256color")
    assert not shows_links("auto", "screen-256color")
    assert shows_links("on", "screen-256color")
    assert not shows_links("off", "xterm-kitty")
