"""Labels of rooms and private chats."""

from chatroom.protocol import labels, names


def test_room_name_is_accepted_with_or_without_mark() -> None:
    assert labels.room_label("thuhole") == labels.room_label("#thuhole") == "#thuhole"
    assert labels.room_name("thuhole") == labels.room_name("#thuhole") == "thuhole"


def test_label_tells_room_from_private_chat() -> None:
    assert labels.is_direct(labels.direct_label("Bob"))
    assert labels.direct_username(labels.direct_label("Bob")) == "Bob"
    assert not labels.is_direct(labels.room_label("Bob"))


def test_name_with_a_mark_is_refused() -> None:
    assert not any(
        names.is_name(label, 1, 32) for label in (labels.room_label("x"), labels.direct_label("x"))
    )
