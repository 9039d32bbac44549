"""``/healthz``, ``/readyz`` and ``/metrics`` of a running server."""

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Serve
from tests.support.database import DatabaseServer, PrivateServer
from tests.support.processes import PATIENCE, ROOT, Server, running

ROOM = "#thuhole"
HTTP = ("--http", "127.0.0.1:0")


class Answer(NamedTuple):
    status: int
    text: str
    headers: dict[str, str]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


def http_port(server: Server) -> int:
    """Return the port that the log names; the line is written before the server announces itself."""
    return int(re.findall(r"http on .*:(\d+): ", server.log)[-1])


def get(server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
    return ask(
        http.client.HTTPConnection("127.0.0.1", http_port(server), timeout=PATIENCE), path, method, headers
    )


def ask(connection: http.client.HTTPConnection, path: str, method: str, headers: dict[str, str]) -> Answer:
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(), dict(response.getheaders()))
    finally:
        connection.close()


def metrics(server: Server) -> dict[tuple[str, ...], float]:
    """Return all samples by name and the values of their labels, which are sorted by name."""
    families = text_string_to_metric_families(get(server, "/metrics").text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def metric_names(server: Server) -> set[str]:
    families = text_string_to_metric_families(get(server, "/metrics").text)
    return {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" for family in text_string_to_metric_families(get(server, "/metrics").text)
        if family.type == "counter"
    }  # fmt: skip


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that change nothing."""
    with running(tmp_path_factory.mktemp("http") / "data", *HTTP) as server:
        yield server


@pytest.fixture
def measured(serve: Serve) -> Server:
    """A server with HTTP, a room, two members, one message and one refused login."""
    server = serve(*HTTP)
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room=ROOM, capacity=2)
    for wire in (alice, bob):
        wire.request("enter_room", room=ROOM, nickname=wire.username)
    alice.request("send", to=ROOM, text="你好", cid="c1")
    bob.message(text="你好")
    assert server.connect().refusal("login", username="Alice", password="222222") == "wrong_password"
    return server


def test_health_and_readiness_of_a_running_server_are_200(probed: Server) -> None:
    assert get(probed, "/healthz")[:2] == (200, "ok\n")
    assert get(probed, "/readyz")[:2] == (200, "ok\n")


def test_metrics_count_what_has_happened(measured: Server) -> None:
    values = metrics(measured)
    assert values["chatroom_connections",] == 3
    assert values["chatroom_sessions",] == 2
    assert values["chatroom_connections_opened_total",] == 3
    assert values["chatroom_logins_total", "ok", "login"] == 2
    assert values["chatroom_logins_total", "wrong_password", "login"] == 1
    assert values["chatroom_requests_total", "send"] == 1
    assert values["chatroom_refusals_total", "wrong_password"] == 1
    assert values["chatroom_messages_stored_total",] == 3  # two joined
    assert values["chatroom_deliveries_total",] >= 2
    assert values["chatroom_ack_seconds_count",] == 1
    assert values["chatroom_commit_seconds_count",] == values["chatroom_batch_operations_count",] > 5
    assert values["chatroom_commit_seconds_bucket", "+Inf"] == values["chatroom_commit_seconds_count",]
    assert values["chatroom_database_up",] == values["chatroom_serving",] == 1
    assert values["process_resident_memory_bytes",] > 1 << 20


def test_metrics_can_be_parsed_in_both_formats(measured: Server) -> None:
    text = get(measured, "/metrics")
    assert text.headers["Content-Type"].startswith("text/plain")
    opened = get(measured, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert opened.headers["Content-Type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")
    assert len(list(text_string_to_metric_families(text.text))) > 30


def test_scrapes_under_load_are_complete_and_never_decrease(serve: Serve) -> None:
    server = serve(*HTTP)
    alice = server.user("Alice")
    alice.request("create_room", room=ROOM, capacity=2)
    alice.request("enter_room", room=ROOM, nickname="ALICE")
    done = threading.Event()

    def send_messages() -> None:
        for number in range(600):
            alice.request("send", to=ROOM, text=f"{number}", cid=f"c{number}")
        done.set()

    sender = threading.Thread(target=send_messages)
    sender.start()
    acks = [0.0]
    while not done.is_set():
        values = metrics(server)
        acks.append(values["chatroom_ack_seconds_count",])
        assert values["chatroom_ack_seconds_bucket", "+Inf"] == values["chatroom_ack_seconds_count",]
        assert acks[-1] >= acks[-2]
    sender.join()
    assert metrics(server)["chatroom_ack_seconds_count",] == 600
    assert metrics(server)["chatroom_messages_stored_total",] == 601


def test_slow_reader_is_counted(serve: Serve) -> None:
    server = serve(*HTTP, settings=("limits.outbox_bytes=20000",))
    alice, bob = server.user("Alice"), server.user("Bob")
    alice.request("create_room", room=ROOM, capacity=2)
    for wire in (alice, bob):
        wire.request("enter_room", room=ROOM, nickname=wire.username)
    number, deadline = 0, time.monotonic() + PATIENCE
    while not metrics(server)["chatroom_slow_readers_total",]:  # Bob reads nothing
        assert time.monotonic() < deadline
        for _ in range(50):
            number += 1
            alice.request("send", to=ROOM, text="你" * 4000, cid=f"c{number}")
    assert metrics(server)["chatroom_connections_closed_total", "slow_consumer"] == 1


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/metrics/", "GET", 404), ("/metrics", "POST", 405), ("/healthz", "DELETE", 405)],
)
def test_other_requests_are_refused(probed: Server, path: str, method: str, status: int) -> None:
    assert get(probed, path, method).status == status


def test_head_has_no_body_and_a_connection_is_kept(probed: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", http_port(probed), timeout=PATIENCE)
    connection.request("HEAD", "/healthz")
    assert connection.getresponse().read() == b""
    first = connection.sock
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b"ok\n"
    assert connection.sock is first
    connection.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x00\xa5\x01\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
)
def test_bad_request_is_answered_with_400(probed: Server, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", http_port(probed)), timeout=PATIENCE) as connection:
        connection.sendall(request_bytes)
        assert connection.makefile("rb").readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert get(probed, "/healthz").status == 200


def test_scrape_needs_the_token_and_health_does_not(serve: Serve) -> None:
    server = serve("--http", "0.0.0.0:0", settings=("http.token=s3cret",))
    assert get(server, "/metrics").status == 401
    assert get(server, "/metrics", authorization="Bearer wrong").status == 401
    assert get(server, "/metrics", authorization="Basic s3cret").status == 401
    assert get(server, "/metrics", authorization="Bearer s3cret").status == 200
    assert get(server, "/healthz").status == get(server, "/readyz").status == 200
    assert "s3cret" not in server.log


def test_unix_socket_serves_and_is_removed(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    server = serve("--http", f"unix:{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    assert ask(UnixConnection(path), "/healthz", "GET", {}).status == 200
    server.kill()
    server.start()  # over the socket of the dead server
    assert ask(UnixConnection(path), "/readyz", "GET", {}).status == 200
    server.stop()
    assert not path.exists()


def run(*arguments: str, python: tuple[str, ...] = ("-m", "chatroom.server")) -> str:
    """Run a server that cannot start, and return its only line."""
    finished = subprocess.run(
        [sys.executable, *python, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert finished.returncode > 0
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    return finished.stderr


def test_address_beyond_this_machine_without_token_is_one_clear_line(tmp_path: Path) -> None:
    line = run("--port", "0", "--data", str(tmp_path), "--http", "0.0.0.0:0")
    assert "other machines can reach 0.0.0.0:0: set http.token" in line


def test_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = run("--port", "0", "--data", str(tmp_path), "--http", address)
    assert f"cannot serve HTTP on {address}: Address already in use" in line


def test_missing_extra_is_one_clear_line(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['h11'] = None; from chatroom.server.__main__ import main; main()"
    line = run("--port", "0", "--data", str(tmp_path), *HTTP, python=("-c", hidden))
    assert "pip install 'chatroom[http]'" in line


def test_server_without_http_imports_no_http_library() -> None:
    program = "import sys, chatroom.server.__main__; print({'h11', 'prometheus_client'} & sys.modules.keys())"
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout == "set()\n"


def test_readiness_follows_the_database(serve: Serve, fragile_mariadb: PrivateServer) -> None:
    server = serve("--database", fragile_mariadb.url("chat_http"), *HTTP)
    assert get(server, "/readyz").status == 200
    fragile_mariadb.pause()
    await_status(server, 503)
    assert get(server, "/readyz").text == "the database is away\n"
    assert get(server, "/healthz").status == 200
    fragile_mariadb.resume()
    await_status(server, 200)


def await_status(server: Server, status: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while get(server, "/readyz").status != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def expressions(document: Any) -> Iterator[str]:
    """Yield every PromQL expression of a dashboard or of rules."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(document, list):
        for value in document:
            yield from expressions(value)


MONITORING = ROOT / "docs" / "monitoring"
DOCUMENTS = {
    "dashboard.json": json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8")),
    "alerts.yml": yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8")),
    "prometheus.yml": yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8")),
}
NAME = re.compile(r"\b(?:chatroom|process|python)_[a-z0-9_]+\b")


def test_dashboard_and_alerts_use_existing_metrics(serve: Serve, mariadb: DatabaseServer) -> None:
    mariadb.drop("chat_monitoring")
    server = serve("--tls", "--database", mariadb.url("chat_monitoring"), *HTTP)
    existing = metric_names(server)
    used = {
        document: {name for each in expressions(DOCUMENTS[document]) for name in NAME.findall(each)}
        for document in ("dashboard.json", "alerts.yml")
    }
    assert len(used["dashboard.json"]) > 20
    assert len(used["alerts.yml"]) > 5
    assert used["dashboard.json"] <= existing
    assert used["alerts.yml"] <= existing


def test_alerts_have_names_severities_and_texts() -> None:
    rules = [rule for group in DOCUMENTS["alerts.yml"]["groups"] for rule in group["rules"]]
    assert len(rules) > 5
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} <= rule["annotations"].keys()


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = DOCUMENTS["dashboard.json"]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
