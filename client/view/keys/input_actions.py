"""Keys that edit the input and send it."""

from functools import partial

from prompt_toolkit.filters import vi_insert_mode
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode

from chatroom.client.commands.table import is_command, parse_message
from chatroom.client.model import apply
from chatroom.client.text import i18n
from chatroom.client.view.input.composer import PASTE_CONFIRM_LINES
from chatroom.client.view.input.confirm_prompt import ConfirmPrompt
from chatroom.client.view.input.message_target import MessageTarget, command_about_message
from chatroom.client.view.panes.home import TITLE
from chatroom.client.view.screen_state import ScreenState


class InputActions:
    """Sending, pasting, completion, and the keys that clear or close."""

    def __init__(self, screen_state: ScreenState) -> None:
        self._screen_state = screen_state
        self._app = screen_state.app
        self._state = screen_state.state
        self._composer = screen_state.composer

    def send(self, event: KeyPressEvent) -> None:
        """Confirm the open question, or send the input."""
        screen_state = self._screen_state
        screen_state.banner = None
        if prompt := screen_state.confirm_prompt:
            screen_state.confirm_prompt = None
            prompt.on_confirm()
        else:
            self._submit()

    def _submit(self) -> None:
        target = self._screen_state.targets.current
        if self._is_sent_elsewhere():
            self._app.notes.show("draft_sent")
            return
        text = self._screen_state.take_input().rstrip("\n")
        if target is not None and target.command == command_about_message(text):
            text = self._with_target(text, target)
        if text.strip():
            self._screen_state.help_open = False
            self._clear_home()
            if is_command(text):
                self._screen_state.sought_seq = 0
                self._screen_state.history_view.follow_end(self._state.current)
            else:
                self._screen_state.return_to_end()
            if not self._app.lines.submit_line(text):
                self._composer.restore_text(text)

    def _is_sent_elsewhere(self) -> bool:
        """Whether another client of the account has sent the draft. Otherwise this one sends it, alone."""
        drafts, name = self._app.drafts, self._state.current
        if drafts.drop_sent(name):
            return True
        chat = self._state.conversations.get(name)
        is_message = chat is not None and parse_message(chat.draft) is not None
        return is_message and not drafts.claim_draft(name)

    def _with_target(self, text: str, target: MessageTarget) -> str:
        """Return the command for the shown target, or an empty text if there is none."""
        if target.message is not None and self._state.current:
            apply.select_message(self._state, self._state.current, target.message.seq)
        elif target.message is not None:  # a reply on the home screen, to a private message
            words = text.split(maxsplit=1)
            return f"/msg {target.conversation} {words[1]}" if len(words) > 1 else text
        elif not self._state.current and target.command == "reply":
            self._app.notes.show("nobody_to_reply_to", error=True)
            return ""
        return text

    def _clear_home(self) -> None:
        """On the home screen, show only the answer to the last command, so that the lists stay visible."""
        if not self._state.current:
            apply.clear_notes(self._state, TITLE)

    def insert_newline(self, event: KeyPressEvent) -> None:
        self._composer.buffer.insert_text("\n")

    def paste(self, event: KeyPressEvent) -> None:
        """Insert a paste. A long one must be confirmed before it is sent."""
        before = self._composer.buffer.document
        count = self._composer.insert_paste(event.data)
        if count > PASTE_CONFIRM_LINES:
            text = i18n.translate("question.paste", count=count)
            undo = partial(self._composer.restore_document, before)
            self._screen_state.ask_confirmation(ConfirmPrompt(text, on_confirm=self._submit, on_decline=undo))

    def complete(self, event: KeyPressEvent) -> None:
        buffer = self._composer.buffer
        if buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    def complete_backwards(self, event: KeyPressEvent) -> None:
        self._composer.buffer.complete_previous()

    def open_editor(self, event: KeyPressEvent) -> None:
        self._composer.buffer.open_in_editor()

    def clear_or_quit(self, event: KeyPressEvent) -> None:
        """Clear the input. If it is empty, ask whether to quit; the second time, quit."""
        screen_state = self._screen_state
        if self._composer.text:
            screen_state.confirm_prompt = None
            self._screen_state.take_input()
        elif screen_state.confirm_prompt is not None and screen_state.confirm_prompt.confirms_quit:
            self._app.quit()
        else:
            text = i18n.translate("question.quit")
            screen_state.ask_confirmation(ConfirmPrompt(text, on_confirm=self._app.quit, confirms_quit=True))

    def dismiss(self, event: KeyPressEvent) -> None:
        """Close the topmost of menu, question, banner, selection and help. The input stays."""
        screen_state = self._screen_state
        if self._composer.buffer.complete_state:
            self._composer.buffer.cancel_completion()
        elif prompt := screen_state.confirm_prompt:
            screen_state.confirm_prompt = None
            prompt.on_decline()
        elif screen_state.banner:
            screen_state.banner = None
        elif screen_state.conversation and screen_state.conversation.selected:
            apply.select_message(self._state, self._state.current, 0)
            screen_state.targets.follow_selection()
        elif self._state.search_terms:
            self._state.search_terms = ()
        elif vi_insert_mode():
            self._composer.buffer.cursor_left()
            event.app.vi_state.input_mode = InputMode.NAVIGATION
        else:
            screen_state.help_open = screen_state.history_only = False
