"""Background tasks and threads are started in one place, and no failure is lost."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import ROOT

STARTERS = {"create_task", "ensure_future", "Thread", "Timer", "create_background_task"}
ON_THREADS = {"run_in_executor", "to_thread", "submit", "run_coroutine_threadsafe"}
"""Their failures reach the caller that awaits them."""

HELPERS = {"client/background.py", "db/background.py"}
OTHERS = {
    "db/reader.py",  # returns the future of a query to its caller
    "server/auth/passwords.py",  # hands what a hash raises to the request that waits for it
    "server/config/standard_streams.py",  # writes the log, and handles itself what a descriptor does not take
}
PACKAGES = ("client", "db", "protocol", "server")


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def started_unwatched(tree: ast.Module) -> Iterator[int]:
    """The lines that start a task or thread by themselves."""
    awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            threaded = name in ON_THREADS and id(node) not in awaited
            if name in STARTERS or threaded:
                yield node.lineno


def test_background_tasks_and_threads_start_only_in_the_helpers() -> None:
    unwatched = {
        f"{name}:{line}"
        for path in sources()
        if (name := str(path.relative_to(ROOT))) not in HELPERS | OTHERS
        for line in started_unwatched(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not unwatched


def test_search_for_starters_finds_them() -> None:
    """The test above needs matches."""
    tree = ast.parse(
        "import asyncio\nasyncio.create_task(x)\nThread(target=f)\nloop.run_in_executor(None, f)"
    )
    assert list(started_unwatched(tree)) == [2, 3, 4]
    assert len(sources()) > 30
    for helper in HELPERS:
        assert list(started_unwatched(ast.parse((ROOT / helper).read_text(encoding="utf-8"))))
