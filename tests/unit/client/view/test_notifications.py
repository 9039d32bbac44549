"""What calls somebody who looks elsewhere, and with which bytes."""

import pytest
from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.view.notifications import NotificationBell, NotificationText, notification_sequence

from tests.unit.client.view.fake import add_friend, add_messages, add_room

CALL = NotificationText("#zoo", "BOB: hi")
NOWHERE: dict[str, str] = {}


@pytest.fixture
def state() -> ClientState:
    """Alice looks at #lab; #zoo and Bob are out of sight."""
    state = ClientState(username="Alice", current="#lab")
    add_room(state, "#lab", says=1)
    add_room(state, "#zoo", says=1)
    add_friend(state)
    return state


@pytest.fixture
def bell(state: ClientState) -> NotificationBell:
    bell = NotificationBell(state)
    assert bell.next_notification("mentions") is None  # what waits at the login is shown, not rung
    return bell


def mention(state: ClientState, name: str) -> None:
    add_messages(state, name, "ALICE, look")
    state.conversations[name].named.add(state.conversations[name].head + 1)


def test_a_mention_calls_and_chatter_does_not(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "#zoo", "chatter")
    assert bell.next_notification("mentions") is None
    mention(state, "#zoo")
    assert bell.next_notification("mentions") == NotificationText("#zoo", "BOB: ALICE, look")
    assert bell.next_notification("mentions") is None  # once


def test_a_mention_that_is_found_in_what_was_unread_before_does_not(
    state: ClientState, bell: NotificationBell
) -> None:
    add_messages(state, "#zoo", "ALICE, look")
    assert bell.next_notification("mentions") is None
    state.conversations["#zoo"].named = {1}
    assert bell.next_notification("mentions") is None


def test_everything_said_in_private_calls(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "@Bob", "psst")
    assert bell.next_notification("mentions") == NotificationText("@Bob", "BOB: psst")


def test_what_is_in_sight_does_not(state: ClientState, bell: NotificationBell) -> None:
    mention(state, "#lab")
    assert bell.next_notification("all") is None


def test_each_conversation_may_be_another_matter(state: ClientState, bell: NotificationBell) -> None:
    apply.set_attention(state, {"#zoo": "all", "@Bob": "none"})
    add_messages(state, "@Bob", "psst")
    assert bell.next_notification("mentions") is None
    add_messages(state, "#zoo", "chatter")
    assert bell.next_notification("mentions") == NotificationText("#zoo", "BOB: chatter")


def test_nothing_calls_who_wants_no_calls(state: ClientState, bell: NotificationBell) -> None:
    mention(state, "#zoo")
    assert bell.next_notification("none") is None


def test_the_words_of_a_peer_cannot_end_the_sequence(state: ClientState, bell: NotificationBell) -> None:
    add_messages(state, "@Bob", "a\x07b\x1b\\c\x9cd")
    call = bell.next_notification("mentions")
    assert call is not None
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in call.text)


@pytest.mark.parametrize(
    ("alert", "environment", "bytes_"),
    [
        ("off", NOWHERE, ""),
        ("bell", NOWHERE, "\a"),
        ("bell", {"TMUX": "x"}, "\a"),
        ("osc9", NOWHERE, "\x1b]9;#zoo BOB: hi\a"),
        ("osc777", NOWHERE, "\x1b]777;notify;#zoo;BOB: hi\a"),
        ("osc9", {"TMUX": "x"}, "\x1bPtmux;\x1b\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
        ("osc9", {"TERM": "screen.xterm"}, "\x1bP\x1b]9;#zoo BOB: hi\a\x1b\\\a"),
    ],
)
def test_the_bytes(alert: str, environment: dict[str, str], bytes_: str) -> None:
    assert notification_sequence(CALL, alert, environment) == bytes_
