"""The command ``chat-server doctor``."""

import json
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import make_url, text

from chatroom.db.diagnosis import privileges_on
from chatroom.db.engine import open_engine
from chatroom.db.migrate import upgrade_schema
from chatroom.server import __main__ as command
from chatroom.server.net import tls
from tests.conftest import Serve
from tests.support.database import DatabaseServer, PrivateServer

Output = pytest.CaptureFixture[str]


class Report(NamedTuple):
    code: int
    checks: dict[str, dict[str, str]]

    def status(self, name: str) -> str:
        return self.checks[name]["status"]


@pytest.fixture
def doctor(capsys: Output) -> Any:
    """Run ``chat-server doctor --json`` and read its report."""

    def run(*arguments: str) -> Report:
        code = command.run_command(["doctor", "--json", "--port", "0", *arguments])
        output = json.loads(capsys.readouterr().out)
        assert output["ok"] is (code == 0)
        for check in output["checks"]:
            assert bool(check["advice"]) is (check["status"] != "ok"), check
        return Report(code, {check["name"]: check for check in output["checks"]})

    return run


def test_fresh_folder_passes_and_nothing_is_created(tmp_path: Path, doctor: Any) -> None:
    report = doctor("--data", str(tmp_path / "data"))
    assert (report.code, {check["status"] for check in report.checks.values()}) == (0, {"ok"})
    assert not list(tmp_path.iterdir())


