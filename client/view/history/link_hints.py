"""Letters over the visible links: a letter opens its link, the capital letter copies it."""

from collections.abc import Mapping, Sequence

from chatroom.client.view.draw.link_text import split_style
from chatroom.client.view.draw.text import Row

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


def hints_for(rows: Sequence[Row]) -> dict[str, str]:
    """Return the letter of each target in these rows. The lowest rows have the first letters."""
    targets = (split_style(style)[1] for row in reversed(rows) for style, _ in reversed(row))
    distinct = dict.fromkeys(filter(None, targets))
    return dict(zip(distinct, LETTERS, strict=False))


def with_hints(rows: Sequence[Row], hints: Mapping[str, str]) -> list[Row]:
    """Return the rows with a letter in place of the first character of each link."""
    before = ""
    marked = []
    for row in rows:
        fragments: Row = []
        for style, text in row:
            target = split_style(style)[1]
            if target in hints and target != before:
                fragments += [("class:hint.letter", hints[target]), (style, text[1:])]
            else:
                fragments.append((style, text))
            before = target or (before if not text.strip() else "")
        marked.append(fragments)
    return marked
