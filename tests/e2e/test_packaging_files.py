"""The files in ``packaging/``, each read by the program that it is for: man, shells, systemd, fail2ban."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
import yaml

from chatroom.server.config.settings import SETTINGS
from tests.conftest import Serve
from tests.support.processes import PATIENCE, ROOT

PACKAGING = ROOT / "packaging"
COMMANDS = ("chat-server", "chat-server-admin", "chat-server-invite", "chat-server-doctor", "chat-client")
MAX_EXPOSURE = 2.5
INSTRUCTIONS = "FROM RUN COPY ENV USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT WORKDIR"


def need(program: str) -> None:
    """Skip the test if a program is missing, which ``.ci/run`` installs."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"there is no {program} here")
        pytest.skip(f"there is no {program} here")


def run(*command: str, **environment: str) -> str:
    finished = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=PATIENCE
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of man pages and completions."""
    folder = tmp_path_factory.mktemp("generated")
    run(sys.executable, str(PACKAGING / "generate.py"), str(folder))
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_man_page_lists_every_flag_without_warnings(generated: Path, command: str) -> None:
    need("man")
    page = run("man", "--warnings=all", "-l", str(generated / "man1" / f"{command}.1"), MANWIDTH="200")
    assert "warning" not in page.lower(), page
    _, module, *subcommand = command.split("-")
    usage = run(sys.executable, "-m", f"chatroom.{module}", *subcommand, "--help", COLUMNS="500")
    flags = set(re.findall(r"--[a-z-]+", usage)) - {"--help"}
    assert flags
    assert flags <= set(re.findall(r"--[a-z-]+", re.sub(r"[‐−]", "-", page)))


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["--ht"], ["--http"]),
        (["--log-level", "d"], ["debug"]),
        (["admin", "res"], ["reset-password"]),
        (["inv"], ["invite"]),
    ],
)
def test_bash_completes_flags_values_and_commands(
    generated: Path, words: list[str], completions: list[str]
) -> None:
    line = ["chat-server", *words]
    script = (
        f"source {generated}/bash/chat-server; COMP_WORDS=({' '.join(line)}); COMP_CWORD={len(words)};"
        f" _shtab_chat_server chat-server {line[-1]} {line[-2]}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    assert run("bash", "--norc", "-c", script).split() == completions


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("chat-server --ht", "--http"),
        ("chat-server admin res", "reset-password"),
        ("chat-client --pl", "--plain"),
    ],
)
def test_zsh_completes_flags_and_commands(generated: Path, typed: str, completed: str) -> None:
    need("zsh")
    shell = pexpect.spawn(
        "zsh", ["-f", "-i"], env={**os.environ, "PS1": "", "TERM": "dumb"}, timeout=PATIENCE, encoding="utf-8"
    )
    try:
        shell.sendline(f"fpath=({generated}/zsh $fpath); autoload -U compinit; compinit -u -D; echo read''y")
        shell.expect("ready")
        shell.send(f"{typed}\t")
        shell.expect(re.escape(completed))
    finally:
        shell.close(force=True)


def test_fish_completes_flags_and_commands(generated: Path) -> None:
    need("fish")
    source = f"source {generated}/fish/chat-server.fish;"
    assert "--http" in run("fish", "--no-config", "-c", f"{source} complete -C 'chat-server --ht'")
    assert "reset-password" in run(
        "fish", "--no-config", "-c", f"{source} complete -C 'chat-server admin res'"
    )


def test_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    need("systemd-analyze")
    units = []
    for name in ("chatroom.service", "chatroom.socket"):
        unit = (PACKAGING / "systemd" / name).read_text()
        unit = unit.replace("/opt/chatroom/bin/chat-server", "/bin/true").replace("Documentation=man:", "#")
        units.append(tmp_path / name)
        units[-1].write_text(unit)
    assert run("systemd-analyze", "verify", *map(str, units)).strip() == ""
    report = run("systemd-analyze", "security", "--offline=true", str(units[0]))
    exposure = re.search(r"Overall exposure level for chatroom.service: ([\d.]+)", report)
    assert exposure
    assert float(exposure[1]) <= MAX_EXPOSURE


def test_comments_of_the_units_are_on_lines_of_their_own() -> None:
    lines = [line for path in (PACKAGING / "systemd").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) > 50
    assert not [line for line in lines if not line.startswith("#") and "#" in line]


@pytest.mark.parametrize("form", ["text", "json"])
def test_fail2ban_finds_each_failed_login_and_nothing_else(serve: Serve, tmp_path: Path, form: str) -> None:
    need("fail2ban-regex")
    server = serve(settings=(f"log_format={form}", "limits.password_attempts=3"))
    server.user("Alice")
    stranger = server.connect()
    forged = "x address=203.0.113.9 code=wrong_password"
    for username in (
        "Alice",
        "Bob",
        "x code=ok",
        forged,
        '"},{"address":"203.0.113.9"',
        "Alice",
        "Alice",
        "Alice",
    ):
        assert stranger.ask("login", username=username, password="222222")["type"] == "error"
    server.stop()  # the log is complete now
    failed = [line for line in server.log.splitlines() if "login_failed" in line]
    log = tmp_path / "chatroom.log"
    log.write_text(server.log)
    report = run(
        "fail2ban-regex", "--print-all-matched", str(log), str(PACKAGING / "fail2ban" / "chatroom.conf")
    )
    matched = re.search(r"Lines: (\d+) lines, \d+ ignored, (\d+) matched, (\d+) missed", report)
    assert matched, report
    assert len(failed) == 8
    assert int(matched[2]) == len([line for line in failed if "bad_username" not in line]) == 5, report
    assert int(matched[1]) == len(server.log.splitlines())
    addresses = run(
        "fail2ban-regex", "-o", "ip", str(log), str(PACKAGING / "fail2ban" / "chatroom.conf")
    ).split()
    assert set(addresses) == {"127.0.0.1"}


# The container


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments."""
    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, rest in lines]


