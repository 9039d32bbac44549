"""How many lines each part of the screen gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.client.view.layout import LayoutShares, share_lines


@pytest.mark.parametrize(
    ("height", "shares"),
    [
        (24, LayoutShares(topic=1, history=21, question=0, status=1, search=0, input=1)),
        (6, LayoutShares(topic=1, history=3, question=0, status=1, search=0, input=1)),
        (5, LayoutShares(topic=0, history=3, question=0, status=1, search=0, input=1)),
        (2, LayoutShares(topic=0, history=1, question=0, status=0, search=0, input=1)),
        (1, LayoutShares(topic=0, history=0, question=0, status=0, search=0, input=1)),
    ],
)
def test_parts_without_space_get_no_lines(height: int, shares: LayoutShares) -> None:
    assert share_lines(height, bars=True, question=0, search=0, input=1) == shares


def test_growing_input_leaves_the_history_one_line() -> None:
    assert share_lines(24, bars=True, question=0, search=0, input=8).input == 8
    assert share_lines(6, bars=True, question=0, search=0, input=8) == LayoutShares(1, 1, 0, 1, 0, 3)


def test_question_comes_before_everything_but_the_input() -> None:
    assert share_lines(3, bars=True, question=2, search=0, input=1) == LayoutShares(0, 0, 2, 0, 0, 1)


@given(st.integers(1, 60), st.booleans(), st.integers(0, 9), st.integers(0, 1), st.integers(1, 8))
def test_all_lines_are_shared_out(height: int, bars: bool, question: int, search: int, input: int) -> None:
    shares = share_lines(height, bars=bars, question=question, search=search, input=input)
    assert sum(shares) == height
    assert min(shares) >= 0
    assert shares.input >= 1
