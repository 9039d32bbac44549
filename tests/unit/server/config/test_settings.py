"""Sources, types and description of the settings."""

import tomllib
from pathlib import Path

import msgspec
import platformdirs
import pytest

from chatroom.protocol.address import is_loopback
from chatroom.server.config.loader import ConfigurationError, describe_config, load_config
from chatroom.server.config.settings import SETTINGS, ServerConfig, effective_limit


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has configured nothing yet."""
    monkeypatch.setattr(platformdirs, "user_config_path", lambda app: tmp_path / "config" / app)
    return tmp_path


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


# Order


def test_settings_without_sources_have_their_defaults() -> None:
    loaded = load_config({}, {})
    assert loaded.config == ServerConfig()
    assert (loaded.sources, loaded.idle) == ({}, [])


def test_secret_is_read_from_the_file_that_a_variable_names(home: Path) -> None:
    file = written(home / "secret", "geheim\n")
    loaded = load_config({}, {"CHAT_SERVER_DATABASE_PASSWORD_FILE": str(file)})
    assert loaded.config.database.password == "geheim"
    assert loaded.idle == []
    both = {"CHAT_SERVER_DATABASE_PASSWORD_FILE": str(file), "CHAT_SERVER_DATABASE_PASSWORD": "own"}
    assert load_config({}, both).config.database.password == "own"
    assert load_config({}, {"CHAT_SERVER_PORT_FILE": str(file)}).idle == ["CHAT_SERVER_PORT_FILE"]
    with pytest.raises(ConfigurationError, match="cannot read /nowhere: No such file"):
        load_config({}, {"CHAT_SERVER_HTTP_TOKEN_FILE": "/nowhere"})


def test_flag_environment_file_default_win_in_this_order(home: Path) -> None:
    file = written(home / "my.toml", "[limits]\nrate = 1\nburst = 1\npage = 1\n")
    environment = {"CHAT_SERVER_LIMITS_RATE": "2", "CHAT_SERVER_LIMITS_BURST": "2"}
    config, sources, _ = load_config({"limits.rate": "3"}, environment, file)
    assert (config.limits.rate, config.limits.burst, config.limits.page, config.limits.text) == (
        3,
        2,
        1,
        4096,
    )
    assert {name: source.place for name, source in sources.items()} == {
        "limits.rate": "flag",
        "limits.burst": "environment CHAT_SERVER_LIMITS_BURST",
        "limits.page": f"file {file}",
    }


@pytest.mark.parametrize("folder", ["data", "config/chatroom"])
def test_config_file_is_found_in_its_folders(home: Path, folder: str) -> None:
    written(home / folder / "server.toml", 'name = "我们的聊天室"')
    assert load_config({"data": str(home / "data")}, {}).config.name == "我们的聊天室"
    assert load_config({}, {"CHAT_SERVER_DATA": str(home / "data")}).config.name == "我们的聊天室"


def test_file_in_the_data_folder_wins(home: Path) -> None:
    written(home / "data" / "server.toml", 'name = "near"')
    written(home / "config" / "chatroom" / "server.toml", 'name = "far"')
    assert load_config({"data": str(home / "data")}, {}).config.name == "near"


def test_empty_variable_is_ignored() -> None:
    assert load_config({}, {"CHAT_SERVER_PORT": ""}).config.port == 7878


def test_database_url_has_a_short_name(home: Path) -> None:
    file = written(home / "my.toml", 'database = "sqlite:///file"')
    assert load_config({}, {}, file).config.database.url == "sqlite:///file"
    assert (
        load_config({}, {"CHAT_SERVER_DATABASE": "sqlite:///env"}, file).config.database.url
        == "sqlite:///env"
    )
    assert load_config({"database": "sqlite:///flag"}, {}, file).config.database.url == "sqlite:///flag"


# Every setting

SAMPLES = {
    "tls.mode": "on",
    "http.listen": "127.0.0.1:7880",
    "listen": "127.0.0.1:7878",
    "proxy.trusted": "10.0.0.0/8",
}
"""Values of settings that do not take any text."""


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_all_sources_and_a_purpose(name: str, home: Path) -> None:
    setting = SETTINGS[name]
    value = SAMPLES.get(name, setting.default)
    text = str(value) or "x"
    others = {"tls.cert": "x", "tls.key": "x"} if name in ("tls.cert", "tls.key") else {}
    assert setting.purpose
    assert load_config(others | {name: text}, {}).sources[name].place == "flag"
    assert load_config(others, {setting.variable: text}).sources.keys() >= {name} - others.keys()
    literal = msgspec.json.encode(value or text, enc_hook=str).decode()
    section, _, last = name.rpartition(".")
    file = written(home / "my.toml", (f"[{section}]\n" if section else "") + f"{last} = {literal}\n")
    assert load_config(others, {}, file).sources.keys() >= {name}


# Mistakes


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("port", "99999", "port must be a port, 0 to 65535, not '99999' (flag)"),
        ("port", "http", "port must be a port, 0 to 65535, not 'http' (flag)"),
        ("limits.rate", "-1", "limits.rate must be a number, at least 0, not '-1' (flag)"),
        ("limits.rate", "nan", "limits.rate must be a number, at least 0, not 'nan' (flag)"),
        ("limits.page", "1.5", "limits.page must be a whole number, at least 0, not '1.5' (flag)"),
        ("password.bcrypt_cost", "3", "password.bcrypt_cost must be a whole number, 4 to 31, not '3' (flag)"),
        ("log_level", "loud", "log_level must be debug, info, warning or error, not 'loud' (flag)"),
        ("data", "", "data must be a folder, not '' (flag)"),
        ("limits.rat", "1", "there is no setting limits.rat (flag); did you mean limits.rate?"),
        ("limts.rate", "1", "there is no setting limts.rate (flag); did you mean limits.rate?"),
        ("rate", "1", "there is no setting rate (flag); did you mean limits.rate?"),
        ("password.key", "1", "there is no setting password.key (flag); did you mean tls.key?"),
        ("limits.foo", "1", "there is no setting limits.foo (flag); --show-config lists all settings"),
        ("xyzzy", "1", "there is no setting xyzzy (flag); --show-config lists all settings"),
        ("limits.room_min", "33", "limits.room_min is 33, which is more than limits.room_max, 32"),
        ("tls.cert", "a.pem", "tls.cert and tls.key go together, but only one of them is set"),
    ],
)
def test_invalid_setting_is_reported_in_one_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        load_config({name: value}, {})
    assert str(mistake.value) == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[limits]\nrat = 1", "there is no setting limits.rat (file {}); did you mean limits.rate?"),
        ("[limits]\nrate = 'fast'", "limits.rate must be a number, at least 0, not 'fast' (file {})"),
        ("[limits]\nrate = true", "limits.rate must be a number, at least 0, not True (file {})"),
        ("limits = 5", "there is no setting limits (file {}); --show-config lists all settings"),
        (
            "port 1",
            "{} is not valid TOML: Expected '=' after a key in a key/value pair (at line 1, column 6)",
        ),
        ("[database]\npassword = 123456", "database.password must be a text (file {})"),
    ],
)
def test_invalid_file_is_named(home: Path, content: str, sentence: str) -> None:
    file = written(home / "my.toml", content)
    with pytest.raises(ConfigurationError) as mistake:
        load_config({}, {}, file)
    assert str(mistake.value) == sentence.format(file)


def test_missing_or_unreadable_file_is_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_config({}, {}, home / "nowhere.toml")
    with pytest.raises(ConfigurationError, match="directory"):
        load_config({}, {}, home)


def test_unknown_variable_is_only_reported() -> None:
    assert load_config({}, {"CHAT_SERVER_LIMITS_RAT": "1", "CHAT_CLIENT_X": "1"}).idle == [
        "CHAT_SERVER_LIMITS_RAT"
    ]


# Descriptions


def test_described_config_loads_as_the_same_config(home: Path) -> None:
    loaded = load_config({"limits.rate": "0", "name": 'a "b" \\ 你', "data": str(home)}, {})
    file = written(home / "again.toml", describe_config(loaded))
    assert load_config({}, {}, file).config == loaded.config
    assert "rate = 0.0  # flag: messages per second" in describe_config(loaded)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://chat:geheim@db:3306/chatroom",
        "mysql://chat@db/chatroom?passwd=geheim",
        "mysql://chat:geheim@db:port/chatroom",
        "geheim",
    ],
)
def test_described_config_hides_passwords(url: str) -> None:
    loaded = load_config({}, {"CHAT_SERVER_DATABASE_URL": url, "CHAT_SERVER_DATABASE_PASSWORD": "geheim"})
    assert "geheim" not in describe_config(loaded)
    described = tomllib.loads(describe_config(loaded))["database"]
    assert described["password"] == "***"
    assert described["url"] != ""


# Derived values


@pytest.mark.parametrize(
    ("settings", "encrypted"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "127.8.9.1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": ""}, True),
        ({"host": "chat.example.org"}, True),
        ({"tls.mode": "on"}, True),
        ({"tls.cert": "a", "tls.key": "b"}, True),
        ({"host": "0.0.0.0", "tls.mode": "off"}, False),
        ({"tls.cert": "a", "tls.key": "b", "tls.mode": "off"}, False),
    ],
)
def test_non_loopback_address_uses_tls_by_default(settings: dict[str, str], encrypted: bool) -> None:
    assert load_config(settings, {}).config.encrypted is encrypted


def test_host_similar_to_loopback_is_not_loopback() -> None:
    assert not is_loopback("127.0.0.1.example.org")
    assert not is_loopback("")


def test_limit_of_0_is_never_reached() -> None:
    assert effective_limit(100) == 100
    assert effective_limit(0) > 2**60
