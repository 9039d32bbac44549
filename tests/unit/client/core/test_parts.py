"""Each part of the client's core with a fake of its neighbours."""

import asyncio
import inspect
from collections.abc import Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chatroom.client.app import App
from chatroom.client.commands.context import CommandContext
from chatroom.client.core.command_target import CommandTarget, command_target
from chatroom.client.core.conversations import Conversations
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.history import HistoryPager
from chatroom.client.core.notes import Notes
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.core.preferences import UserPreferences
from chatroom.client.core.prompts import UserPrompts
from chatroom.client.core.session import Session
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.line_ui.json_lines import JsonFrontEnd
from chatroom.client.line_ui.message_feed import StartPoint
from chatroom.client.line_ui.plain import PlainFrontEnd
from chatroom.client.model.state import ClientState, PendingMessage
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.storage.config import ClientConfig, load_config
from chatroom.client.storage.files import FileNotices
from chatroom.client.storage.kept_logins import KeptLogins
from chatroom.client.typed_lines import TypedLines
from chatroom.client.view.screen import FullScreen
from chatroom.protocol import requests, responses
from tests.unit.client.core.fake_requester import FakeRequester
from tests.unit.client.fake_front_end import FakeFrontEnd

MAX_METHODS = 25

FOLDER = Path(inspect.getfile(App)).parent / "core"
MODULES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if path.stem != "front_end")


@pytest.mark.parametrize("name", MODULES)
def test_class_of_core_has_few_methods_and_no_base(name: str) -> None:
    module = import_module(f"chatroom.client.core.{name}")
    classes = [
        each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__
    ]
    for each in (*classes, App, CommandContext, TypedLines):
        methods = [
            value for value in vars(each).values() if inspect.isfunction(value) or isinstance(value, property)
        ]
        assert len(methods) <= MAX_METHODS, each
        assert not inspect.isabstract(each)


def test_front_ends_implement_the_protocol() -> None:
    front_ends: list[FrontEnd] = [FullScreen(), PlainFrontEnd(StartPoint()), JsonFrontEnd(StartPoint())]
    assert [each.is_full_screen for each in front_ends] == [True, False, False]


class TestNotes:
    def test_note_outside_of_commands_belongs_to_the_shown_conversation(
        self, notes: Notes, state: ClientState, front_end: FakeFrontEnd
    ) -> None:
        state.current = "#lab"
        note = notes.show("logged_out")
        assert (note.conversation, state.notes, front_end.notes) == ("#lab", [note], [note])

    def test_note_of_a_command_belongs_to_its_conversation(self, notes: Notes, state: ClientState) -> None:
        token = command_target.set(CommandTarget("#ops"))
        try:
            assert notes.show("logged_out").conversation == "#ops"
        finally:
            command_target.reset(token)

    def test_unknown_code_is_shown_as_it_is(self, notes: Notes, state: ClientState) -> None:
        notes.show_error(Refused("full_moon"))
        assert (state.notes[0].key, state.notes[0].facts) == ("unknown_code", {"code": "full_moon"})

    @pytest.mark.parametrize(("shown", "count"), [(True, 0), (False, 1)])
    def test_refused_message_is_a_note_unless_the_front_end_shows_it(
        self, notes: Notes, state: ClientState, front_end: FakeFrontEnd, shown: bool, count: int
    ) -> None:
        front_end.shows_refused = shown
        notes.show_refused(PendingMessage("c1", "#lab", "hello", error="text_too_long"))
        assert (len(front_end.refused), len(state.notes)) == (1, count)


class TestPrompts:
    @pytest.mark.parametrize(
        ("answer", "command", "code"),
        [
            (True, "", ""),
            (False, "", "cancelled"),
            (None, "", ""),
            (None, "/disband #lab --yes", "needs_yes"),
        ],
    )
    async def test_confirmation_is_refused_unless_agreed(
        self, front_end: FakeFrontEnd, answer: bool | None, command: str, code: str
    ) -> None:
        async def reply(question: str) -> bool | None:
            return answer

        front_end.answer_question = reply
        work = UserPrompts(front_end).confirm("confirm.resign", command=command, room="#lab")
        assert await code_of(work) == code

    async def test_new_password_that_differs_the_second_time_is_refused(
        self, front_end: FakeFrontEnd
    ) -> None:
        async def reply(key: str, facts: dict[str, object]) -> str:
            return key

        front_end.answer_password = reply
        assert await code_of(UserPrompts(front_end).ask_new_password("prompt.new_password")) == "mismatch"


class TestTasks:
    async def test_refusal_of_a_task_becomes_a_note_and_a_lost_connection_does_not(
        self, notes: Notes, state: ClientState
    ) -> None:
        async def fail(error: Exception) -> None:
            raise error

        tasks = GuardedTasks(notes)
        await tasks.start(fail(ConnectionLost()))
        await tasks.start(fail(Refused("room_full")))
        tasks.close()
        assert [note.key for note in state.notes] == ["room_full"]


class TestRequester:
    async def test_rate_limited_request_is_sent_again(self, requester: FakeRequester) -> None:
        requester.answers = [Refused("rate_limited", {"retry_after": 0.0}), responses.Pong(id=0)]
        assert await requester.ask_with_retry(requests.Ping(id=0)) == responses.Pong(id=0)
        assert len(requester.asked) == 2

    async def test_other_refusal_is_raised(self, requester: FakeRequester) -> None:
        requester.answers = [Refused("not_a_member")]
        assert await code_of(requester.ask_with_retry(requests.Ping(id=0))) == "not_a_member"


