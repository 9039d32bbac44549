"""Some seconds of ``python -m tests.soak``."""

from pathlib import Path

from tests.soak import Soak


def test_client_is_unharmed_after_random_use(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seed=1)
    try:
        soak.run(20.0)
    finally:
        soak.close()
