"""Labels of conversations: ``#thuhole`` is a room, ``@Bob`` is the private chat with Bob.

No name begins with one of the two marks (``names.is_name``), so a label is unambiguous. A request may omit
the mark of a room; the server never does.
"""

ROOM = "#"
DIRECT = "@"


def room_label(name: str) -> str:
    """Return the label of a room; ``name`` may have the mark already."""
    return ROOM + room_name(name)


def room_name(label: str) -> str:
    """Return the name of a room, given with or without the mark."""
    return label.removeprefix(ROOM)


def direct_label(username: str) -> str:
    """Return the label of the private chat with a user."""
    return DIRECT + username


def is_direct(label: str) -> bool:
    """Whether a label names a private chat; any other label names a room."""
    return label.startswith(DIRECT)


def direct_username(label: str) -> str:
    """Return the user name in the label of a private chat."""
    return label.removeprefix(DIRECT)
