"""What a server is made of, put together once: each part is given what it works with, and looks for nothing
later. The counterpart is ``app``, which starts and stops what is made here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from db.engine import is_sqlite
from db.records import Stored
from db.store import Store
from db.transaction import Seating
from db.writer import Writer
from server import dispatch, rights
from server.announcer import Announcer
from server.codes import Gate
from server.config import Config
from server.delivery import Delivery
from server.guesses import Guesses
from server.handlers.accounts import Accounts
from server.handlers.entering import Entering
from server.handlers.friends import Friends
from server.handlers.history import History
from server.handlers.messages import Messages
from server.handlers.moderation import Moderation
from server.handlers.people import People
from server.handlers.rooms import Rooms
from server.handlers.search import Search
from server.handlers.sessions import Sessions
from server.handlers.typing import Typing
from server.handlers.whereabouts import Whereabouts
from server.heartbeat import Heartbeat
from server.indexer import Indexer
from server.limits import Attempts
from server.live import Directory
from server.passwords import Passwords
from server.peers import Peers
from server.presence import Presence
from server.steward import Steward
from server.takeover import Takeover


@dataclass(frozen=True, slots=True)
class Parts:
    """What ``app`` holds in its hands. There are no ``peers`` on a database that nobody else may use."""

    store: Store
    writer: Writer  # whose thread runs already
    passwords: Passwords
    presence: Presence
    heartbeat: Heartbeat
    peers: Peers | None
    indexer: Indexer
    steward: Steward
    table: dispatch.Table

    def close_pools(self) -> None:
        """Finish what is being read or hashed, and end the threads that do it. Blocks."""
        self.store.close()
        self.passwords.close()


def assemble(config: Config, engine: Engine, server_id: bytes) -> Parts:
    """Every part of a server that is called ``server_id`` in the database. MUST be called on its loop."""
    loop, limits = asyncio.get_running_loop(), config.limits
    directory = Directory()
    announcer = Announcer(directory, loop)
    delivery = Delivery(directory, announcer)

    def reseat(seatings: Sequence[Seating], said: Sequence[Stored]) -> None:
        for seating in seatings:
            presence.end_sessions(seating.ended)
        delivery.reseat(seatings, said)

    store = Store(engine, threads=config.database.readers)
    writer = Writer(
        engine,
        loop,
        deliver=delivery.deliver,
        reseat=reseat,
        entitle=rights.may_post,
        patience=config.database.patience,
    )
    passwords = Passwords(
        config.password.bcrypt_cost, patience=config.password.queue, threads=config.password.threads
    )
    presence = Presence(directory, announcer, writer, server_id=server_id, linger=limits.linger)
    attempts = Attempts(limits.password_attempts)
    guesses, gate = Guesses(passwords, attempts), Gate(store, attempts)
    friends = Friends(limits, directory, announcer)
    moderation = Moderation(limits, directory, announcer)
    table = dispatch.table(
        Accounts(config, store, passwords, guesses, presence, gate),
        Sessions(config, store, writer, passwords, guesses, presence),
        Rooms(config, store, passwords, directory, announcer),
        Entering(limits, store, guesses, directory, announcer, gate),
        moderation,
        friends,
        People(directory, announcer, friends),
        Messages(limits, directory),
        History(limits, directory, announcer),
        Search(limits),
        Typing(directory, announcer),
        Whereabouts(limits, directory, announcer),
    )
    takeover = Takeover(directory, announcer, presence)
    peers = Peers(server_id, store, writer, directory, delivery, takeover, moderation.closed)
    return Parts(
        store=store,
        writer=writer,
        passwords=passwords,
        presence=presence,
        heartbeat=Heartbeat(directory, writer, presence),
        peers=None if is_sqlite(engine.url) else peers,
        indexer=Indexer(engine, store, writer),
        steward=Steward(config.password, store, writer, passwords, directory, presence, moderation),
        table=table,
    )