def test_text_names_each_check_and_its_advice(tmp_path: Path, capsys: Output) -> None:
    code = command.run_command(
        ["doctor", "--data", str(tmp_path), "--database", "mysql://chat@127.0.0.1:1/chat"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0].split() == ["ok", "configuration", "valid"]
    assert lines[-2].split()[:2] == ["error", "database"]
    assert lines[-1].strip().startswith("-> check that the database server runs")


def test_running_server_passes(serve: Serve, database_url: str, doctor: Any) -> None:
    server = serve("--database", database_url)
    server.user("Alice")
    report = doctor("--data", str(server.data), "--database", database_url)
    assert not [check for check in report.checks.values() if check["status"] != "ok"]
    assert "runs" in report.checks["port"]["message"]
    assert report.checks["schema"]["message"].endswith("of this release")


def test_invalid_configuration_is_an_error(doctor: Any) -> None:
    report = doctor("--set", "limits.rte=5")
    assert (report.code, report.status("configuration")) == (1, "error")


def test_unknown_variable_is_a_warning(tmp_path: Path, doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_SERVER_LIMITS_RTE", "5")
    report = doctor("--data", str(tmp_path))
    assert (report.code, report.status("configuration")) == (0, "warning")


def test_port_in_use_is_an_error(tmp_path: Path, doctor: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        report = doctor("--data", str(tmp_path), "--port", str(other.getsockname()[1]))
    assert (report.code, report.status("port")) == (1, "error")


@pytest.mark.parametrize("data", ["loop/x", "file", "n" * 300])
def test_unusable_data_folder_is_reported(tmp_path: Path, doctor: Any, data: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert "database" in doctor("--data", str(tmp_path / data)).checks


def test_file_open_to_other_users_is_a_warning(serve: Serve, doctor: Any) -> None:
    server = serve()
    (server.data / "chatroom.sqlite").chmod(0o644)
    report = doctor("--data", str(server.data))
    assert (report.code, report.status("file modes")) == (0, "warning")
    assert report.checks["file modes"]["advice"] == f"chmod go= {server.data / 'chatroom.sqlite'}"
    assert (server.data / "chatroom.sqlite").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("free", "status"), [(1 << 20, "error"), (500 << 20, "warning"), (5 << 30, "ok")])
def test_little_disk_space_is_reported(
    tmp_path: Path, doctor: Any, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert doctor("--data", str(tmp_path)).status("disk space") == status


@pytest.mark.parametrize(
    ("begin", "end", "status"), [(-9, -1, "error"), (1, 9, "error"), (-1, 9, "warning"), (-1, 90, "ok")]
)
def test_lifetime_of_certificate_is_checked(
    tmp_path: Path, doctor: Any, begin: int, end: int, status: str
) -> None:
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1)
    builder = builder.not_valid_before(now + timedelta(days=begin)).not_valid_after(now + timedelta(days=end))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / tls.OWN_CERTIFICATE
    file.touch(0o600)
    file.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM) + secret)
    assert doctor("--data", str(tmp_path), "--set", "tls.mode=on").status("certificate") == status


def test_damaged_certificate_is_an_error(tmp_path: Path, doctor: Any) -> None:
    (tmp_path / tls.OWN_CERTIFICATE).write_text("nothing")
    report = doctor("--data", str(tmp_path), "--set", "tls.mode=on")
    assert (report.code, report.status("certificate")) == (1, "error")


def test_plain_text_beyond_this_machine_is_a_warning(tmp_path: Path, doctor: Any) -> None:
    report = doctor("--data", str(tmp_path), "--host", "0.0.0.0", "--set", "tls.mode=off")
    assert report.status("certificate") == "warning"


def test_other_file_is_an_error_and_unchanged(tmp_path: Path, doctor: Any) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, today I wrote a line that is longer than a header.\n" * 30)
    report = doctor("--data", str(tmp_path), "--database", f"sqlite:///{diary}")
    assert (report.code, report.status("database")) == (1, "error")
    assert diary.read_text().startswith("Dear diary")


@pytest.mark.parametrize(("revision", "status"), [("0001", "warning"), ("9999", "error")])
def test_other_schema_revision_is_reported(
    tmp_path: Path, doctor: Any, database_url: str, revision: str, status: str
) -> None:
    engine = open_engine(database_url)
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    engine.dispose()
    assert doctor("--data", str(tmp_path), "--database", database_url).status("schema") == status


def test_database_user_that_may_only_read_is_an_error(
    tmp_path: Path, doctor: Any, mysql_url: str, mysql_server: DatabaseServer
) -> None:
    upgrade_schema(engine := open_engine(mysql_url))
    engine.dispose()
    url = make_url(mysql_url)
    mysql_server.execute(
        "DROP USER IF EXISTS reader@'%'",
        "CREATE USER reader@'%' IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON {url.database}.* TO reader@'%'",
    )
    reading = url.set(username="reader", password="secret", query={}).render_as_string(hide_password=False)
    report = doctor("--data", str(tmp_path), "--database", reading)
    assert (report.code, report.status("privileges"), report.status("writing")) == (1, "error", "error")


def test_other_character_set_is_an_error_and_unchanged(
    tmp_path: Path, doctor: Any, mysql_url: str, mysql_server: DatabaseServer
) -> None:
    name = make_url(mysql_url).database
    mysql_server.execute(f"ALTER DATABASE {name} CHARACTER SET latin1")
    report = doctor("--data", str(tmp_path), "--database", mysql_url)
    assert (report.code, report.status("character set")) == (1, "error")
    assert "latin1" in mysql_server.execute(f"SHOW CREATE DATABASE {name}")[0][1]


@pytest.mark.parametrize("fixture", ["fragile_mariadb", "fragile_mysql"])
def test_settings_that_may_lose_messages_are_a_warning(
    tmp_path: Path, doctor: Any, request: pytest.FixtureRequest, fixture: str
) -> None:
    server: PrivateServer = request.getfixturevalue(fixture)
    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    report = doctor("--data", str(tmp_path), "--database", server.url("chat"))
    assert (report.code, report.status("durability")) == (0, "warning")


@pytest.mark.parametrize(
    ("grant", "is_enough"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", True),
        ("GRANT ALL PRIVILEGES ON `chat_1`.* TO `me`@`%`", True),
        (r"GRANT ALL PRIVILEGES ON `chat\_1`.* TO `me`@`%`", True),
        ("GRANT ALL PRIVILEGES ON `chat%`.* TO `me`@`%`", True),
        ("GRANT ALL PRIVILEGES ON `other`.* TO `me`@`%`", False),
        ("GRANT ALL PRIVILEGES ON `chat_1`.`news` TO `me`@`%`", False),
        ("GRANT USAGE ON *.* TO `me`@`%` IDENTIFIED BY PASSWORD '*6B'", False),
    ],
)
def test_privileges_are_read_from_grants(grant: str, is_enough: bool) -> None:
    assert ("REFERENCES" in privileges_on("chat_1", [grant])) is is_enough
