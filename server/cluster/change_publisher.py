"""Stores what this server process changes, for the other processes on the database to read."""

import time

from sqlalchemy import Connection

from chatroom.db.queries import changefeed
from chatroom.db.queries.changefeed import ChangeSet


class ChangePublisher:
    """Numbers the changes of one server process. ``ChangePoller`` sets ``has_readers``."""

    def __init__(self, server_id: bytes) -> None:
        self._server_id = server_id
        self.has_readers = False
        self.last_number = time.time_ns() // 1000  # microseconds: higher than before a restart

    def publish_changes(self, connection: Connection, changes: ChangeSet) -> int:
        """Store what a transaction has changed. Called on the writer's thread, before COMMIT. Returns the
        number of the changes, 0 if there is no other process.
        """
        if not self.has_readers:
            return 0
        self.last_number += 1
        changefeed.publish_changes(connection, self._server_id, self.last_number, changes)
        return self.last_number
