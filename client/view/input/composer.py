"""What is being written: one line or several, a draft for every conversation, and a memory of what was
sent.

Editing itself is prompt_toolkit's (readline's keys). Enter belongs to ``actions``: nothing leaves from
here by itself, and a paste is only ever put in, never sent.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from chatroom.client.model import apply
from chatroom.client.model.state import ClientState
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import drawable_text
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
from prompt_toolkit.search import SearchDirection, start_search, stop_search
from prompt_toolkit.widgets import SearchToolbar

Complete = Callable[[str, int], Sequence[tuple[str, int, str, str]]]
"""Text and cursor -> replacement, where in the text it begins, what the menu shows, what explains it."""

MOST_ROWS = 8
"""The input grows to so many rows, then it scrolls."""

PASTE_ASKS = 5
"""A paste of more lines than this is asked about."""


class Composer:
    """The input of the current conversation.

    What was typed there is always that conversation's draft in the state. A line of the input history that is
    shown in its place (``↑``, Ctrl-R) does not replace the draft.
    """

    def __init__(self, state: ClientState, complete: Complete) -> None:
        self._state = state
        self._name = ""
        self._draft_at_home = ""
        self._kept_draft = ""  # the draft that the buffer stands for
        self._search_start = (0, 0)  # history lines back from the draft, and the cursor, before a search
        self.buffer = Buffer(
            accept_handler=keep_text,
            completer=_CompletionAdapter(complete),
            multiline=True,
            tempfile_suffix=".txt",
            on_text_changed=lambda _: self._store_draft(),
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
            include_default_input_processors=False,  # they would go on showing what was searched for
            search_buffer_control=self.search.control,
            preview_search=True,
        )
        self.window = Window(
            self.control,
            height=Dimension(min=1, max=MOST_ROWS),
            wrap_lines=True,
            dont_extend_height=True,
            get_line_prefix=lambda line, wrapped: [("class:prompt", "  " if line or wrapped else "> ")],
        )

    @property
    def text(self) -> str:
        return self.buffer.text

    def sync_with_state(self) -> None:
        """The current conversation has changed, or the controller has put a line back."""
        draft = self._draft_of(self._state.current)
        if self._name != self._state.current or draft != self._kept_draft:
            self._remember_edited_line()
            self._name, self._kept_draft = self._state.current, draft
            self.buffer.reset(Document(draft))

    def _draft_of(self, name: str) -> str:
        known = self._state.conversations.get(name)
        return known.draft if known else self._draft_at_home

    def _store_draft(self) -> None:
        self._kept_draft = self._current_draft()
        if self._name in self._state.conversations:
            apply.set_draft(self._state, self._name, self._kept_draft)
        else:
            self._draft_at_home = self._kept_draft

    def _current_draft(self) -> str:
        """The text that was typed; while a history line is shown, the one that stands behind the history.

        An edited history line is the draft where there is no other.
        """
        typed = self.buffer._working_lines[-1]
        return typed or (self.text if self._is_edited_line() else "")

    def _is_edited_line(self) -> bool:
        """Whether a history line is shown that was changed since it was sent."""
        return self._lines_back() > 0 and self.text not in self.buffer.history.get_strings()

    def _lines_back(self) -> int:
        """How far back in the history the shown line is; 0 for the draft itself."""
        return len(self.buffer._working_lines) - 1 - self.buffer.working_index

    def _remember_edited_line(self) -> None:
        """An edited history line that gives way to the draft can be found again with ``↑``."""
        if self._is_edited_line() and self.text.strip():
            self.buffer.append_to_history()

    def take_text(self) -> str:
        """Return the shown line, which the history then remembers. The input is empty again; after a line of
        the history it holds the draft.
        """
        text = self.text
        draft = self.buffer._working_lines[-1] if self._lines_back() else ""
        self.buffer.reset(Document(draft), append_to_history=bool(text.strip()))
        self.buffer.on_text_changed.fire()  # a reset does not fire it
        return text

    def start_search(self, direction: SearchDirection) -> None:
        """Search the input history."""
        self._search_start = self._lines_back(), self.buffer.cursor_position
        start_search(self.control, direction)

    def abort_search(self) -> None:
        """Show the line again that was shown before the search."""
        stop_search()
        lines_back, cursor = self._search_start
        self.buffer.working_index = max(0, len(self.buffer._working_lines) - 1 - lines_back)
        self.buffer.cursor_position = cursor

    def restore(self, text: str) -> None:
        """Put back what was taken and refused, unless there is a draft. The history holds it in any case."""
        if not self.text:
            self.buffer.document = Document(text)

    def reset_composer(self) -> None:
        """Somebody else may sit here now."""
        self._name = self._draft_at_home = self._kept_draft = ""
        self.buffer.history = InMemoryHistory()
        self.buffer.reset()

    def insert_paste(self, text: str) -> int:
        """Put a paste in at the cursor; how many lines it has."""
        clean = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        self.buffer.save_to_undo_stack()
        self.buffer.insert_text(clean)
        return clean.count("\n") + 1

    def restore_document(self, document: Document) -> None:
        """As it was before the paste."""
        self.buffer.document = document


def keep_text(buffer: Buffer) -> bool:
    """For ``Buffer``: no key of prompt_toolkit's own accepts and empties an input; ours take the text."""
    return True


def one_line(pasted: str) -> str:
    """A paste for a field of one line: without line ends and other control characters."""
    text = " ".join(filter(None, pasted.splitlines()))
    return "".join(character for character in text if unicodedata.category(character) != "Cc")


class _CompletionAdapter(Completer):
    """The controller's completions, for prompt_toolkit."""

    def __init__(self, complete: Complete) -> None:
        self._complete = complete

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        for text, start, display, meta in self._complete(document.text, document.cursor_position):
            yield Completion(
                text, start - document.cursor_position, drawable_text(display), drawable_text(meta)
            )


class _SafeInput(Processor):
    """Shows what is written as others will see it: a pasted text is as little to be trusted as any."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        line = transformation_input.document.lines[transformation_input.lineno]
        if line.isascii() and line.isprintable():
            return Transformation(transformation_input.fragments)
        shown = [_shown_character(character) for character in line]
        ends = list(accumulate(map(len, shown), initial=0))
        return Transformation(
            [("", "".join(shown))],
            source_to_display=lambda at: ends[at] if at < len(ends) else ends[-1] + at - len(ends) + 1,
            display_to_source=lambda at: next((i for i, end in enumerate(ends) if end >= at), len(line)),
        )


@lru_cache(maxsize=4096)
def _shown_character(character: str) -> str:
    """One character behind another; a mark needs something to stand on."""
    return drawable_text(f"a{character}")[1:]
