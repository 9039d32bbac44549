"""Which messages notify the user, and the output that does it."""

import pytest

from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.view.notifications import NotificationBell, NotificationText, notification_sequence
from tests.unit.client.view.fake import add_friend, add_messages, add_room

NOTIFICATION = NotificationText("#zoo", "BOB: hi")
NO_MULTIPLEXER: dict[str, str] = {}


@pytest.fixture
def state() -> ClientState:
    """Alice has #lab open, and knows #zoo and Bob."""
    state = ClientState(username="Alice", current="#lab")
    add_room(state, "#lab", says=1)
    add_room(state, "#zoo", says=1)
    add_friend(state)
    return state


@pytest.fixture
def bell(state: ClientState) -> NotificationBell:
    bell = NotificationBell(state)
    assert bell.next_notification("mentions") is None  # the first call only counts
    return bell


def add_mention(state: ClientState, name: str) -> None:
    add_messages(state, name, "ALICE, look")
    state.conversations[name].mention_seqs.add(state.conversations[name].head + 1)


def test_mention_notifies_once_and_other_messages_do_not(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "#zoo", "chatter")
    assert bell.next_notification("mentions") is None
    add_mention(state, "#zoo")
    assert bell.next_notification("mentions") == NotificationText("#zoo", "BOB: ALICE, look")
    assert bell.next_notification("mentions") is None


def test_mention_found_in_older_messages_does_not_notify(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "#zoo", "ALICE, look")
    assert bell.next_notification("mentions") is None
    state.conversations["#zoo"].mention_seqs = {1}
    assert bell.next_notification("mentions") is None


def test_private_message_notifies(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "@Bob", "psst")
    assert bell.next_notification("mentions") == NotificationText("@Bob", "BOB: psst")


def test_conversation_in_sight_does_not_notify(state: ClientState, bell: NotificationBell) -> None:
    add_mention(state, "#lab")
    assert bell.next_notification("all", in_sight="#lab") is None
    assert bell.next_notification("all") is None  # it was seen


def test_current_conversation_out_of_sight_notifies(state: ClientState, bell: NotificationBell) -> None:
    assert bell.next_notification("mentions", in_sight="#lab") is None
    add_mention(state, "#lab")
    assert bell.next_notification("mentions") == NotificationText("#lab", "BOB: ALICE, look")
    assert bell.next_notification("none") is None


def test_level_of_a_conversation_overrides_the_default(state: ClientState, bell: NotificationBell) -> None:
    apply.set_attention(state, {"#zoo": "all", "@Bob": "none"})
    add_messages(state, "@Bob", "psst")
    assert bell.next_notification("mentions") is None
    add_messages(state, "#zoo", "chatter")
    assert bell.next_notification("mentions") == NotificationText("#zoo", "BOB: chatter")


def test_level_none_does_not_notify(state: ClientState, bell: NotificationBell) -> None:
    add_mention(state, "#zoo")
    assert bell.next_notification("none") is None


def test_notification_text_has_no_control_characters(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "@Bob", "a\x07b\x1b\\c\x9cd")
    notification = bell.next_notification("mentions")
    assert notification is not None
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in notification.text)


@pytest.mark.parametrize(
    ("alert", "environment", "output"),
    [
        ("off", NO_MULTIPLEXER, ""),
        ("bell", NO_MULTIPLEXER, "\a"),
        ("bell", {"TMUX": "x"}, "\a"),
        ("osc9", NO_MULTIPLEXER, "\x1b]9;#zoo BOB: hi\a"),
        ("osc777", NO_MULTIPLEXER, "\x1b]777;notify;#zoo;BOB: hi\a"),
        ("osc9", {"TMUX": "x"}, "\x1bPtmux;\x1b\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "screen.xterm"}, "\x1bP\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "screen"}, "\x1bP\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "tmux-256color"}, "\x1bPtmux;\x1b\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "screen-256color"}, "\x1bPtmux;\x1b\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "screen-256color", "STY": "x"}, "\x1bP\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc777", {"TERM": "tmux"}, "\x1bPtmux;\x1b\x1b]777;notify;#zoo;BOB: hi\a\x1b\\\a"),
    ],
)
def test_notification_sequence_of_each_alert(alert: str, environment: dict[str, str], output: str) -> None:
    assert notification_sequence(NOTIFICATION, alert, environment) == output
