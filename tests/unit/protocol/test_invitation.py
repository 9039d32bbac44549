"""Invitations are written and read back, and mistyped ones are detected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.protocol.invitation import (
    PREFIX,
    Invitation,
    InvitationError,
    fresh_code,
    looks_like_invitation,
    read_invitation,
)

DIGEST = "5f2c" * 16

invitations = st.builds(
    Invitation,
    host=st.text(min_size=1, max_size=60).filter(lambda host: len(host.encode()) < 256),
    port=st.integers(1, 65535),
    fingerprint=st.sampled_from(["", DIGEST]),
    room=st.text(st.characters(codec="utf-8"), max_size=32),
)


@given(invitations.filter(lambda invitation: invitation.host.isprintable()))
def test_written_invitation_is_read_back(invitation: Invitation) -> None:
    assert read_invitation(str(invitation)) == invitation


def test_invitation_is_one_word() -> None:
    written = str(Invitation("聊天.example", 7878, DIGEST, "期末复习"))
    assert written.startswith(PREFIX)
    assert written.replace("-", "").isascii()
    assert written.replace("-", "").isalnum()
    assert looks_like_invitation(written)


def test_case_and_line_breaks_are_ignored() -> None:
    written = str(Invitation("lab.example", 7878, DIGEST))
    assert read_invitation(f" {written[:30].upper()}\n  {written[30:]} ") == read_invitation(written)


@pytest.mark.parametrize("place", range(len(PREFIX), 40, 5))
def test_wrong_letter_is_detected(place: int) -> None:
    written = str(Invitation("lab.example", 7878, DIGEST))
    other = "b" if written[place] == "a" else "a"
    with pytest.raises(InvitationError, match="damaged"):
        read_invitation(written[:place] + other + written[place + 1 :])


def test_truncated_invitation_is_detected() -> None:
    with pytest.raises(InvitationError, match="damaged"):
        read_invitation(str(Invitation("lab.example", 7878, DIGEST))[:-7])


def test_invalid_letters_are_reported() -> None:
    with pytest.raises(InvitationError, match="letters") as bad:
        read_invitation(str(Invitation("lab.example", 7878)) + "01")
    assert bad.value.facts == {"letters": "0 1"}


def test_invitation_of_a_later_version_is_reported() -> None:
    with pytest.raises(InvitationError, match="newer"):
        read_invitation("chat2-abcdefghijklmnop")


@pytest.mark.parametrize("text", ["chat1-lab", "chat1.example.org", "alice@chat1-abcdefghijklmnop", "lab:99"])
def test_address_is_not_an_invitation(text: str) -> None:
    assert not looks_like_invitation(text)


def test_invitation_carries_the_code() -> None:
    code = fresh_code()
    for fingerprint in ("", "5f" * 32):
        whole = Invitation("chat.example.org", 7878, fingerprint, "实验室", code)
        assert read_invitation(str(whole)) == whole
        assert code not in repr(whole)


def test_codes_are_unique() -> None:
    codes = {fresh_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code) for code in codes} == {26}
