"""What a server is made of, put together once: each part is given what it works with, and looks for nothing
later. The counterpart is ``app``, which starts and stops what is made here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chatroom.db.engine import is_sqlite
from chatroom.db.reader import DatabaseReader
from chatroom.db.records import StoredMessage
from chatroom.db.writer.transaction import RosterSeats
from chatroom.db.writer.writer import DatabaseWriter
from chatroom.server import dispatch
from chatroom.server.admin.service import AdminService
from chatroom.server.auth import permissions
from chatroom.server.auth.invitations import InvitationChecker
from chatroom.server.auth.password_check import PasswordChecker
from chatroom.server.auth.passwords import PasswordHasher
from chatroom.server.cluster.apply_changes import ChangeApplier
from chatroom.server.cluster.change_poller import ChangePoller
from chatroom.server.cluster.heartbeat import Heartbeat
from chatroom.server.config.settings import ServerConfig
from chatroom.server.handlers.accounts import AccountHandlers
from chatroom.server.handlers.blocks import BlockHandlers
from chatroom.server.handlers.friends import FriendHandlers
from chatroom.server.handlers.history import HistoryHandlers
from chatroom.server.handlers.messages import MessageHandlers
from chatroom.server.handlers.moderation import ModerationHandlers
from chatroom.server.handlers.profile import ProfileHandlers
from chatroom.server.handlers.room_entry import RoomEntryHandlers
from chatroom.server.handlers.rooms import RoomHandlers
from chatroom.server.handlers.search import SearchHandlers
from chatroom.server.handlers.sessions import SessionHandlers
from chatroom.server.handlers.typing import TypingHandlers
from chatroom.server.jobs.indexer import SearchIndexer
from chatroom.server.net.limits import PasswordAttempts
from chatroom.server.state.delivery import MessageDelivery
from chatroom.server.state.directory import LiveDirectory
from chatroom.server.state.notifier import EventNotifier
from chatroom.server.state.presence import PresenceTracker
from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What ``app`` holds in its hands. There are no ``peers`` on a database that nobody else may use."""

    store: DatabaseReader
    writer: DatabaseWriter  # whose thread runs already
    passwords: PasswordHasher
    presence: PresenceTracker
    heartbeat: Heartbeat
    peers: ChangePoller | None
    indexer: SearchIndexer
    steward: AdminService
    table: dispatch.Table

    def close_pools(self) -> None:
        """Finish what is being read or hashed, and end the threads that do it. Blocks."""
        self.store.close()
        self.passwords.close()


def assemble_parts(config: ServerConfig, engine: Engine, server_id: bytes) -> ServerParts:
    """Every part of a server that is called ``server_id`` in the database. MUST be called on its loop."""
    loop, limits = asyncio.get_running_loop(), config.limits
    directory = LiveDirectory()
    announcer = EventNotifier(directory, loop)
    delivery = MessageDelivery(directory, announcer)

    def reseat(seatings: Sequence[RosterSeats], said: Sequence[StoredMessage]) -> None:
        for seating in seatings:
            presence.end_sessions(seating.ended)
        delivery.apply_rosters(seatings, said)

    store = DatabaseReader(engine, threads=config.database.readers)
    writer = DatabaseWriter(
        engine,
        loop,
        deliver=delivery.deliver_messages,
        reseat=reseat,
        entitle=permissions.may_post,
        patience=config.database.patience,
    )
    passwords = PasswordHasher(
        config.password.bcrypt_cost, patience=config.password.queue, threads=config.password.threads
    )
    presence = PresenceTracker(directory, announcer, writer, server_id=server_id, linger=limits.linger)
    attempts = PasswordAttempts(limits.password_attempts)
    guesses, gate = PasswordChecker(passwords, attempts), InvitationChecker(store, attempts)
    friends = FriendHandlers(limits, directory, announcer)
    moderation = ModerationHandlers(limits, directory, announcer)
    table = dispatch.build_table(
        AccountHandlers(config, store, passwords, guesses, presence, gate),
        SessionHandlers(config, store, writer, passwords, guesses, presence),
        RoomHandlers(config, store, passwords, directory, announcer),
        RoomEntryHandlers(limits, store, guesses, directory, announcer, gate),
        moderation,
        friends,
        BlockHandlers(directory, announcer, friends),
        MessageHandlers(limits, directory),
        HistoryHandlers(limits, directory, announcer),
        SearchHandlers(limits),
        TypingHandlers(directory, announcer),
        ProfileHandlers(limits, directory, announcer),
    )
    takeover = ChangeApplier(directory, announcer, presence)
    peers = ChangePoller(server_id, store, writer, directory, delivery, takeover, moderation.announce_closed)
    return ServerParts(
        store=store,
        writer=writer,
        passwords=passwords,
        presence=presence,
        heartbeat=Heartbeat(directory, writer, presence),
        peers=None if is_sqlite(engine.url) else peers,
        indexer=SearchIndexer(engine, store, writer),
        steward=AdminService(config.password, store, writer, passwords, directory, presence, moderation),
        table=table,
    )
