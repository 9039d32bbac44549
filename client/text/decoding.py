"""Handles text that was not valid UTF-8."""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def decodable(text: str) -> str:
    """Replace the surrogates that Python uses for bytes that it could not decode."""
    return _SURROGATES.sub("\ufffd", text)
