"""The file of kept logins: its mode, several clients of one user, and a disk that cannot be written."""

import errno
from pathlib import Path

import pytest

from chatroom.client.storage import files
from chatroom.client.storage.config import ClientConfig
from chatroom.client.storage.kept_logins import FILE_NAME, KeptLogin, KeptLogins, account_key

ALICE = account_key("127.0.0.1:7878", "Alice")
FIRST, SECOND = KeptLogin("a", "first"), KeptLogin("a", "second")


def open_logins(folder: Path, choice: str = "on") -> KeptLogins:
    config = ClientConfig(folder / "client.json")
    config.stay_logged_in = choice
    return KeptLogins(config, folder)


def test_account_key_ignores_spelling_of_name() -> None:
    assert account_key("host:1", "ALICE ") == account_key("host:1", "alice")
    assert len({account_key("host:1", "alice"), account_key("host:2", "alice"), ALICE}) == 3


def test_login_is_found_by_next_client_in_private_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{}")
    (tmp_path / FILE_NAME).chmod(0o644)
    open_logins(tmp_path).keep_login(ALICE, FIRST)
    open_logins(tmp_path).keep_login("bob@host:1", SECOND)
    assert open_logins(tmp_path).find_login(ALICE) == FIRST
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_token_of_removed_login_is_used_but_not_stored(tmp_path: Path) -> None:
    first, second = open_logins(tmp_path), open_logins(tmp_path)
    first.keep_login(ALICE, FIRST)
    assert first.replace_token(ALICE, SECOND)
    assert second.find_login(ALICE) == SECOND
    second.forget_login(ALICE)
    assert first.replace_token(ALICE, KeptLogin("a", "third"))
    assert first.find_login(ALICE) is None


def test_void_token_is_removed_only_if_it_is_still_stored(tmp_path: Path) -> None:
    logins = open_logins(tmp_path)
    logins.keep_login(ALICE, SECOND)
    logins.forget_login(ALICE, "first")
    assert logins.find_login(ALICE) == SECOND
    logins.forget_login(ALICE, "second")
    assert logins.find_login(ALICE) is None


def test_logins_are_not_used_when_switched_off(tmp_path: Path) -> None:
    open_logins(tmp_path).keep_login(ALICE, FIRST)
    switched_off = open_logins(tmp_path, "off")
    assert switched_off.find_login(ALICE) is None
    switched_off.forget_all()
    assert "first" not in (tmp_path / FILE_NAME).read_text()


def test_user_who_does_not_stay_logged_in_gets_no_file(tmp_path: Path) -> None:
    logins = open_logins(tmp_path, "off")
    assert logins.replace_token(ALICE, FIRST)
    logins.forget_login(ALICE)
    logins.forget_all()
    assert not list(tmp_path.iterdir())


def test_new_token_that_cannot_be_stored_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logins = open_logins(tmp_path)
    logins.keep_login(ALICE, FIRST)

    def disk_is_full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "replace_text", disk_is_full)
    assert not logins.replace_token(ALICE, SECOND)
    assert logins.find_login(ALICE) == FIRST


@pytest.mark.parametrize("content", ["{", "[]", '{"alice@host:1": "token"}', '{"alice@host:1": {"id": 1}}'])
def test_damaged_file_is_set_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    logins = open_logins(tmp_path)
    assert logins.find_login(ALICE) is None
    logins.keep_login(ALICE, FIRST)
    assert logins.find_login(ALICE) == FIRST
    assert list(tmp_path.glob(f"{FILE_NAME}.damaged-*"))
