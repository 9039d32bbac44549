"""Widths of grapheme clusters, and the cursor after those that terminals disagree about."""

from io import StringIO

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.data_structures import Size
from prompt_toolkit.utils import get_cwidth
from wcwidth import wcswidth

from chatroom.client.view.draw.clusters import restore_clusters, stand_in
from chatroom.client.view.draw.terminal_output import TerminalOutput
from chatroom.client.view.draw.text import (
    clip_text,
    column_count,
    drawable_text,
    fit_text,
    text_units,
    wrap_text,
)
from chatroom.client.view.input.composer import _shown_cluster

TEXTS = (
    "हिन्दी में लिखा हुआ संदेश", "தமிழ் மொழி", "నమస్కారం", "ಕನ್ನಡ ಭಾಷೆ", "മലയാളം ക്ഷ", "සිංහල භාෂාව", "ภาษาไทย กำลัง",
    "নমস্কার", "မြန်မာဘာသာ", "ភាសាខ្មែរ", "བོད་ཡིག", "🇨🇳🇩🇪 flags", "👨‍👩‍👧 family", "👍🏽 ok", "❤️ 1️⃣ ☺️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "한각 각", "שָׁלוֹם", "العربية", "é̂ decomposed", "你好，世界", "ﾊﾝｶｸ ﾞ",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_width_is_that_of_wcswidth(text: str) -> None:
    drawn = drawable_text(text)
    assert column_count(drawn) == wcswidth(drawn)
    assert sum(unit.columns for unit in text_units(drawn)) == column_count(drawn)
    for width in range(1, 20):
        assert column_count(fit_text(drawn, width)) == width
        rows = [drawn[start:end] for start, end in wrap_text(drawn, max(2, width))]
        assert "".join(rows).replace(" ", "") == drawn.replace(" ", "")
        assert all(wcswidth(row) <= max(2, width) for row in rows)


@given(st.text(alphabet=st.sampled_from("".join(TEXTS))), st.integers(1, 30))
def test_clipped_text_fits(text: str, width: int) -> None:
    drawn = drawable_text(text)
    assert column_count(clip_text(drawn, width)) <= width
    assert column_count(fit_text(drawn, width)) == width


@pytest.mark.parametrize("text", TEXTS)
def test_input_draws_each_cluster_in_its_width(text: str) -> None:
    shown = [part for unit in text_units(text) for part in _shown_cluster(unit.text)]
    assert len(shown) == len(text)  # a place for each character of the source
    assert sum(map(get_cwidth, "".join(shown))) == column_count(restore_clusters("".join(shown)))
    assert restore_clusters("".join(shown)) == drawable_text(text)


def test_stand_in_of_a_simple_character_is_itself() -> None:
    assert [stand_in(cluster) for cluster in ("a", "é", "你", "👍", "e\u0301")] == [
        *("a", "é", "你", "👍"),
        "e\u0301",
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_cursor_is_set_after_a_character_of_doubtful_width(text: str) -> None:
    """The border is in its column in a terminal with other widths, such as pyte."""
    drawn, columns = drawable_text(text), 60
    stream = StringIO()
    output = TerminalOutput(stream, lambda: Size(rows=2, columns=columns))
    output.enter_alternate_screen()
    output.write("x")
    output.cursor_forward(3)
    output.write(drawn)
    output.write("│")
    output.flush()
    screen = pyte.Screen(columns, 2)
    pyte.Stream(screen).feed(stream.getvalue())
    assert screen.buffer[0][4 + column_count(drawn)].data == "│"
