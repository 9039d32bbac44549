"""Text from outside that may not be valid UTF-8."""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def decodable(text: str) -> str:
    """Replace the surrogates by which Python represents bytes that it could not decode."""
    return _SURROGATES.sub("\ufffd", text)
