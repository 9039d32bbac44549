"""An empty database that takes a copy: ``SqliteTarget`` or ``MysqlTarget``."""

from collections.abc import Sequence
from typing import Protocol

from chatroom.db.archive.checksums import ContentDigest
from chatroom.db.archive.snapshot import TableBlock, TableShape
from chatroom.db.errors import DatabaseUnusable


class CopyTarget(Protocol):
    """A database that takes the rows of a copy. No server can use it before ``finish``."""

    def store_block(self, table: TableShape, block: TableBlock) -> None:
        """Store the rows of a block, but none that an interrupted run has stored."""

    def verify(self, tables: Sequence[TableShape], content: ContentDigest) -> None:
        """Read back what is stored. Raises ``CopyDiffers``."""

    def finish(self) -> None:
        """Upgrade the schema to this release, and make the database usable."""

    def discard(self) -> None:
        """Remove everything that was stored."""


class CopyDiffers(DatabaseUnusable):
    """What was stored is not what was read."""

    def __init__(self) -> None:
        super().__init__("the copy differs from what was read, so it was removed: run the command again")
