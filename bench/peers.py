"""Other projects' servers, if they are installed.

The IRC servers store no history. ngircd has a backlog of ten connections, inspircd accepts clients once a
second. ejabberd stores all messages of a room, as our server does, but does not wait until they are on
disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from glob import glob
from pathlib import Path

from bench.dialects import Dialect, Irc
from bench.hosts import Host, Opening, free_port, path, program, temporary
from bench.xmpp import Xmpp


@contextmanager
def _peer(command: Sequence[str], file: str, config: str, dialect: Dialect) -> Iterator[Host]:
    """Run a server with a configuration file. ``{folder}`` and ``{port}`` are replaced in both."""
    port = free_port()
    with temporary() as folder:
        (folder / "motd").write_text("bench\n")
        (folder / file).write_text(_filled(config, folder, port))
        arguments = [_filled(word, folder, port) for word in command]
        with program([path(command[0]) or command[0], *arguments[1:]], port, dialect) as host:
            yield host


def _filled(text: str, folder: Path, port: int) -> str:
    """Replace without ``str.format``, because the configuration contains other braces."""
    return text.replace("{folder}", str(folder)).replace("{port}", str(port))


NGIRCD_COMMAND = ("ngircd", "-n", "-f", "{folder}/ngircd.conf")
NGIRCD = """
[Global]
Name = bench.localhost
Info = bench
Ports = {port}
Listen = 127.0.0.1
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxPenaltyTime = 0
PingTimeout = 3600
[Options]
DNS = no
Ident = no
PAM = no
"""

INSPIRCD_COMMAND = (
    "inspircd", "--nofork", "--nolog", "--nopid", "--runasroot", "--config={folder}/inspircd.conf",
)  # fmt: skip
INSPIRCD = """
<server name="bench.localhost" description="bench" network="bench">
<admin name="bench" nick="bench" email="bench@localhost">
<bind address="127.0.0.1" port="{port}" type="clients">
<power diepass="bench" restartpass="bench">
<connect allow="*" timeout="60" threshold="100000" commandrate="1000000000" fakelag="no" pingfreq="3600"
         hardsendq="100M" softsendq="100M" recvq="10M" localmax="100000" globalmax="100000" limit="100000"
         resolvehostnames="no">
<performance softlimit="100000" somaxconn="1024" netbuffersize="10240">
<channels users="100000">
<files motd="{folder}/motd">
"""

EJABBERD = """
hosts: [localhost]
loglevel: none
listen:
  - {port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, backlog: 1024, shaper: none, max_stanza_size: 65536}
auth_method: anonymous
anonymous_protocol: sasl_anon
allow_multiple_connections: true
modules:
  mod_mam: {}
  mod_muc:
    max_users: 10000
    min_message_interval: 0
    min_presence_interval: 0
    default_room_options: {max_users: 10000, mam: true, persistent: true}
"""
ERLANG = (
    "erl", "-noinput", "-pa", *glob("/usr/lib/*/ejabberd-*/ebin"),
    "-mnesia", "dir", '"{folder}/mnesia"',
    "-ejabberd", "config", '"{folder}/ejabberd.yml"', "log_path", '"{folder}/log"',
    "-s", "ejabberd",
)  # fmt: skip

_ALL: dict[str, tuple[str, Opening]] = {
    "ngircd": ("ngircd", partial(_peer, NGIRCD_COMMAND, "ngircd.conf", NGIRCD, Irc(at_once=10))),
    "inspircd": ("inspircd", partial(_peer, INSPIRCD_COMMAND, "inspircd.conf", INSPIRCD, Irc(at_once=200))),
    "ejabberd, with history": ("ejabberdctl", partial(_peer, ERLANG, "ejabberd.yml", EJABBERD, Xmpp())),
}  # fmt: skip

PEERS: dict[str, Opening] = {system: opening for system, (needed, opening) in _ALL.items() if path(needed)}
