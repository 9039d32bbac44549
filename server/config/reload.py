"""Apply a changed configuration to the running server.

Limits change in place, because many parts hold the same ``LimitSettings``. Parts that keep a copy get it by
``apply_limits`` of their owner. Everything else needs a restart.
"""

import logging
from collections.abc import Callable

import msgspec

from chatroom.server.config.loader import ConfigurationError, setting_value
from chatroom.server.config.settings import SETTINGS, ServerConfig

log = logging.getLogger(__name__)

LIMITS = "limits."
LIVE = ("log_level", "tls.cert", "tls.key")
"""Settings besides the limits that can change. The certificate is read again with every reload."""


def changed_settings(old: ServerConfig, new: ServerConfig) -> list[str]:
    return [name for name in SETTINGS if setting_value(old, name) != setting_value(new, name)]


def reload_config(running: ServerConfig, load: Callable[[], ServerConfig]) -> ServerConfig | None:
    """Load the configuration again and change the limits of the running one. Logs what has changed and what
    cannot. Returns the new configuration, or ``None`` if it is invalid; then nothing has changed.
    """
    try:
        new = load()
    except ConfigurationError as error:
        log.error("nothing was reloaded: %s", error)
        return None
    for name in changed_settings(running, new):
        if name.startswith(LIMITS):
            log.info("%s is now %s (was %s)", name, setting_value(new, name), setting_value(running, name))
        elif name not in LIVE:
            log.warning("%s has changed: restart the server for it", name)
    for field in msgspec.structs.fields(running.limits):
        setattr(running.limits, field.name, getattr(new.limits, field.name))
    return new
