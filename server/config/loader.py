"""Load the values of the settings that ``settings`` declares.

The first source that sets a value wins, in this order: flag, environment, file, default. The file is the one
of ``--config``, or else ``server.toml`` in the data folder or in the user's config folder.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import platformdirs
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from chatroom.db.engine import has_unescaped_at
from chatroom.db.mysql_hosts import split_hosts
from chatroom.server.config.listen_address import parse_listen_address
from chatroom.server.config.settings import SETTINGS, HttpSettings, ServerConfig, SettingRow, section_of
from chatroom.server.config.trusted_proxies import TrustedProxies

FILE = "server.toml"
PREFIX = "CHAT_SERVER_"

SHORT = {"database": "database.url", "http": "http.listen"}
"""Short names of settings, equal to their flags."""

MASK = "***"


class ConfigurationError(Exception):
    """An unknown setting or an invalid value. The message is one sentence."""


class ValueSource(NamedTuple):
    """A value as given, and its source: ``flag``, ``environment NAME`` or ``file PATH``."""

    value: Any
    place: str


class LoadedConfig(NamedTuple):
    config: ServerConfig
    sources: Mapping[str, ValueSource]
    """By the name of a setting; all others have their default."""
    idle: list[str]
    """Environment variables with our prefix that are no settings."""


def load_config(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Path | None = None
) -> LoadedConfig:
    """Load the configuration from all sources. Raises ``ConfigurationError``."""
    variables, idle = _from_environment(environment)
    sources = variables | _from_flags(flags)
    if file := file or _default_file(sources):
        sources = _from_file(file) | sources
    values = {name: _read_value(SETTINGS[name], source) for name, source in sources.items()}
    config = _build_section(ServerConfig, values)
    _check_config(config)
    return LoadedConfig(config, sources, idle)


def _from_flags(flags: Mapping[str, str]) -> dict[str, ValueSource]:
    return {_known_name(name, "flag"): ValueSource(value, "flag") for name, value in flags.items()}


def _from_environment(environment: Mapping[str, str]) -> tuple[dict[str, ValueSource], list[str]]:
    """Return the set values, and the unknown variables, which are no error because other programs may use the
    same prefix. An empty variable is ignored. ``…_FILE`` names the file of a secret.
    """
    names = {setting.variable: name for name, setting in SETTINGS.items()}
    names |= {PREFIX + short.upper(): name for short, name in SHORT.items()}
    secret_files = {
        f"{setting.variable}_FILE": name for name, setting in SETTINGS.items() if setting.is_secret
    }
    ours = {
        variable: value for variable, value in environment.items() if variable.startswith(PREFIX) and value
    }
    values = {
        secret_files[v]: ValueSource(_read_secret(v, value), f"environment {v}")
        for v, value in ours.items()
        if v in secret_files
    }
    values |= {names[v]: ValueSource(value, f"environment {v}") for v, value in ours.items() if v in names}
    return values, sorted(ours.keys() - names.keys() - secret_files.keys())


def _read_secret(variable: str, file: str) -> str:
    """Return the content of a file that a variable names, without the final line break."""
    try:
        return Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"cannot read {file}: {reason} (environment {variable})") from None


def _default_file(sources: Mapping[str, ValueSource]) -> Path | None:
    data = _read_value(SETTINGS["data"], sources["data"]) if "data" in sources else ServerConfig().data
    files = (data / FILE, platformdirs.user_config_path("chatroom") / FILE)
    return next((file for file in files if os.path.isfile(file)), None)  # false in a folder without access


def _from_file(file: Path) -> dict[str, ValueSource]:
    try:
        content = tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None
    return {
        _known_name(name, f"file {file}"): ValueSource(value, f"file {file}")
        for name, value in _flatten_table(content)
    }


def _flatten_table(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten_table(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _known_name(name: str, place: str) -> str:
    name = SHORT.get(name, name)
    if name in SETTINGS:
        return name
    close = _closest_name(name)
    hint = f"did you mean {close}?" if close else "--show-config lists all settings"
    raise ConfigurationError(f"there is no setting {name} ({place}); {hint}")


def _closest_name(name: str) -> str | None:
    """Return the most similar setting. The section counts only between settings of the same name."""
    last = name.rpartition(".")[2]
    last_parts = {setting.rpartition(".")[2] for setting in SETTINGS}
    alike = difflib.get_close_matches(last, last_parts, n=1)
    namesakes = [setting for setting in SETTINGS if [setting.rpartition(".")[2]] == alike]
    return next(iter(difflib.get_close_matches(name, namesakes, n=1, cutoff=0)), None)


def _read_value(setting: SettingRow, source: ValueSource) -> Any:
    """Return the value in the setting's type. Text is parsed as a number if needed."""
    try:
        value = msgspec.convert(source.value, setting.type, strict=False, dec_hook=_parse_path)
        if isinstance(value, str):
            value.encode()  # text from invalid UTF-8 cannot be sent to a client
        return value
    except ValueError:
        but = "" if setting.is_secret else f", not {source.value!r}"
        raise ConfigurationError(f"{setting.name} must be {setting.expected}{but} ({source.place})") from None


