"""``MessageWriter`` with a fake outbox sender."""

import asyncio

import pytest

from chatroom.client.core.backfill import Backfill
from chatroom.client.core.message_writer import MessageWriter
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.model.state import ClientState, ConnectionState, PendingMessage
from chatroom.client.net.connection import Refused
from chatroom.client.net.reconnect import Timeouts
from chatroom.protocol.values import Limits
from tests.unit.client.core.fake_requester import FakeRequester
from tests.unit.client.fake_front_end import FakeFrontEnd

LIMITS = Limits(
    line=999, text=5, username=(2, 10), password=(6, 72), room=(1, 32), nickname=(1, 32), page=9, export=9
)


class FakeSender(OutboxSender):
    """Records the messages. ``answered`` is set when all of them have their answers."""

    def __init__(self) -> None:
        self.messages: list[PendingMessage] = []
        self.answered = asyncio.Event()
        self.logged_in = True

    @property
    def is_open(self) -> bool:
        return self.logged_in

    @property
    def timeouts(self) -> Timeouts:
        return Timeouts(confirmation=0.0)

    def add_message(self, pending: PendingMessage) -> None:
        self.messages.append(pending)

    async def wait_until_answered(self) -> None:
        await self.answered.wait()


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def writer(
    state: ClientState, requester: FakeRequester, front_end: FakeFrontEnd, sender: FakeSender
) -> MessageWriter:
    return MessageWriter(state, sender, Backfill(state, requester, front_end))


async def test_message_is_given_to_the_sender_with_a_new_cid(
    writer: MessageWriter, sender: FakeSender
) -> None:
    for text in ("one", "two"):
        writer.write("#lab", text)
    assert [(message.conversation, message.text) for message in sender.messages] == [
        ("#lab", "one"),
        ("#lab", "two"),
    ]
    assert len({message.cid for message in sender.messages}) == 2


async def test_message_that_cannot_be_sent_is_refused(
    writer: MessageWriter, sender: FakeSender, state: ClientState
) -> None:
    assert code_of(writer, "#nowhere", "hi") == "nowhere"
    state.limits = LIMITS
    assert code_of(writer, "#lab", "123456") == "text_too_long"
    state.conversations["#lab"].entered = False
    assert code_of(writer, "#lab", "hi") == "not_entered"
    sender.logged_in = False
    assert code_of(writer, "#lab", "hi") == "not_logged_in"
    assert sender.messages == []


async def test_member_may_write_while_offline(
    writer: MessageWriter, sender: FakeSender, state: ClientState
) -> None:
    state.conversations["#lab"].entered = False
    state.link = ConnectionState.RECONNECTING
    writer.write("#lab", "hi")
    assert len(sender.messages) == 1


async def test_brief_wait_ends_without_an_answer(writer: MessageWriter, sender: FakeSender) -> None:
    await writer.wait_briefly()
    assert not sender.answered.is_set()


async def test_confirmation_is_waited_for(writer: MessageWriter, sender: FakeSender) -> None:
    waiting = asyncio.create_task(writer.wait_until_confirmed())
    await asyncio.sleep(0)
    assert not waiting.done()
    sender.answered.set()
    await waiting


def code_of(writer: MessageWriter, name: str, text: str) -> str:
    with pytest.raises(Refused) as refusal:
        writer.write(name, text)
    return refusal.value.code
