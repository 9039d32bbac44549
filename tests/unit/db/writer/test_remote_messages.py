"""Announced messages are delivered if they continue their conversation, and never otherwise."""

import random

import pytest

from chatroom.db.queries.messages import KnownHead
from chatroom.db.records import StoredMessage
from chatroom.db.writer import remote_messages
from chatroom.db.writer.remote_messages import WAIT_SECONDS, MessageHint, RemoteMessages

ROOM, OTHER = 1, 2


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.known = {ROOM: KnownHead(10, 3)}
        self.remote = RemoteMessages(self.known, clock=lambda: self.now)

    def hint(self, *seqs: int, roster: int = 3, room: int = ROOM) -> MessageHint:
        return MessageHint(
            room, roster, [StoredMessage(room, 1, "Ann", "Ann", "text", "hi", seq=seq) for seq in seqs]
        )

    def hear(self, *hints: MessageHint) -> list[int]:
        for hint in hints:
            self.remote.add(hint)
        return [message.seq for message in self.remote.take_deliverable()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_next_messages_are_delivered(scene: Scene) -> None:
    assert scene.hear(scene.hint(11, 12)) == [11, 12]
    assert scene.known[ROOM] == KnownHead(12, 3)
    assert scene.remote.wait_seconds() is None


def test_repeated_and_overlapping_messages_are_delivered_once(scene: Scene) -> None:
    assert scene.hear(scene.hint(11), scene.hint(11), scene.hint(11, 12, 13)) == [11, 12, 13]
    assert scene.hear(scene.hint(12)) == []


def test_early_messages_wait_for_their_predecessor(scene: Scene) -> None:
    assert scene.hear(scene.hint(13), scene.hint(12)) == []
    assert scene.remote.wait_seconds() == WAIT_SECONDS
    assert scene.remote.take_missing() == set()
    assert scene.hear(scene.hint(11)) == [11, 12, 13]
    assert scene.remote.wait_seconds() is None


def test_missing_predecessor_makes_the_database_be_asked(scene: Scene) -> None:
    scene.hear(scene.hint(12))
    scene.now += WAIT_SECONDS
    assert scene.remote.wait_seconds() == 0.0
    assert scene.remote.take_missing() == {ROOM}
    assert scene.remote.take_missing() == set()
    scene.known[ROOM] = KnownHead(12, 3)
    assert scene.hear(scene.hint(13)) == [13]


@pytest.mark.parametrize("roster", [2, 4])
def test_other_roster_is_never_applied(scene: Scene, roster: int) -> None:
    assert scene.hear(scene.hint(11, roster=roster)) == []
    scene.now += WAIT_SECONDS
    assert scene.remote.take_missing() == {ROOM}


def test_messages_wait_until_their_roster_is_known(scene: Scene) -> None:
    assert scene.hear(scene.hint(12, roster=4)) == []
    scene.known[ROOM] = KnownHead(11, 4)
    assert scene.hear() == [12]


def test_unknown_conversation_is_ignored(scene: Scene) -> None:
    assert scene.hear(scene.hint(1, room=OTHER)) == []
    assert scene.remote.wait_seconds() is None


def test_flood_of_early_messages_makes_the_database_be_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_messages, "MAX_WAITING", 3)
    scene.hear(scene.hint(12, 13, 14, 15))
    assert scene.remote.take_missing() == {ROOM}


@pytest.mark.parametrize("seed", range(20))
def test_any_order_and_repetition_gives_each_message_once(scene: Scene, seed: int) -> None:
    rng = random.Random(seed)
    hints = [scene.hint(*range(first, first + 3)) for first in range(11, 41, 3)] * 2
    rng.shuffle(hints)
    assert [seq for hint in hints for seq in scene.hear(hint)] == list(range(11, 41))
