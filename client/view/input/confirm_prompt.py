"""A question in the line above the input. Enter confirms, Esc declines. Any other key goes to the input and
dismisses the question.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ConfirmPrompt:
    """``text`` is translated. With ``confirms_quit``, a second Ctrl-C confirms as well."""

    text: str
    on_confirm: Callable[[], None]
    on_decline: Callable[[], None] = lambda: None
    confirms_quit: bool = False
