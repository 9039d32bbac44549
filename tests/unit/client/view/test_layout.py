"""How the lines of the screen are shared out."""

import pytest
from chatroom.client.view.layout import LayoutShares, share_lines
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("height", "shared"),
    [
        (24, LayoutShares(topic=1, history=21, question=0, status=1, search=0, input=1)),
        (6, LayoutShares(topic=1, history=3, question=0, status=1, search=0, input=1)),
        (5, LayoutShares(topic=0, history=3, question=0, status=1, search=0, input=1)),
        (2, LayoutShares(topic=0, history=1, question=0, status=0, search=0, input=1)),
        (1, LayoutShares(topic=0, history=0, question=0, status=0, search=0, input=1)),
    ],
)
def test_what_there_is_no_room_for_folds_away(height: int, shared: LayoutShares) -> None:
    assert share_lines(height, bars=True, question=0, search=0, input=1) == shared


def test_the_input_grows_and_leaves_the_history_a_line() -> None:
    assert share_lines(24, bars=True, question=0, search=0, input=8).input == 8
    assert share_lines(6, bars=True, question=0, search=0, input=8) == LayoutShares(1, 1, 0, 1, 0, 3)


def test_a_question_goes_before_all_but_the_line_that_is_typed() -> None:
    assert share_lines(3, bars=True, question=2, search=0, input=1) == LayoutShares(0, 0, 2, 0, 0, 1)


@given(st.integers(1, 60), st.booleans(), st.integers(0, 9), st.integers(0, 1), st.integers(1, 8))
def test_every_line_is_somebody_s(height: int, bars: bool, question: int, search: int, input: int) -> None:
    shared = share_lines(height, bars=bars, question=question, search=search, input=input)
    assert sum(shared) == height
    assert min(shared) >= 0
    assert shared.input >= 1
