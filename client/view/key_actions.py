"""What the keys do: a method for every action in ``client.text.keys``. ``key_bindings`` leads there."""

from functools import partial

from chatroom.client.commands.table import is_command, is_known_command
from chatroom.client.model import apply, select
from chatroom.client.model.select import mentions_me
from chatroom.client.model.state import Conversation
from chatroom.client.text import i18n
from chatroom.client.view.history.content import ConversationContent
from chatroom.client.view.history.viewport import ContentEdge
from chatroom.client.view.input.composer import PASTE_ASKS
from chatroom.client.view.input.confirm_prompt import ConfirmPrompt
from chatroom.client.view.input.message_target import MessageTarget, command_about_message
from chatroom.client.view.layout import shows_members, shows_sidebar
from chatroom.client.view.panes.home import TITLE
from chatroom.client.view.panes.sidebar import conversation_by_number
from chatroom.client.view.screen_state import ScreenState
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding.key_processor import KeyPressEvent


class KeyActions:
    """One method for each action. All take the key's event, most have no use for it."""

    def __init__(self, desk: ScreenState) -> None:
        self._desk = desk
        self._app = desk.app
        self._state = desk.state
        self._pasting = False  # lines of one read are being put in

    # Writing

    def send(self, event: KeyPressEvent) -> None:
        desk = self._desk
        desk.banner = None
        if self._is_pasted(event):
            self._paste_line(event)
        elif question := desk.question:
            desk.question = None
            question.yes()
        else:
            self._submit()

    def _is_pasted(self, event: KeyPressEvent) -> bool:
        """Text that stands behind this Enter, or other lines before it, came in the same read.

        Nobody types so fast; a terminal that puts no brackets around a paste does. A command is done all
        the same: a list of them may well be pasted.
        """
        return not is_known_command(self._desk.composer.text) and (self._pasting or _text_follows(event))

    def _paste_line(self, event: KeyPressEvent) -> None:
        """One line of a paste that comes key by key: put in, and asked about at its end."""
        composer = self._desk.composer
        self._pasting = _byte_follows(event, "\r")
        if _text_follows(event):
            composer.buffer.insert_text("\n")
        else:
            count = composer.text.count("\n") + 1
            text = i18n.translate("question.paste", count=count)
            self._desk.ask_confirmation(ConfirmPrompt(text, yes=self._submit, no=lambda: None))

    def _submit(self) -> None:
        target = self._desk.targets.current
        text = self._desk.composer.take_text()
        if target is not None and target.command == command_about_message(text):
            text = self._bound(text, target)
        if text.strip():
            self._desk.helping = False
            self._clear_home()
            if is_command(text):
                self._desk.goal = 0
                self._desk.timeline.follow_end(self._state.current)
            else:
                self._desk.return_to_end()
            if not self._app.submit(text):
                self._desk.composer.restore(text)

    def _bound(self, text: str, target: MessageTarget) -> str:
        """The command, about the message that was shown while it was typed; empty if it cannot be done."""
        if target.message is not None and self._state.current:
            apply.select_message(self._state, self._state.current, target.message.seq)
        elif target.message is not None:  # on the home screen: an answer in private
            return (
                f"/msg {target.conversation} {text.split(maxsplit=1)[1]}" if len(text.split()) > 1 else text
            )
        elif not self._state.current and target.command == "reply":
            self._app.note("nobody_to_reply_to", error=True)
            return ""
        return text

    def _clear_home(self) -> None:
        """Home shows the answer to the last command alone, or its lists would soon be out of sight."""
        if not self._state.current:
            apply.clear_notes(self._state, TITLE)

    def newline(self, event: KeyPressEvent) -> None:
        self._desk.composer.buffer.insert_text("\n")

    def paste(self, event: KeyPressEvent) -> None:
        """A paste is put in. One of many lines is asked about before an Enter may send it."""
        composer = self._desk.composer
        before = composer.buffer.document
        count = composer.insert_paste(event.data)
        if count > PASTE_ASKS:
            text = i18n.translate("question.paste", count=count)
            self._desk.ask_confirmation(
                ConfirmPrompt(text, yes=self._submit, no=partial(composer.restore_document, before))
            )

    def complete(self, event: KeyPressEvent) -> None:
        buffer = self._desk.composer.buffer
        if buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(insert_common_part=True)

    def complete_backwards(self, event: KeyPressEvent) -> None:
        self._desk.composer.buffer.complete_previous()

    def edit(self, event: KeyPressEvent) -> None:
        self._desk.composer.buffer.open_in_editor()

    def clear_or_quit(self, event: KeyPressEvent) -> None:
        desk = self._desk
        if desk.composer.text:
            desk.question = None
            desk.composer.take_text()
        elif desk.question is not None and desk.question.quits:
            self._app.quit()
        else:
            desk.ask_confirmation(
                ConfirmPrompt(i18n.translate("question.quit"), yes=self._app.quit, quits=True)
            )

    def dismiss(self, event: KeyPressEvent) -> None:
        """The topmost of what lies over something else goes. A draft never does."""
        desk = self._desk
        if desk.composer.buffer.complete_state:
            desk.composer.buffer.cancel_completion()
        elif desk.question:
            question, desk.question = desk.question, None
            question.no()
        elif desk.banner:
            desk.banner = None
        elif desk.conversation and desk.conversation.selected:
            apply.select_message(self._state, self._state.current, 0)
            self._desk.targets.follow_selection()
        else:
            desk.helping = desk.bare = False

    # Scrolling

    def page_up(self, event: KeyPressEvent) -> None:
        self._desk.goal = 0
        self._desk.timeline.scroll_pages(-1)

    def page_down(self, event: KeyPressEvent) -> None:
        self._desk.goal = 0
        self._desk.timeline.scroll_pages(1)

    def top(self, event: KeyPressEvent) -> None:
        self._desk.timeline.go_to_edge(ContentEdge.START)
        self._desk.seek_message(1)

    def bottom(self, event: KeyPressEvent) -> None:
        self._desk.return_to_end()

    def first_unread(self, event: KeyPressEvent) -> None:
        conversation = self._desk.conversation
        if conversation and conversation.unread_from:
            self._desk.seek_message(conversation.unread_from)
        else:
            self._app.note("view.nothing_unread")

    def next_mention(self, event: KeyPressEvent) -> None:
        self._show_mention(1)

    def previous_mention(self, event: KeyPressEvent) -> None:
        self._show_mention(-1)

    def _show_mention(self, step: int) -> None:
        """Select the nearest message that names me, and show it; from home, go to a conversation with one.

        The search begins at the selected message, or else at the edge of what is in sight.
        """
        conversation, story = self._desk.conversation, self._desk.timeline.current_content
        if conversation is None or not isinstance(story, ConversationContent):
            self._seek_mention()
            return
        here, at = conversation.shown, self._mention_start(conversation, story, step)
        candidates = range(at + step, here.last + 1 if step > 0 else here.first - 1, step)
        found = (seq for seq in candidates if self._names_me(conversation, seq))
        if seq := next(found, 0) or select.mention_beyond(conversation, step):
            apply.select_message(self._state, conversation.name, seq)
            self._desk.targets.follow_selection()
            self._desk.seek_message(seq)
        else:
            self._app.note("view.no_mention")

    def _mention_start(self, conversation: Conversation, story: ConversationContent, step: int) -> int:
        picture = self._desk.timeline.picture
        above, last = story.seq_at(picture.top.block - 1), story.seq_at(picture.bottom.block)
        if above < conversation.selected <= last:
            return conversation.selected
        return above if step > 0 else last + 1

    def _names_me(self, conversation: Conversation, seq: int) -> bool:
        message = conversation.shown.find(seq)
        return message is not None and mentions_me(self._state, conversation, message)

    def _seek_mention(self) -> None:
        """The first unread message that names me, wherever it is."""
        for one in select.sidebar_conversations(self._state):
            if seq := select.first_mention(one):
                apply.select_message(self._state, one.name, seq)
                self._desk.show_message(one.name, seq)
                return
        self._app.note("view.no_mention")

    def unfold(self, event: KeyPressEvent) -> None:
        """Open what is folded here, or fold it again."""
        self._desk.unfolded ^= {self._state.current}

    # One message

    def select_above(self, event: KeyPressEvent) -> None:
        self._move_selection(-1)

    def select_below(self, event: KeyPressEvent) -> None:
        self._move_selection(1)

    def _move_selection(self, step: int) -> None:
        """Move the mark. It begins at the lowest message in sight, and is gone behind the last."""
        conversation, story = self._desk.conversation, self._desk.timeline.current_content
        if conversation is None or not isinstance(story, ConversationContent):
            return
        at = conversation.selected or story.seq_at(self._desk.timeline.picture.bottom.block) + 1
        seq = select.neighbour_message(conversation, at, step)
        if seq or step > 0:
            apply.select_message(self._state, conversation.name, seq)
            self._desk.targets.follow_selection()
        if seq:
            self._desk.timeline.scroll_into_view(story.block_of(seq))

    def reply(self, event: KeyPressEvent) -> None:
        self._begin_command("/reply ")

    def react(self, event: KeyPressEvent) -> None:
        self._begin_command("/react ")

    def delete(self, event: KeyPressEvent) -> None:
        """Only written down: Enter is still to come."""
        self._begin_command("/delete")

    def revise(self, event: KeyPressEvent) -> None:
        """Write on at the message that is selected, or at my last one."""
        conversation = self._desk.conversation
        message = select.target_message(self._state, conversation, mine=True) if conversation else None
        if message is None or not select.is_mine(self._state, message):
            self._app.note("nothing_to_change", error=True)
        elif self._desk.composer.text:
            self._app.note("view.draft_first", error=True)
        else:
            self._begin_command(f"/edit {message.text}")
            self._desk.targets.fix("edit", message)

    def _begin_command(self, command: str) -> None:
        """Put a command before whatever is written already."""
        buffer = self._desk.composer.buffer
        if not buffer.text.startswith("/"):
            buffer.document = Document(command + buffer.text)

    # Conversations

    def next_conversation(self, event: KeyPressEvent) -> None:
        self._desk.show_conversation(select.neighbour_conversation(self._state, 1))

    def previous_conversation(self, event: KeyPressEvent) -> None:
        self._desk.show_conversation(select.neighbour_conversation(self._state, -1))

    def numbered_conversation(self, event: KeyPressEvent) -> None:
        name = conversation_by_number(self._state, int(event.key_sequence[-1].key))
        if name is not None:
            self._desk.show_conversation(name)

    def home(self, event: KeyPressEvent) -> None:
        self._desk.show_conversation("")

    def next_active(self, event: KeyPressEvent) -> None:
        self._desk.show_conversation(select.next_active(self._state))

    def switcher(self, event: KeyPressEvent) -> None:
        self._desk.switcher.open_switcher()
        event.app.layout.focus(self._desk.switcher.control)

    # The screen

    def help(self, event: KeyPressEvent) -> None:
        self._desk.helping = not self._desk.helping

    def fold_conversations(self, event: KeyPressEvent) -> None:
        self._desk.folds["sidebar"] = shows_sidebar(self._desk)

    def fold_members(self, event: KeyPressEvent) -> None:
        self._desk.folds["members"] = shows_members(self._desk)

    def members_up(self, event: KeyPressEvent) -> None:
        self._desk.members.scroll_pages(-1)

    def members_down(self, event: KeyPressEvent) -> None:
        self._desk.members.scroll_pages(1)

    def bare(self, event: KeyPressEvent) -> None:
        self._desk.bare = not self._desk.bare

    def redraw(self, event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    def suspend(self, event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _text_follows(event: KeyPressEvent) -> bool:
    """Whether something that is to be written came in the same read behind this key."""
    waiting = [press.data for press in event.key_processor.input_queue]
    return any(data == "\r" or (len(data) == 1 and data.isprintable()) for data in waiting)


def _byte_follows(event: KeyPressEvent, byte: str) -> bool:
    return any(press.data == byte for press in event.key_processor.input_queue)
