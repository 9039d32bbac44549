"""The argument that names a profile, and its folders."""

import pytest

from chatroom.client.__main__ import _split_profile
from chatroom.client.storage import files


@pytest.mark.parametrize(
    ("arguments", "profile", "others"),
    [
        (["@work"], "work", []),
        (["--plain", "@工作", "alice@host/lab"], "工作", ["--plain", "alice@host/lab"]),
        (["alice@host"], "", ["alice@host"]),
        (["@host:7878"], "", ["@host:7878"]),
        (["@../work"], "", ["@../work"]),
        (["@"], "", ["@"]),
        ([], "", []),
    ],
)
def test_profile_is_taken_from_arguments(arguments: list[str], profile: str, others: list[str]) -> None:
    assert _split_profile(arguments) == (profile, others)


def test_profile_has_its_own_folders() -> None:
    assert files.config_folder("work") == files.config_folder() / "profiles" / "work"
    assert files.state_folder("work") == files.state_folder() / "profiles" / "work"