def _parse_path(_: type, value: Any) -> Path:
    if not (isinstance(value, str) and value):
        raise ValueError("no path")
    try:
        return Path(value).expanduser()
    except RuntimeError:  # no such user
        raise ValueError("no such home folder") from None


def _build_section(section: type[Any], values: Mapping[str, Any], prefix: str = "") -> Any:
    """Build a section from values by full name, with defaults for the rest."""
    fields = {}
    for field in msgspec.structs.fields(section):
        name = prefix + field.name
        if section_type := section_of(field):
            fields[field.name] = _build_section(section_type, values, f"{name}.")
        elif name in values:
            fields[field.name] = values[name]
    return section(**fields)


def _check_config(config: ServerConfig) -> None:
    """Check rules that involve several settings."""
    for ends in ("limits.username_", "limits.room_", "limits.nickname_", "password."):
        least, most = setting_value(config, f"{ends}min"), setting_value(config, f"{ends}max")
        if least > most:
            raise ConfigurationError(f"{ends}min is {least}, which is more than {ends}max, {most}")
    if config.data.parts[:1] == ("~",):
        raise ConfigurationError("this user has no home folder (HOME is not set): use --data DIR")
    if bool(config.tls.cert) != bool(config.tls.key):
        raise ConfigurationError("tls.cert and tls.key go together, but only one of them is set")
    _check_http(config.http)
    _check_listeners(config)


def _check_listeners(config: ServerConfig) -> None:
    try:
        addresses = config.listen_addresses
    except ValueError as error:
        raise ConfigurationError(f"listen: {error}") from None
    if len(set(addresses)) < len(addresses):
        raise ConfigurationError("listen has the same address twice")
    try:
        TrustedProxies(config.proxies)
    except ValueError as error:
        raise ConfigurationError(f"proxy.trusted: {error}") from None


def _check_http(http: HttpSettings) -> None:
    if not http.listen:
        return
    try:
        address = parse_listen_address(http.listen)
    except ValueError as error:
        raise ConfigurationError(f"http.listen: {error}") from None
    if not (address.is_local or http.token):
        raise ConfigurationError(f"other machines can reach {address}: set http.token for HTTP there")
    if not (http.token.isascii() and http.token.isprintable()):
        raise ConfigurationError("http.token must be of printable ASCII characters")


def setting_value(config: ServerConfig, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def describe_config(loaded: LoadedConfig) -> str:
    """Return the configuration as a TOML file without secrets, with the source and purpose of each value."""
    lines, section = ["# Values in use, their sources and purposes. A limit of 0 is off."], ""
    for name, setting in SETTINGS.items():
        group, _, last = name.rpartition(".")
        if group != section:
            section = group
            lines += ["", f"[{group}]"]
        place = loaded.sources[name].place if name in loaded.sources else "default"
        lines.append(
            f"{last} = {_toml_literal(_displayed_value(loaded.config, setting))}"
            f"  # {place}: {setting.purpose}"
        )
    return "\n".join(lines)


def _displayed_value(config: ServerConfig, setting: SettingRow) -> Any:
    value = setting_value(config, setting.name)
    if not (value and setting.is_secret):
        return value
    if setting.name == "cluster.url":
        return ",".join(map(_mask_server, value.split(",")))
    return _mask_url(value) if setting.name == "database.url" else MASK


def _mask_server(url: str) -> str:
    """Return the URL of a NATS server without user, password and token."""
    scheme, separator, rest = url.rpartition("://")
    _, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{MASK}@{host}" if at else url


def _mask_url(url: str) -> str:
    """Return a URL without passwords; one that does not parse is masked completely."""
    if has_unescaped_at(url):
        return MASK
    first, hosts = split_hosts(url)
    try:
        parsed = make_url(first)
    except (ArgumentError, ValueError):
        return MASK
    secrets = [name for name in parsed.query if "passw" in name.lower()]
    masked = parsed.difference_update_query(secrets).render_as_string(hide_password=True)
    return masked.replace(hosts.partition(",")[0], hosts, 1) if hosts else masked


def _toml_literal(value: Any) -> str:
    """Return a value as TOML; JSON's strings and numbers are valid TOML."""
    return msgspec.json.encode(value, enc_hook=str).decode()
