"""The colours of code, by Pygments, which is slow to import: ``markdown`` imports this module when needed."""

from pygments import lexers, token, util

from chatroom.client.view.draw.text import Row

_STYLES = (
    (token.Comment, "syntax.comment"), (token.Keyword, "syntax.keyword"), (token.String, "syntax.string"),
    (token.Number, "syntax.number"), (token.Name.Function, "syntax.name"), (token.Name.Class, "syntax.name"),
    (token.Name.Tag, "syntax.keyword"), (token.Name.Attribute, "syntax.name"),
    (token.Generic.Deleted, "syntax.keyword"), (token.Generic.Inserted, "syntax.string"),
)  # fmt: skip
"""The styles of tokens. All other tokens have only the style of code."""


def coloured_code(code: str, language: str) -> Row | None:
    """Return the code as fragments; ``None`` if the language is unknown or would change the code."""
    try:
        lexer = lexers.get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except util.ClassNotFound:
        return None
    row = [(_token_style(kind), text) for kind, text in lexer.get_tokens(code) if text]
    return row if "".join(text for _, text in row) == code else None


def _token_style(kind: token._TokenType) -> str:
    name = next((name for parent, name in _STYLES if kind in parent), "")
    return f"class:code class:{name}" if name else "class:code"
