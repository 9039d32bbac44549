"""A question in a line above the input. Enter says yes, Esc says no, and whoever types on has answered
as well: the key goes to the input as if nothing had been asked, and nothing comes of the question.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ConfirmPrompt:
    """``text`` is in words already. ``quits``: whether to quit, where Ctrl-C once more says yes as well."""

    text: str
    yes: Callable[[], None]
    no: Callable[[], None] = lambda: None
    quits: bool = False