class TestPreferences:
    def test_choice_for_a_conversation_is_kept_for_the_account(
        self, state: ClientState, front_end: FakeFrontEnd, home: Path
    ) -> None:
        state.server = "host:7878"
        preferences = UserPreferences(state, ClientConfig(home / "client.json"), front_end)
        preferences.set_attention("#lab", "none")
        assert state.attention == {"#lab": "none"}
        assert load_config(home / "client.json").attention == {"Alice@host:7878/#lab": "none"}


class RecordingPager(HistoryPager):
    def __init__(self) -> None:
        self.shown: list[str] = []
        self.members: list[str] = []

    def load_shown(self, name: str) -> None:
        self.shown.append(name)

    def load_members(self, name: str) -> None:
        self.members.append(name)


class TestConversations:
    @pytest.fixture
    def pager(self) -> RecordingPager:
        return RecordingPager()

    @pytest.fixture
    def conversations(
        self,
        state: ClientState,
        requester: FakeRequester,
        pager: RecordingPager,
        notes: Notes,
        front_end: FakeFrontEnd,
    ) -> Conversations:
        return Conversations(state, requester, pager, UserPrompts(front_end), notes, front_end)

    def test_shown_conversation_is_loaded(
        self, conversations: Conversations, pager: RecordingPager, state: ClientState
    ) -> None:
        conversations.show("#lab")
        assert (state.current, pager.shown, conversations.switches) == ("#lab", ["#lab"], 1)

    async def test_room_with_a_password_is_entered_after_the_user_gave_it(
        self, conversations: Conversations, requester: FakeRequester, front_end: FakeFrontEnd
    ) -> None:
        async def reply(key: str, facts: dict[str, object]) -> str:
            return "open sesame"

        front_end.answer_password = reply
        requester.answers = [Refused("wrong_room_password"), responses.Entered(id=0, messages=[])]
        assert await conversations.enter("#lab") == "#lab"
        assert [frame.password for frame in requester.asked if isinstance(frame, requests.EnterRoom)][1:] == [
            "open sesame"
        ]

    async def test_enter_again_asks_the_user_nothing(
        self, conversations: Conversations, requester: FakeRequester
    ) -> None:
        requester.answers = [Refused("wrong_room_password")]
        assert await code_of(conversations.enter_again("#lab")) == "wrong_room_password"

    async def test_removal_that_this_client_caused_is_not_announced(
        self, conversations: Conversations, state: ClientState
    ) -> None:
        await conversations.give_up(requests.ResignRoom(id=0, room="#lab"))
        conversations.room_removed("#lab", "resign")
        conversations.room_removed("#lab", "kick")
        assert [note.key for note in state.notes] == ["removed.kick"]


class RecordingObserver:
    """A ``SessionObserver`` that records its calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def session_started(self, *, resumed: bool) -> None:
        self.calls.append(("started", resumed))

    def session_interrupted(self) -> None:
        self.calls.append("interrupted")

    async def restore_session(self, lost_rooms: list[str], entered: list[str]) -> None:
        self.calls.append(("restore", lost_rooms, entered))

    def session_ended(self) -> None:
        self.calls.append("ended")


@pytest.fixture
def no_logins(home: Path) -> KeptLogins:
    """The user does not stay logged in."""
    return KeptLogins(ClientConfig(home / "client.json"), home)


class TestSession:
    async def test_refused_login_starts_no_session(
        self, state: ClientState, requester: FakeRequester, notes: Notes, no_logins: KeptLogins
    ) -> None:
        observer = RecordingObserver()
        session = Session(state, requester, notes, observer, no_logins)
        requester.answers = [Refused("wrong_password")]
        assert await code_of(session.login("Alice", "secret1")) == "wrong_password"
        assert (observer.calls, session.is_ready, session.password) == ([], False, "")

    async def test_logout_without_an_answer_empties_the_state(
        self, state: ClientState, requester: FakeRequester, notes: Notes, no_logins: KeptLogins
    ) -> None:
        observer = RecordingObserver()
        requester.answers = [ConnectionLost()]
        await Session(state, requester, notes, observer, no_logins).logout()
        assert (observer.calls, state.username, state.conversations) == (["ended", "interrupted"], "", {})

    async def test_waiting_without_an_account_raises(
        self, state: ClientState, requester: FakeRequester, notes: Notes, no_logins: KeptLogins
    ) -> None:
        with pytest.raises(ConnectionLost):
            await Session(state, requester, notes, RecordingObserver(), no_logins).wait_until_ready()


class TestOutboxSender:
    async def test_message_is_sent_and_removed_after_its_answer(
        self, state: ClientState, requester: FakeRequester, notes: Notes, front_end: FakeFrontEnd, home: Path
    ) -> None:
        async def enter_again(name: str) -> str:
            return name

        sender = OutboxSender(state, requester, enter_again, notes, front_end, home, FileNotices())
        message = PendingMessage("c1", "#lab", "hello")
        with pytest.raises(Refused):
            sender.add_message(message)
        sender.open()
        sender.session_started()
        sender.add_message(message)
        async with asyncio.timeout(10):
            await sender.wait_until_answered()
        sender.close()
        assert [frame.text for frame in requester.asked if isinstance(frame, requests.Send)] == ["hello"]
        assert sender.is_open is False


async def code_of(work: Coroutine[Any, Any, object]) -> str:
    """Return the code with which the work is refused; empty if it is not."""
    try:
        await work
    except Refused as error:
        return error.code
    return ""
