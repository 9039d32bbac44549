"""Message delivery when another server process changes seats."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.db.queries.memberships import SeatStatus
from chatroom.db.records import RoomRecord, SeatRecord, StoredMessage
from chatroom.db.writer.transaction import RosterSeats
from chatroom.protocol import events
from chatroom.protocol.errors import ChatError
from chatroom.protocol.requests import Cid
from chatroom.protocol.wire import encode_frame
from chatroom.server.net.limits import TokenBucket
from chatroom.server.state.delivery import MessageDelivery, event_line, own_line
from chatroom.server.state.directory import LiveAccount, LiveDirectory, Speaker
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.serialize import message_value
from chatroom.server.state.statistics import SessionStatistics
from tests.support import strategies

DEN = 7


class Stage:
    """A room with the members Alice and Bob, at head 3, and the events that their sessions receive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.directory = LiveDirectory()
        self.delivery = MessageDelivery(
            self.directory, EventNotifier(self.directory, loop), SessionStatistics()
        )
        self.received: list[tuple[str, str]] = []
        self.alice, self.bob = self.arrive(1, "Alice"), self.arrive(2, "Bob")
        for account in (self.alice, self.bob):
            self.directory.seat_in_room(account, room(account))

    def arrive(self, id: int, username: str) -> LiveAccount:
        def receive(lines: bytes) -> None:
            for line in lines.splitlines():
                event = json.loads(line)
                content = event["message"]["text"] if event["type"] == "message" else event["reason"]
                self.received.append((username, content))

        def close(reason: ChatError) -> None:
            self.received.append((username, reason.code))

        account = self.directory.add_account(id, username)
        self.directory.add_speaker(account, Speaker("", receive, close, TokenBucket(0, 0), TokenBucket(0, 0)))
        return account


def room(account: LiveAccount) -> RoomRecord:
    seat = SeatRecord(DEN, account.id, account.username, account.username.upper(), entered=True, read=0)
    return RoomRecord(DEN, "den", 5, 2, 1, "Alice", "", False, None, head=3, roster=2, seat=seat)


def stored_message(seq: int, text: str, kind: str = "text") -> StoredMessage:
    return StoredMessage(DEN, 1, "Alice", "ALICE", kind, text, seq=seq)


@pytest.fixture
def stage() -> Iterator[Stage]:
    loop = asyncio.new_event_loop()
    yield Stage(loop)
    loop.close()


def test_removed_member_gets_the_reason_and_no_messages(stage: Stage) -> None:
    kick, after = stored_message(4, "Bob", "kick"), stored_message(5, "among us")
    stage.delivery.apply_rosters([RosterSeats(DEN, 3, {1: SeatStatus("ALICE", True)}, {})], [kick, after])
    stage.delivery.deliver_messages([kick, after])
    assert stage.received == [("Bob", "kick"), ("Alice", "Bob"), ("Alice", "among us")]
    assert DEN not in stage.bob.seats


def test_removed_author_gets_no_message_of_the_run(stage: Stage) -> None:
    own = StoredMessage(DEN, 2, "Bob", "BOB", "text", "mine", "cid-1", seq=4)
    run = [own, stored_message(5, "Bob", "kick"), stored_message(6, "among us")]
    stage.delivery.apply_rosters([RosterSeats(DEN, 3, {1: SeatStatus("ALICE", True)}, {})], run)
    stage.delivery.deliver_messages(run)
    assert [content for username, content in stage.received if username == "Bob"] == ["kick"]
    assert [content for username, content in stage.received if username == "Alice"] == [
        "mine",
        "Bob",
        "among us",
    ]


def test_leave_on_another_process_applies_at_once(stage: Stage) -> None:
    standings = {1: SeatStatus("ALICE", True), 2: SeatStatus("BOB", False)}
    stage.delivery.apply_rosters([RosterSeats(DEN, 3, standings, {})], [])
    assert not stage.bob.seats[DEN].may_send
    assert stage.delivery.unsettled == {(2, DEN)}


def test_member_added_by_another_process_is_unsettled(stage: Stage) -> None:
    carol = stage.arrive(3, "Carol")
    standings = {id: SeatStatus(name, True) for id, name in ((1, "ALICE"), (2, "BOB"), (3, "CAROL"))}
    stage.delivery.apply_rosters([RosterSeats(DEN, 3, standings, {})], [])
    assert stage.delivery.unsettled == {(carol.id, DEN)}
    assert stage.received == []


def test_listener_with_a_gap_is_disconnected(stage: Stage) -> None:
    stage.delivery.deliver_messages([stored_message(4, "next")])
    stage.delivery.deliver_messages([stored_message(1004, "long after")])
    contents = [content for username, content in stage.received if username == "Bob"]
    assert contents[:2] == ["next", "unavailable"]


@given(text=strategies.text, target=st.none() | st.integers(1, 9), cid=strategies.of(Cid))
def test_author_gets_the_common_line_with_the_cid(text: str, target: int | None, cid: str) -> None:
    message = StoredMessage(DEN, 1, "Alice", "ALICE", "text", text, cid, target, seq=4)
    whole = encode_frame(events.Message(message=message_value(message, "#den", own=True)))
    assert own_line(event_line(message, "#den"), cid) == whole