def test_container_runs_as_a_user_with_a_health_check_and_known_settings() -> None:
    steps = instructions((PACKAGING / "docker" / "Dockerfile").read_text())
    assert {word for word, _ in steps} == set(INSTRUCTIONS.split())
    stages = [place for place, (word, _) in enumerate(steps) if word == "FROM"]
    final = dict(steps[stages[-1] :])
    assert final["USER"] == "chatroom"
    assert "/healthz" in final["HEALTHCHECK"]
    assert final["ENTRYPOINT"] == '["chat-server"]'
    variables = set(re.findall(r"CHAT_SERVER_\w+", final["ENV"]))
    assert len(variables) == 3
    assert variables <= {setting.variable for setting in SETTINGS.values()}
    copied = {
        word for step, rest in steps if step == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    }
    assert {"client", "db", "protocol", "server", "setup.cfg"} <= copied
    assert all((ROOT / name).exists() for name in sorted(copied))
    allowed = (PACKAGING / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in allowed if line.startswith("!")} == copied


def test_compose_has_server_database_and_nats_with_volumes_and_secrets_from_files() -> None:
    compose = yaml.safe_load((PACKAGING / "docker" / "compose.yaml").read_text())
    services = compose["services"]
    assert services.keys() == {"chat", "database", "nats"}
    for service in services.values():
        assert set(service.get("secrets", [])) <= compose["secrets"].keys()
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"]
    assert all(secret.keys() == {"file"} for secret in compose["secrets"].values())
    assert "password" not in re.sub(
        r"\w*_password|_FILE|PASSWORD_FILE", "", str(services["chat"]["environment"])
    )
    variables = {name.removesuffix("_FILE") for name in services["chat"]["environment"]}
    assert len(variables) > 3
    assert variables - {"CHAT_SERVER_CLUSTER_URL"} <= {setting.variable for setting in SETTINGS.values()}
    build = services["chat"]["build"]
    folder = (PACKAGING / "docker" / build["context"]).resolve()
    assert folder == ROOT
    assert (folder / build["dockerfile"]).exists()


def test_docker_builds_a_small_image() -> None:
    need("docker")
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("docker does not run here")
    run(
        "docker",
        "build",
        "-q",
        "-f",
        str(PACKAGING / "docker" / "Dockerfile"),
        "-t",
        "chatroom-test",
        str(ROOT),
    )
    size = int(run("docker", "image", "inspect", "--format", "{{.Size}}", "chatroom-test"))
    assert size < 120_000_000
