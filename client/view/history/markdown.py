"""Light Markdown: styles for parts of a text. Every character stays where it is, and none is hidden.

Fenced code with a known language has colours of Pygments, which is imported when the first such code is
drawn. Nothing is nested and every pattern is bounded, so no text takes long.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

from chatroom.client.view.draw.text import Row

MAX_CODE = 2000
"""Characters of code that gets colours."""

MAX_LINES = 200
"""Lines of a text that are styled; the rest is plain."""

_LANGUAGES = frozenset(
    [
        "bash",
        "c",
        "c++",
        "cpp",
        "c#",
        "css",
        "diff",
        "dockerfile",
        "go",
        "html",
        "ini",
        "java",
        "javascript",
        "js",
        "json",
        "jsx",
        "kotlin",
        "lua",
        "make",
        "makefile",
        "php",
        "py",
        "python",
        "r",
        "rb",
        "ruby",
        "rs",
        "rust",
        "sh",
        "shell",
        "sql",
        "swift",
        "toml",
        "ts",
        "tsx",
        "typescript",
        "xml",
        "yaml",
        "yml",
        "zsh",
    ]
)
"""Languages that get colours."""

_FENCE = re.compile(r"[ ]{0,3}(```|~~~)([\w+#-]{0,20})[ ]*")
_QUOTE = re.compile(r"[ ]{0,3}> ?")
_LIST_MARK = re.compile(r"[ ]{0,8}(?:[-*+]|\d{1,3}[.)])(?= )")
_HEADING = re.compile(r"#{1,6} ")
_INLINE = re.compile(
    r"(?P<code>``[^`\n]{1,500}``|`[^`\n]{1,500}`)"
    r"|(?P<strong>\*\*(?=[^\s*])[^*\n]{1,500}(?<=\S)\*\*(?!\*))"
    r"|(?P<emphasis>(?<![A-Za-z0-9*])\*(?=[^\s*])[^*\n]{1,500}(?<=\S)\*(?![A-Za-z0-9*])"
    r"|(?<![A-Za-z0-9_/])_(?=[^\s_])[^_\n]{1,500}(?<=\S)_(?![A-Za-z0-9_]))"
)


def markdown_row(text: str, style: str) -> Row:
    """Return the text as fragments; together they are the text."""
    if not _may_be_markdown(text):
        return [(style, text)]
    lines = text.split("\n", MAX_LINES)
    fragments: Row = []
    at = 0
    while at < len(lines):
        end = _fence_end(lines, at) if at < MAX_LINES else None
        if end is not None:
            fragments += _fenced_fragments(lines[at : end + 1], style)
            at = end + 1
        else:
            fragments += _line_fragments(lines[at], style) if at < MAX_LINES else [(style, lines[at])]
            at += 1
        if at < len(lines):
            fragments.append((style, "\n"))
    return fragments


def _may_be_markdown(text: str) -> bool:
    return any(mark in text for mark in "`*_>#~") or _LIST_MARK.search(text) is not None


def _fence_end(lines: list[str], at: int) -> int | None:
    """Return the line that ends the code which begins at a line; ``None`` if none does."""
    fence = _FENCE.fullmatch(lines[at])
    if fence is None:
        return None
    ends = (number for number in range(at + 1, len(lines)) if lines[number].strip() == fence[1])
    return next(ends, None)


def _fenced_fragments(lines: list[str], style: str) -> Row:
    fence = _FENCE.fullmatch(lines[0])
    language = fence[2].lower() if fence else ""
    code = "".join(f"{line}\n" for line in lines[1:-1])
    return [
        ("class:hint", f"{lines[0]}\n"),
        *((f"{style} {token}", text) for token, text in _coloured_code(code, language)),
        ("class:hint", lines[-1]),
    ]


@lru_cache(maxsize=64)
def _coloured_code(code: str, language: str) -> Row:
    plain = [("class:code", code)] if code else []
    if language not in _LANGUAGES or len(code) > MAX_CODE:
        return plain
    colours = import_module("chatroom.client.view.history.code_colours")
    row: Row | None = colours.coloured_code(code, language)
    return plain if row is None else row


def _line_fragments(line: str, style: str) -> Row:
    if _QUOTE.match(line):
        return [(f"{style} class:quote", line)]
    if _HEADING.match(line):
        return [(f"{style} class:strong", line)]
    fragments: Row = []
    if mark := _LIST_MARK.match(line):
        fragments.append((f"{style} class:strong", mark[0]))
        line = line[mark.end() :]
    return fragments + list(_inline_fragments(line, style))


def _inline_fragments(line: str, style: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _INLINE.finditer(line):
        if match.start() > at:
            yield style, line[at : match.start()]
        yield f"{style} class:{match.lastgroup}", match[0]
        at = match.end()
    if at < len(line):
        yield style, line[at:]
