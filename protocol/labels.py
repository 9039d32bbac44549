"""What a conversation is called: ``#thuhole`` is a room, ``@Bob`` the private chat with Bob.

No name begins with one of the two marks (``names.is_name``), so a label tells by itself which of the two it
means. A request may leave the mark of a room out; the server never does.
"""

ROOM = "#"
DIRECT = "@"


def room_label(name: str) -> str:
    """The label of a room of this name, which may have its mark already."""
    return ROOM + room_name(name)


def room_name(label: str) -> str:
    """The name of a room, told with or without the mark."""
    return label.removeprefix(ROOM)


def direct_label(username: str) -> str:
    """The label of the private chat with somebody."""
    return DIRECT + username


def is_direct(label: str) -> bool:
    """Whether a label means a private chat; anything else means a room."""
    return label.startswith(DIRECT)


def direct_username(label: str) -> str:
    """Whom the label of a private chat names."""
    return label.removeprefix(DIRECT)
