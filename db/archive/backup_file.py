"""The file of a backup: portable between engines, versioned, checksummed, written and read as a stream.

::

    chatroom backup 1\\n
    block …   the header: release, revision and time of the database, and its tables
    block …   [table, rows], as often as needed
    block     [checksum of the content]
    SHA-256   of everything before it

A block is its length (4 bytes, big-endian) and that many bytes of zlib-compressed MessagePack.
"""

import hashlib
import os
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from chatroom.db import files
from chatroom.db.archive.snapshot import TableBlock, TableShape
from chatroom.db.errors import DatabaseUnusable

MAGIC = b"chatroom backup "
VERSION = 1
LENGTH_BYTES = 4
DIGEST_BYTES = hashlib.sha256().digest_size
MAX_BLOCK_BYTES = 1 << 28
COMPRESSION_LEVEL = 1
"""The fastest: halves the file and costs little of the time."""

_pack = msgspec.msgpack.Encoder().encode


class BackupHeader(msgspec.Struct, frozen=True):
    """``revision`` is the schema's; ``taken_at`` is in milliseconds since 1970."""

    release: str
    revision: str
    engine: str
    taken_at: int
    tables: tuple[TableShape, ...]


class BackupUnreadable(DatabaseUnusable):
    """A file is no complete backup that this release can read. The text is one sentence."""


class BackupWriter:
    """Writes a backup to a new private file, which appears under its name only when it is complete."""

    def __init__(self, path: Path, header: BackupHeader) -> None:
        self._path = path
        self._temporary = path.with_name(f"{path.name}.part")
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = open(descriptor, "wb")  # noqa: SIM115  # ``__exit__`` closes it
        self._digest = hashlib.sha256()
        try:
            self._write_header(header)
        except BaseException:
            self._remove()
            raise

    def _write_header(self, header: BackupHeader) -> None:
        self._write(MAGIC + str(VERSION).encode() + b"\n")
        self.write_block(_pack(header))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._remove()

    def _remove(self) -> None:
        with suppress(OSError):  # closing flushes, which fails on a full disk
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def finish(self, content_checksum: str) -> None:
        """Write the end, flush the file to the disk, and give it its name."""
        self.write_block(_pack([content_checksum]))
        self._file.write(self._digest.digest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._publish()
        files.sync_folder(self._path.parent)

    def _publish(self) -> None:
        """Give the file its name. A link replaces no other file, unlike a rename."""
        try:
            os.link(self._temporary, self._path)
        except FileExistsError:
            raise
        except OSError:  # the file system has no links
            self._temporary.rename(self._path)
        else:
            self._temporary.unlink()

    def write_block(self, content: bytes) -> None:
        """Write a part of the file, as MessagePack."""
        packed = zlib.compress(content, COMPRESSION_LEVEL)
        self._write(len(packed).to_bytes(LENGTH_BYTES, "big") + packed)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


class BackupReader:
    """Reads a backup. The whole file is verified before anything is returned."""

    def __init__(self, file: BinaryIO, name: Path) -> None:
        self._file = file
        self._name = name
        self.digest = self._verify()
        blocks = self._read_contents()
        self.header = self._convert_header(next(blocks, b""))
        self._start = self._file.tell()

    def read_blocks(self) -> Generator[TableBlock]:
        """Yield the rows of all tables."""
        self._file.seek(self._start)
        for content in self._read_contents():
            part = msgspec.msgpack.decode(content)
            if len(part) == 2:
                yield TableBlock(*part)

    def _verify(self) -> str:
        """Return the digest of the file. Raises ``BackupUnreadable``."""
        first = self._file.readline(64)
        if not first.startswith(MAGIC) or not first.endswith(b"\n"):
            raise BackupUnreadable(f"{self._name} is not a backup of chat-server")
        if first != MAGIC + str(VERSION).encode() + b"\n":
            version = first.removeprefix(MAGIC).decode(errors="replace").strip()
            raise BackupUnreadable(f"{self._name} has the format {version}, which this release cannot read")
        digest = hashlib.sha256(first)
        left = os.fstat(self._file.fileno()).st_size - len(first) - DIGEST_BYTES
        self._end = len(first) + max(left, 0)
        while left > 0 and (data := self._file.read(min(left, 1 << 20))):
            digest.update(data)
            left -= len(data)
        if left or self._file.read() != digest.digest():
            raise BackupUnreadable(f"{self._name} is damaged or incomplete: its checksum does not match")
        self._file.seek(len(first))
        return digest.hexdigest()

    def _read_contents(self) -> Iterator[bytes]:
        while self._file.tell() < self._end:
            length = int.from_bytes(self._file.read(LENGTH_BYTES), "big")
            if length > MAX_BLOCK_BYTES:
                raise BackupUnreadable(f"{self._name} is damaged: a block is too long")
            yield zlib.decompress(self._file.read(length))

    def _convert_header(self, content: bytes) -> BackupHeader:
        try:
            return msgspec.msgpack.decode(content, type=BackupHeader)
        except msgspec.DecodeError:
            raise BackupUnreadable(f"{self._name} has no header that this release can read") from None


@contextmanager
def open_backup(path: Path) -> Iterator[BackupReader]:
    """Open a backup and verify all of it. Raises ``BackupUnreadable``, and ``OSError``."""
    with closing(open(path, "rb")) as file:
        yield BackupReader(file, path)
