"""The client of one user, put together: makes the parts and routes what the server sends.

``core`` has the parts, ``commands`` what slash commands do with them. A front end is passed in; it holds the
``App`` to reach the parts.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

from chatroom.client.commands.context import CommandContext
from chatroom.client.core.backfill import Backfill
from chatroom.client.core.conversations import Conversations
from chatroom.client.core.drafts import DraftKeeper
from chatroom.client.core.front_end import FrontEnd
from chatroom.client.core.history import HistoryPager
from chatroom.client.core.message_writer import MessageWriter
from chatroom.client.core.notes import Notes
from chatroom.client.core.outbox_sender import OutboxSender
from chatroom.client.core.preferences import UserPreferences
from chatroom.client.core.prompts import UserPrompts
from chatroom.client.core.requester import Requester
from chatroom.client.core.session import LOGOUT_TIMEOUT, Session
from chatroom.client.core.tasks import GuardedTasks
from chatroom.client.model import apply
from chatroom.client.model.runs import is_erasure
from chatroom.client.model.state import ClientState
from chatroom.client.net.address import ServerAddress
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.client.net.reconnect import Timeouts
from chatroom.client.storage.config import ClientConfig
from chatroom.client.storage.kept_logins import KeptLogins, account_key
from chatroom.client.typed_lines import TypedLines
from chatroom.client.typing_notifier import TypingNotifier
from chatroom.protocol import events, requests, responses

__all__ = ["App", "ConnectionLost", "Refused"]


MAX_UNKNOWN_ROOMS = 20
"""Rooms of drafts and preferences that are looked up after a login because they may have been renamed."""


class App:
    """One user's client.

    ``fill`` fetches every missing message, ``quiet`` reads and writes in the user's rooms without entering
    them.
    """

    def __init__(
        self,
        config: ClientConfig,
        known_servers: KnownServers,
        state_folder: Path,
        front_end: FrontEnd,
        *,
        timeouts: Timeouts | None = None,
        fill: bool = False,
        quiet: bool = False,
    ) -> None:
        self.config = config
        self.quiet = quiet
        self.front_end = front_end
        self.done = asyncio.Event()  # the user wants to quit
        self.state = state = ClientState(ignored=set(config.ignored))
        self.notes = notes = Notes(state, front_end)
        self.tasks = tasks = GuardedTasks(notes)
        self.requests = asks = Requester(state, known_servers, front_end, self._receive, timeouts)
        self._logins = KeptLogins(config, state_folder)
        self.session = Session(state, asks, notes, observer=self, logins=self._logins)
        self.backfill = Backfill(state, asks, front_end, fill=fill)
        self.history = HistoryPager(state, asks, tasks, front_end)
        prompts = UserPrompts(front_end)
        self.prompts = prompts
        self.conversations = Conversations(state, asks, self.history, prompts, notes, front_end)
        enter_again = self.conversations.enter_again
        self.outbox_sender = OutboxSender(
            state, asks, enter_again, notes, front_end, state_folder, config.notices, quiet=quiet
        )
        self.writer = MessageWriter(state, self.outbox_sender, self.backfill, quiet=quiet)
        self.preferences = UserPreferences(state, config, front_end)
        self.drafts = DraftKeeper(state, self.session, tasks, state_folder, config.notices)
        self.context = CommandContext(
            state=state,
            config=config,
            front_end=front_end,
            notes=notes,
            prompts=prompts,
            tasks=tasks,
            requests=asks,
            session=self.session,
            conversations=self.conversations,
            history=self.history,
            writer=self.writer,
            preferences=self.preferences,
            quit=self.quit,
        )
        self._typing_notifier = TypingNotifier(state, config, asks, tasks)
        self.lines = TypedLines(self.context, self.outbox_sender, self._typing_notifier)
        self._destination = ""

    def prepare_login(self, place: ServerAddress) -> None:
        """Propose this server and account in the login form, and enter the conversation after the login.

        Raises ``Refused`` if an invitation contradicts what is known of the server.
        """
        self.requests.remember_invitation(place)
        self.state.server = place.server
        self.config.username = place.username or self.config.username
        self._destination = place.conversation or self._destination

    def has_kept_login(self, place: ServerAddress, username: str) -> bool:
        """Whether this account can continue a login without its password."""
        return self._logins.find_login(account_key(place.canonical, username)) is not None

    def input_changed(self, conversation: str, draft: str) -> None:
        """Store the changed draft, and send ``typing`` to the other users."""
        self.drafts.input_changed(conversation, draft)
        self._typing_notifier.input_changed(draft)

    def quit(self) -> None:
        """End the front end, which then calls ``close``."""
        self.done.set()

    async def wait_until_settled(self) -> None:
        """Wait until lines, messages and missing messages are done, and nothing is being saved."""
        await self.lines.wait_until_finished()
        await self.writer.wait_until_confirmed()
        await self.context.running_save.wait()

    async def close(self) -> None:
        """Finish what takes no longer than ``LOGOUT_TIMEOUT``, log out, and close everything.

        A login that is kept is not logged out: that would end it.
        """
        self.drafts.save()
        if self.session.is_ready:
            with suppress(TimeoutError, ConnectionLost, Refused):
                async with asyncio.timeout(LOGOUT_TIMEOUT):
                    await self.wait_until_settled()
                    if not self.session.is_kept:
                        await self.requests.ask(requests.Logout(id=0))
        await self.session.close()
        self.tasks.close()

    # SessionObserver

    def session_started(self, *, resumed: bool) -> None:
        if not resumed:
            self.outbox_sender.open()
            self.preferences.load_attention()
            self.preferences.load_notify_words()
        self.backfill.check_conversations()
        self.backfill.find_mentions()
        self.outbox_sender.session_started()
        self.tasks.start(self._load_rooms(resumed=resumed))
        if cursor := self.session.friends_cursor:
            self.tasks.start(self.conversations.load_friends(cursor))
        self.conversations.refresh_members()
        if not resumed:
            self._account_opened()
        self.front_end.state_changed()

    async def _load_rooms(self, *, resumed: bool) -> None:
        """Load the list of rooms, and find those that were renamed while the client did not run.

        Raises ``Refused`` or ``ConnectionLost``.
        """
        await self.conversations.refresh_rooms()
        if not resumed:
            names = self.drafts.unknown_rooms() | self.preferences.unknown_rooms()
            await self.conversations.find_renamed(sorted(names)[:MAX_UNKNOWN_ROOMS])

    def session_interrupted(self) -> None:
        self.backfill.cancel_fetches()

    async def restore_session(self, lost_rooms: list[str], entered: list[str]) -> None:
        for name in lost_rooms:
            self.tasks.start(self.conversations.report_lost_seat(name))
        if self.state.away:
            await self.requests.ask(requests.SetAway(id=0, text=self.state.away))
        await self.conversations.enter_all_again(entered)

    def session_ended(self) -> None:
        self.drafts.close()
        self.lines.session_ended()
        self.history.session_ended()
        self.context.running_save.cancel()
        self.context.search_results.clear()
        self.outbox_sender.close()

    def _account_opened(self) -> None:
        """Keep the account for the next start, load its drafts, and enter what an invitation names."""
        self.config.server, self.config.username = self.state.server, self.state.username
        self.config.save_config("server", "username")
        self.config.notices.listen(self.notes.show_warning)
        if self.front_end.is_full_screen:
            self.drafts.open()
        if self._destination:
            verb = "query" if self._destination.startswith("@") else "join"
            self.lines.submit_line(f"/{verb} {self._destination}")
            self._destination = ""

    # Frames of the server

    def _receive(
        self, request: requests.AnyRequest | None, frame: responses.AnyResponse | events.AnyEvent
    ) -> None:
        if isinstance(frame, events.Event):
            apply.apply_event(self.state, frame)
            self._move_renamed()
            self._route_event(frame)
        elif request is not None:
            apply.apply_answer(self.state, request, frame)
            self._move_renamed()
            if isinstance(frame, responses.Sent) and isinstance(request, requests.Send):
                self.backfill.fetch_missing(request.to)
        self.front_end.show_frame(frame)
        self.front_end.state_changed()

    def _move_renamed(self) -> None:
        """Move what is stored under the former names of rooms."""
        for former, name in apply.take_renamed(self.state):
            self.outbox_sender.rename_room(former, name)
            self.preferences.rename_room(former, name)
            self.front_end.room_renamed(former, name)
            self.drafts.rename_room(former, name)

    def _route_event(self, event: events.AnyEvent) -> None:
        match event:
            case events.Message(message=message):
                if message.username == self.state.username:
                    self.drafts.drop_sent(message.conversation)
                self.backfill.fetch_missing(message.conversation)
                if is_erasure(message):
                    self.conversations.messages_erased(message.conversation)
            case events.Room(room=room) if room.member:
                self.backfill.fetch_missing(room.room)
                self.conversations.room_changed(room)
            case events.Friend(friend=friend, former=str(former)):
                self.conversations.messages_erased(friend.friend)
                self.notes.show("friend_erased", username=former[1:])
            case events.Friend(friend=friend, ended=ended):
                self.backfill.fetch_missing(friend.friend)
                key = "unfriended_by" if ended is True else "befriended_by"
                self.notes.show(key, username=friend.friend[1:])
            case events.Invited(room=room, username=username):
                self.notes.show("invited_by", username=username, room=room.room)
            case events.Announcement(text=text):
                self.notes.show("announcement", text=text)
            case events.Removed(room=name, reason=reason):
                self.conversations.room_removed(name, reason)
