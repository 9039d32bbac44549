"""A private Galera cluster of MariaDB: three nodes on loopback, one of which may be killed and joins again.

It needs Debian's packages ``mariadb-server``, ``galera-4`` and ``rsync``.
"""

import os
import shutil
import socket
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Self

import pymysql
import pytest

from tests.support.database import PrivateMariaDB
from tests.support.nats import free_port

LIBRARIES = (
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib/*/galera-4/libgalera_smm.so",
    "/usr/lib/libgalera_smm.so",
)


def galera_library() -> str:
    """The path of Galera's library; empty if it is not installed."""
    return next((file for pattern in LIBRARIES for file in glob(pattern)), "")


def need_galera() -> None:
    missing = [name for name in ("mariadbd", "rsync") if shutil.which(name) is None]
    if not galera_library():
        missing.append("galera-4")
    if missing:
        message = f"there is no {' and no '.join(missing)} here"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


class GaleraNode(PrivateMariaDB):
    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        if os.geteuid() == 0:  # the state transfer needs a user that owns the data and is not root
            shutil.chown(folder, "mysql")
            self._where = [option.replace("--user=root", "--user=mysql") for option in self._where]
            self._options = [option.replace("--user=root", "--user=mysql") for option in self._options]
        self.replication_port = _free_ports(2)
        self._galera = [
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--innodb-buffer-pool-size=64M",
            "--wsrep-on=ON",
            f"--wsrep-provider={galera_library()}",
            "--wsrep-cluster-name=chat",
            f"--wsrep-node-name={name}",
            "--wsrep-node-address=127.0.0.1",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
            "--wsrep-provider-options=base_host=127.0.0.1;"
            f"base_port={self.replication_port};"
            f"gmcast.listen_addr=tcp://127.0.0.1:{self.replication_port};"
            f"ist.recv_addr=127.0.0.1:{self.replication_port + 1}",
        ]

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def join(self, others: Sequence["GaleraNode"], *options: str) -> Self:
        """Start, as a new cluster if there are no others, and wait until all data is here."""
        address = ",".join(f"127.0.0.1:{other.replication_port}" for other in others)
        self.start(*self._galera, f"--wsrep-cluster-address=gcomm://{address}", *options)
        return self

    def _answers(self) -> bool:
        try:
            state = self.execute("SHOW STATUS LIKE 'wsrep_local_state_comment'")
        except pymysql.err.MySQLError:
            return False
        return bool(state) and state[0][1] == "Synced"


def _free_ports(count: int) -> int:
    """The first of several free ports in a row."""
    while True:
        first = free_port()
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return first


class GaleraCluster:
    """Behaves like one database of a delivery test; each fault meets one node."""

    def __init__(self, nodes: int = 3, seed: int = 1) -> None:
        self.nodes = []
        self._folder = TemporaryDirectory(prefix="chat-galera-")
        folder = Path(self._folder.name)
        folder.chmod(0o711)
        for number in range(nodes):
            (folder / f"node{number}").mkdir()
            self.nodes.append(GaleraNode(folder / f"node{number}", f"node{number}"))
        self._random = Random(seed)
        self._victim = self.nodes[0]

    def open(self, *options: str) -> Self:
        self._options = options or ("--log-bin",)
        for number, node in enumerate(self.nodes):
            node.join(self.nodes[:number], *self._options)
        first = self.nodes[0]
        first.execute(
            "CREATE DATABASE IF NOT EXISTS chat CHARACTER SET utf8mb4",
            "CREATE USER chat@'%' IDENTIFIED BY 'secret'",
            "GRANT ALL ON *.* TO chat@'%'",
        )
        return self

    def url(self, name: str, first: int = 0) -> str:
        """The URL of a database on all nodes, beginning with one of them."""
        order = [self.nodes[(first + number) % len(self.nodes)] for number in range(len(self.nodes))]
        hosts = ",".join(f"127.0.0.1:{node.address.port}" for node in order)
        return f"mysql://chat:secret@{hosts}/{name}"

    def kill(self) -> None:
        """Kill a node, as a power cut would."""
        self._victim = self._random.choice(self.nodes)
        self._victim.kill()

    def start(self) -> Self:
        """Let it join the others again."""
        self._victim.join([node for node in self.nodes if node is not self._victim], *self._options)
        return self

    def restart(self) -> Self:
        self._victim = self._random.choice(self.nodes)
        self._victim.stop()
        return self.start()

    def pause(self) -> None:
        self._victim = self._random.choice(self.nodes)
        self._victim.pause()

    def resume(self) -> None:
        self._victim.resume()

    def kill_connections(self) -> int:
        return self._random.choice(self.nodes).kill_connections()

    def close(self) -> None:
        for node in self.nodes:
            if node.is_started:
                node.kill()
        self._folder.cleanup()
