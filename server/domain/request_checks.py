"""Checks and defaults that several request handlers share."""

import time

from chatroom.protocol.errors import BadFrame, NotLoggedIn, RateLimited
from chatroom.protocol.frame import UNSET, Id, UnsetType
from chatroom.protocol.values import parse_time
from chatroom.server.config.settings import effective_limit
from chatroom.server.net.limits import TokenBucket
from chatroom.server.state.directory import LiveAccount, Speaker

DEFAULT_PAGE_SIZE = 100
"""Messages in a page when neither the request nor the configuration gives a number."""


def speaker_account(speaker: Speaker) -> LiveAccount:
    """Return the speaker's account. Raises ``NotLoggedIn`` when the session has ended since."""
    if speaker.account is None:
        raise NotLoggedIn
    return speaker.account


def check_rate(bucket: TokenBucket) -> None:
    """Take a token. Raises ``RateLimited`` when there is none."""
    if wait := bucket.take_token(time.monotonic()):
        raise RateLimited(retry_after=round(wait, 3))


def parse_request_time(id: Id, text: str) -> int:
    """Return the time in a request, in milliseconds since 1970. Raises ``BadFrame``."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadFrame(id=id, reason=f"no time of RFC 3339: {error}") from None


def page_size(requested: int | UnsetType, limit: int) -> int:
    """Return the number of messages for a page: as requested, but at most ``limit`` (0: no limit)."""
    return limit or DEFAULT_PAGE_SIZE if requested is UNSET else min(requested, effective_limit(limit))
