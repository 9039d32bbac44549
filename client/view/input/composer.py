"""The message input: with a draft and a history of sent lines for each conversation.

prompt_toolkit does the editing (with the keys of readline). Enter is handled by ``InputActions``; a paste is
only inserted, never sent.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.layout import BufferControl, Dimension, Window
from prompt_toolkit.layout.processors import (
    AfterInput,
    ConditionalProcessor,
    HighlightIncrementalSearchProcessor,
    HighlightSelectionProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.search import SearchDirection, accept_search, start_search, stop_search
from prompt_toolkit.widgets import SearchToolbar
from wcwidth import iter_graphemes

from chatroom.client.model import select
from chatroom.client.model.state import ClientState
from chatroom.client.text import i18n
from chatroom.client.view.draw.clusters import stand_in
from chatroom.client.view.draw.text import drawable_text

CompletionSource = Callable[[str, int], Sequence[tuple[str, int, str, str]]]
"""Takes text and cursor; returns replacements, each with its start in the text, label and explanation."""

MAX_ROWS = 8
"""Rows to which the input grows before it scrolls."""

PASTE_CONFIRM_LINES = 5
"""A paste of more lines than this must be confirmed."""


class Composer:
    """The input of the current conversation.

    It shows the draft of the current conversation. A line of the input history that is shown in its place
    (``↑``, Ctrl-R) does not replace the draft. ``ScreenState`` stores what the user changes.
    """

    def __init__(self, state: ClientState, complete: CompletionSource) -> None:
        self._state = state
        self.conversation = ""  # the name of the conversation whose input this is
        self._histories: dict[str, InMemoryHistory] = {}  # the sent lines of each conversation
        self._search_start = (0, 0)  # before a search: lines back from the draft, and the cursor
        self.buffer = Buffer(
            accept_handler=keep_text,
            completer=_CompletionAdapter(complete),
            multiline=True,
            tempfile_suffix=".txt",
        )
        self.search = SearchToolbar(
            backward_search_prompt=lambda: i18n.translate("view.search_back"),
            forward_search_prompt=lambda: i18n.translate("view.search_on"),
            ignore_case=True,
        )
        placeholder = ConditionalProcessor(
            AfterInput(lambda: i18n.translate("view.placeholder"), style="class:hint"),
            Condition(lambda: not self.text) & ~is_searching,
        )
        self.control = BufferControl(
            self.buffer,
            input_processors=[
                _SafeInput(),
                HighlightIncrementalSearchProcessor(),
                HighlightSelectionProcessor(),
                placeholder,
            ],
            include_default_input_processors=False,  # they would highlight matches after the search too
            search_buffer_control=self.search.control,
            preview_search=True,
        )
        self.window = Window(
            self.control,
            height=Dimension(min=1, max=MAX_ROWS),
            wrap_lines=True,
            dont_extend_height=True,
            get_line_prefix=lambda line, wrapped: [("class:prompt", "  " if line or wrapped else "> ")],
        )

    @property
    def text(self) -> str:
        return self.buffer.text

    def sync_with_state(self) -> None:
        """Show the draft of the current conversation, or a draft that the client has changed."""
        draft = select.current_draft(self._state)
        if self.conversation != self._state.current or draft != self.draft:
            self._remember_edited_line()
            if self.conversation != self._state.current:
                self.buffer.history = self._histories.setdefault(self._state.current, InMemoryHistory())
            self.conversation = self._state.current
            self.buffer.reset(Document(draft))

    def rename_room(self, former: str, name: str) -> None:
        if former in self._histories:
            self._histories[name] = self._histories.pop(former)
        if self.conversation == former:
            self.conversation = name

    @property
    def draft(self) -> str:
        """Return the typed text, also while a history line is shown.

        If there is no typed text, an edited history line is the draft.
        """
        typed = self.buffer._working_lines[-1]
        return typed or (self.text if self._is_edited_line() else "")

    def _is_edited_line(self) -> bool:
        """Return whether an edited history line is shown."""
        return self._lines_back() > 0 and self.text not in self.buffer.history.get_strings()

    def _lines_back(self) -> int:
        """Return how far back in the history the shown line is; 0 for the draft."""
        return len(self.buffer._working_lines) - 1 - self.buffer.working_index

    def _remember_edited_line(self) -> None:
        """Add an edited history line to the history before the draft replaces it."""
        if self._is_edited_line() and self.text.strip():
            self.buffer.append_to_history()

    def take_text(self) -> str:
        """Return the shown line and add it to the history. Then the input is empty, or holds the draft if the
        line came from the history. No event tells of the change.
        """
        text = self.text
        draft = self.buffer._working_lines[-1] if self._lines_back() else ""
        self.buffer.reset(Document(draft), append_to_history=bool(text.strip()))
        return text

    def start_search(self, direction: SearchDirection) -> None:
        """Search the input history."""
        self._search_start = self._lines_back(), self.buffer.cursor_position
        start_search(self.control, direction)

    def accept_search(self) -> None:
        """End the search and keep the line that is shown."""
        if self.search.search_buffer.text:
            accept_search()
        else:
            self.abort_search()

    def abort_search(self) -> None:
        """End the search and show the line that was shown before it."""
        stop_search()
        lines_back, cursor = self._search_start
        self.buffer.working_index = max(0, len(self.buffer._working_lines) - 1 - lines_back)
        self.buffer.cursor_position = cursor

    def restore_text(self, text: str) -> None:
        """Put back a refused text, unless there is a draft. The history holds the text anyway."""
        if not self.text:
            self.buffer.document = Document(text)

    def reset_composer(self) -> None:
        """Clear input and history: the next user may be another one."""
        self.conversation = ""
        self.buffer.history = InMemoryHistory()
        self._histories = {"": self.buffer.history}
        self.buffer.reset()

    def insert_paste(self, text: str) -> int:
        """Insert a paste at the cursor. Return its number of lines."""
        clean = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        self.buffer.save_to_undo_stack()
        self.buffer.insert_text(clean)
        return clean.count("\n") + 1

    def restore_document(self, document: Document) -> None:
        """Undo a paste."""
        self.buffer.document = document


def keep_text(buffer: Buffer) -> bool:
    """``Buffer``'s accept handler: keep the text, because the client's own key bindings take it."""
    return True


def one_line(pasted: str) -> str:
    """Return a paste without line ends and other control characters, for a field of one line."""
    text = " ".join(filter(None, pasted.splitlines()))
    return "".join(character for character in text if unicodedata.category(character) != "Cc")


class _CompletionAdapter(Completer):
    """Gives the client's completions to prompt_toolkit."""

    def __init__(self, complete: CompletionSource) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        for text, start, display, meta in self._complete(document.text, document.cursor_position):
            yield Completion(
                text, start - document.cursor_position, drawable_text(display), drawable_text(meta)
            )


class _SafeInput(Processor):
    """Shows the input as other users will see it: pasted text is untrusted too."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        line = transformation_input.document.lines[transformation_input.lineno]
        if line.isascii() and line.isprintable():
            return Transformation(transformation_input.fragments)
        shown = [part for cluster in iter_graphemes(line) for part in _shown_cluster(cluster)]
        ends = list(accumulate(map(len, shown), initial=0))
        return Transformation(
            [("", "".join(shown))],
            source_to_display=lambda at: ends[at] if at < len(ends) else ends[-1] + at - len(ends) + 1,
            display_to_source=lambda at: next((i for i, end in enumerate(ends) if end >= at), len(line)),
        )


@lru_cache(maxsize=4096)
def _shown_cluster(cluster: str) -> list[str]:
    """Return how each character of a cluster is drawn. Its first one may stand for all of them."""
    drawn = drawable_text(cluster)
    character = stand_in(drawn)
    if character == drawn:
        return [_shown_character(character) for character in cluster]
    return [character, *[""] * (len(cluster) - 1)]


@lru_cache(maxsize=4096)
def _shown_character(character: str) -> str:
    """Return how a character is drawn. The letter before it carries a combining mark."""
    return drawable_text(f"a{character}")[1:]
