"""The wheel, the sdist and the editable installation contain one package, ``chatroom``, which works beside
modules that are named ``client``, ``db``, ``protocol`` or ``server``.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.processes import ROOT, lines_within

SOURCES = (
    "client",
    "db",
    "protocol",
    "server",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
"""What ``pip wheel --no-build-isolation`` calls."""

SCRIPT = "import sys; from chatroom.{package}.__main__ import main; sys.exit(main())"
"""What an installed command runs. ``python -c`` also puts the current folder in front of the path."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, with the output of an old build in it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    for stale in ("build/lib/server", "build/lib/chatroom/server"):
        (folder / stale).mkdir(parents=True)
        (folder / stale / "removed_module.py").write_text("raise ImportError")
    return folder


def build(checkout: Path, kind: str) -> Path:
    """Build a ``wheel`` or ``sdist`` offline. Return the file."""
    target = checkout / "dist"
    target.mkdir(exist_ok=True)
    finished = subprocess.run(
        [sys.executable, "-c", BUILD.format(kind=kind), str(target)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return target / finished.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    return build(checkout, "wheel")


def python_files(package: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}


def test_wheel_holds_every_module_under_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"chatroom"}
    modules = {name.removeprefix("chatroom/") for name in names if name.endswith(".py")}
    assert modules == set.union(
        *(python_files(package) for package in ("client", "db", "protocol", "server"))
    )
    assert sum(name.endswith(".po") for name in names) == 4


def test_sdist_holds_every_module(checkout: Path) -> None:
    archive = build(checkout, "sdist")
    with tarfile.open(archive) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for package in ("client", "db", "protocol", "server"):
        modules = python_files(package)
        assert modules <= names
    assert not [name for name in names if "removed_module" in name]


def test_index_accepts_wheel_and_sdist(checkout: Path, wheel: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(build(checkout, "sdist"))]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("PASSED") == 2


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment in which the wheel is installed and the checkout is not."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    # a path in a .pth file gives the dependencies, and not the finder of the editable installation
    dependencies = Path(pytest.__file__).parents[1]
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    return folder / "bin" / "python"


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    for name in ("client", "db", "protocol", "server"):
        (tmp_path / f"{name}.py").write_text("raise ImportError(__name__ + ' of another project')\n")
    return tmp_path


@pytest.mark.parametrize("installation", ["editable", "wheel"])
def test_commands_run_beside_modules_of_the_same_names(
    installation: str, installed: Path, hostile_folder: Path, tmp_path: Path
) -> None:
    python = str(installed) if installation == "wheel" else sys.executable
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(hostile_folder)}

    def start(package: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [python, "-c", SCRIPT.format(package=package), *arguments],
            cwd=hostile_folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    with start("server", "--port", "0", "--data", str(tmp_path / "data")) as server:
        assert server.stdout
        port = next(lines_within(server.stdout.fileno(), 60)).rpartition(":")[2]
        environment["CHAT_PASSWORD"] = "111111"
        with start("client", "--plain", "--register", f"Ada@127.0.0.1:{port}") as client:
            _, errors = client.communicate(timeout=60)
        server.terminate()
        server.communicate(timeout=60)
    assert (client.returncode, server.returncode) == (0, 0), errors.decode()


def test_wheel_is_the_package_that_runs(installed: Path, hostile_folder: Path) -> None:
    finished = subprocess.run(
        [str(installed), "-c", "import chatroom.server as package; print(package.__file__)"],
        cwd=hostile_folder,
        env={**os.environ, "PYTHONPATH": str(hostile_folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(finished.stdout.strip()).is_relative_to(installed.parents[1])
