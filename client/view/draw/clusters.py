"""Grapheme clusters in prompt_toolkit's input fields.

prompt_toolkit places one code point after the other and adds up their widths. So a cluster whose width is not
this sum is replaced by one character for private use, its *stand-in*, until the text is written.
"""

import re
from functools import lru_cache

from prompt_toolkit.utils import _CHAR_SIZES_CACHE

from chatroom.client.view.draw.text import COMPLEX, column_count

_FIRST, _LAST = 0x100000, 0x10FFFD
_STAND_IN = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")

_clusters: list[str] = []


@lru_cache(maxsize=_LAST - _FIRST + 1)
def stand_in(cluster: str) -> str:
    """Return one character with the width of a drawable cluster; a simple cluster as it is."""
    if len(cluster) < 2 or COMPLEX.search(cluster) is None or len(_clusters) > _LAST - _FIRST:
        return cluster
    character = chr(_FIRST + len(_clusters))
    _clusters.append(cluster)
    _CHAR_SIZES_CACHE[character] = column_count(cluster)
    return character


def restore_clusters(text: str) -> str:
    """Replace the stand-ins by their clusters. A peer's text has no such characters (``safe_text``)."""
    if text.isascii():
        return text
    return _STAND_IN.sub(lambda match: _clusters[ord(match[0]) - _FIRST], text)
