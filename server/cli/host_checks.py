"""The checks of ``chat-server doctor`` that concern this machine: versions, files, disk, clock, network."""

import asyncio
import os
import platform
import resource
import shutil
import ssl
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from chatroom.db.diagnosis import CheckResult, check_error, check_passed, check_warning
from chatroom.db.engine import is_sqlite, normalise_url
from chatroom.db.errors import DatabaseUnusable
from chatroom.protocol import RELEASE
from chatroom.protocol.address import host_and_port, is_loopback
from chatroom.server.admin import ipc
from chatroom.server.config.settings import ServerConfig
from chatroom.server.net.listener import bind_sockets
from chatroom.server.net.tls import CertificateError, TlsCertificate, certificate_files

MIN_FREE_BYTES = 100 << 20
"""Free disk space below which the server is about to fail."""

LOW_FREE_BYTES = 1 << 30

EXPIRY_WARNING = timedelta(days=21)
"""Remaining lifetime of a certificate at which a renewal should have happened."""

EARLIEST_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""Before this release was written: an earlier clock is wrong."""

FEW_FILES = 4096
"""File descriptors below which many users cannot be served."""


def check_host(config: ServerConfig) -> Iterator[CheckResult]:
    """Yield the results of all checks of this machine."""
    yield _check_versions()
    yield _check_data_folder(config.data)
    yield from _check_file_modes(config)
    yield from _check_disk(config)
    yield _check_clock()
    yield _check_port(config)
    yield _check_certificate(config)
    yield _check_file_limit()
    yield _check_retention(config.retention.days)


def _check_versions() -> CheckResult:
    return check_passed(
        "versions", f"chatroom {RELEASE}, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    )


def _check_retention(days: int) -> CheckResult:
    duration = f"messages are kept for {days} days" if days else "messages are kept for ever"
    return check_passed("retention", f"{duration}; a room's owner may choose fewer days")


# Files


def _check_data_folder(data: Path) -> CheckResult:
    nearest, exists = _nearest_folder(data), os.path.isdir(data)
    if not exists and os.path.lexists(data):
        return check_error("data folder", f"{data} is no folder", "choose another folder with --data")
    if not os.access(nearest, os.W_OK | os.X_OK):
        advice = f"run the server as the owner of {nearest}, or choose another folder with --data"
        return check_error("data folder", f"{nearest} cannot be written by this user", advice)
    message = str(data) if exists else f"{data} does not exist yet; the server creates it"
    return check_passed("data folder", message)


def _nearest_folder(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    folders = (path, *path.absolute().parents)
    return next((folder for folder in folders if os.path.isdir(folder)), Path("/"))


def _check_file_modes(config: ServerConfig) -> Iterator[CheckResult]:
    """Files with messages, keys or passwords must not be open to other users."""
    exposed = []
    for file in _private_files(config):
        try:
            mode = file.stat().st_mode
        except OSError:
            continue
        if stat.S_IMODE(mode) & 0o077:
            exposed.append(file)
    for file in exposed:
        message = f"other users may read or write {file} (mode {stat.S_IMODE(file.stat().st_mode):o})"
        yield check_warning("file modes", message, f"chmod go= {file}")
    if not exposed:
        yield check_passed("file modes", "messages and keys are readable by this user only")


def _private_files(config: ServerConfig) -> Iterator[Path]:
    if config.tls.key:
        yield Path(os.path.expanduser(config.tls.key))
    if not os.path.isdir(config.data):
        return
    for pattern in ("*.sqlite", "*.sqlite-wal", "*.sqlite-shm", "certificate.pem", "server.toml", "*.sock"):
        yield from sorted(config.data.glob(pattern))


def _check_disk(config: ServerConfig) -> Iterator[CheckResult]:
    for folder in {_nearest_folder(each): None for each in (config.data, _database_folder(config))}:
        free = shutil.disk_usage(folder).free
        message = f"{free / (1 << 30):.1f} GiB free in {folder}"
        if free < MIN_FREE_BYTES:
            yield check_error("disk space", message, "free some space: a full disk stores no messages")
        elif free < LOW_FREE_BYTES:
            yield check_warning("disk space", message, "free some space, or move the folder")
        else:
            yield check_passed("disk space", message)


def _database_folder(config: ServerConfig) -> Path:
    """Return the folder of the SQLite file, or the data folder."""
    try:
        url = normalise_url(config.database_url)
    except DatabaseUnusable:
        return config.data
    return Path(str(url.database)).parent if is_sqlite(url) else config.data


# Clock and network


def _check_clock() -> CheckResult:
    now = datetime.now(UTC)
    message = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < EARLIEST_TIME:
        return check_error("clock", f"{message} is in the past", "set the clock, best with NTP")
    return check_passed("clock", message)


def _check_port(config: ServerConfig) -> CheckResult:
    where = host_and_port(config.host or "*", config.port)
    try:
        if ipc.is_served(config.data / ipc.SOCKET_NAME):
            return check_passed("port", f"a server with this data folder runs; {where} is not examined")
        for listening in asyncio.run(bind_sockets(config.host, config.port)):
            listening.close()
    except (OSError, UnicodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "no such host"
        advice = "choose another address with --host and --port, or end the program that uses it"
        return check_error("port", f"cannot listen on {where}: {reason}", advice)
    return check_passed("port", f"{where} is free")


def _check_certificate(config: ServerConfig) -> CheckResult:
    name = "certificate"
    if not config.encrypted:
        if is_loopback(config.host):
            return check_passed(name, "none: plain TCP on this machine only")
        advice = "remove --insecure, unless a tunnel or a private network encrypts the connections"
        return check_warning(name, "none: passwords can be read on the way", advice)
    try:
        certificate, key = certificate_files(config)
        if not config.tls.cert and not os.path.lexists(certificate):
            return check_passed(name, "none yet; the server creates a self-signed one at its start")
        TlsCertificate(certificate, key)
        own = x509.load_pem_x509_certificate(certificate.read_bytes())
    except CertificateError as error:
        return check_error(name, str(error), "correct tls.cert and tls.key, or restore the files")
    return _lifetime_result(certificate, own, datetime.now(UTC))


def _lifetime_result(file: Path, certificate: x509.Certificate, now: datetime) -> CheckResult:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    message = f"{file} is valid until {end:%Y-%m-%d}"
    if now < begin:
        message = f"{file} is valid from {begin:%Y-%m-%d %H:%M} UTC only"
        return check_error("certificate", message, "check the clock")
    if now > end:
        message = f"{file} expired on {end:%Y-%m-%d}"
        return check_error("certificate", message, "renew it, then send the server SIGHUP")
    if end - now < EXPIRY_WARNING:
        return check_warning("certificate", message, "renew it, then send the server SIGHUP")
    return check_passed("certificate", message)


def _check_file_limit() -> CheckResult:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    message = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard} file descriptors"
    if count < FEW_FILES:
        advice = "raise the limit, with LimitNOFILE= in the unit of systemd: each connection needs one"
        return check_warning("open files", message, advice)
    return check_passed("open files", message)
