"""What conversations are called."""

from chatroom.protocol import labels, names


def test_a_room_is_told_with_or_without_its_mark() -> None:
    assert labels.room_label("thuhole") == labels.room_label("#thuhole") == "#thuhole"
    assert labels.room_name("thuhole") == labels.room_name("#thuhole") == "thuhole"


def test_a_label_tells_what_it_means() -> None:
    assert labels.is_direct(labels.direct_label("Bob"))
    assert labels.direct_username(labels.direct_label("Bob")) == "Bob"
    assert not labels.is_direct(labels.room_label("Bob"))


def test_no_name_can_be_taken_for_a_label() -> None:
    assert not any(
        names.is_name(label, 1, 32) for label in (labels.room_label("x"), labels.direct_label("x"))
    )
