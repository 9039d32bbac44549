"""Quiet hours, do not disturb, words that notify, and the user's own program."""

from datetime import time
from pathlib import Path

import pytest

from chatroom.client.storage.config import SETTINGS
from chatroom.client.view import screen as screen_module
from chatroom.client.view.alerts import is_quiet, run_notify_command
from chatroom.client.view.notifications import NotificationText, notification_sequence
from tests.unit.client.view.fake import FakeApp, add_messages
from tests.unit.client.view.harness import ScreenHarness, run_steps

HOSTILE = "$(touch x); `id` 'a' \"b\" --help"


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        ("off", "03:00", False), ("22:00-08:00", "23:00", True), ("22:00-08:00", "07:59", True),
        ("22:00-08:00", "08:00", False), ("12:00-13:00", "12:30", True), ("12:00-13:00", "13:00", False),
    ],
)  # fmt: skip
def test_quiet_hours_may_include_midnight(hours: str, now: str, quiet: bool) -> None:
    assert is_quiet(hours, time.fromisoformat(now)) is quiet


def test_setting_takes_hours_and_nothing_else() -> None:
    [setting] = [setting for setting in SETTINGS if setting.name == "quiet_hours"]
    assert setting.accepts("22:00-08:00")
    assert not any(map(setting.accepts, ("25:00-08:00", "22-8", "22:00", "")))


def test_kitty_gets_title_and_body() -> None:
    notification = NotificationText("#zoo", "BOB: hi")
    sequence = notification_sequence(notification, "osc99", {})
    assert sequence == "\x1b]99;i=chatroom:d=0;#zoo\x1b\\\x1b]99;i=chatroom:p=body;BOB: hi\x1b\\"


def test_program_gets_the_texts_as_arguments_without_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **options: started.append(command))
    run_notify_command("notify-send -a 'my chat'", "#zoo", HOSTILE)
    assert started == [["notify-send", "-a", "my chat", "#zoo", HOSTILE]]


@pytest.mark.usefixtures("english")
@pytest.mark.parametrize("setting", ["dnd", "notify_command", "none"])
def test_word_notifies_unless_the_user_wants_no_notifications(
    alice: FakeApp, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(screen_module, "run_notify_command", lambda *arguments: called.append(arguments))
    if setting != "none":
        setattr(alice.config, setting, "on" if setting == "dnd" else "notifier")
    alice.config.notify_words = "deploy, 上线"
    alice.preferences.load_notify_words()

    async def steps(screen: ScreenHarness) -> None:
        screen.press("Alt-1")
        await screen.wait_for("message 200")
        add_messages(alice.state, "#zoo", "the deploy begins")
        alice.state.conversations["#zoo"].mention_seqs = {4}
        alice.screen.state_changed()
        await screen.wait_for("#zoo(@1 1)")
        assert ("\a" in screen.output) is (setting == "none")

    run_steps(alice, steps)
    assert called == ([("notifier", "#zoo", "BOB: the deploy begins")] if setting == "notify_command" else [])
