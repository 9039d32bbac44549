"""The handler of each action in ``client.text.keys``."""

from collections.abc import Callable

from prompt_toolkit.key_binding.key_processor import KeyPressEvent

from chatroom.client.view.keys.conversation_actions import ConversationActions
from chatroom.client.view.keys.history_actions import HistoryActions
from chatroom.client.view.keys.input_actions import InputActions
from chatroom.client.view.keys.message_actions import MessageActions
from chatroom.client.view.keys.screen_actions import ScreenActions
from chatroom.client.view.screen_state import ScreenState

KeyHandler = Callable[[KeyPressEvent], None]


def action_handlers(screen_state: ScreenState) -> dict[str, KeyHandler]:
    """Return the handlers by name of the action. ``paste`` is not in the table of keys."""
    return {
        **_input_handlers(InputActions(screen_state)),
        **_history_handlers(HistoryActions(screen_state)),
        **_message_handlers(MessageActions(screen_state)),
        **_conversation_handlers(ConversationActions(screen_state)),
        **_screen_handlers(ScreenActions(screen_state)),
    }


def _input_handlers(actions: InputActions) -> dict[str, KeyHandler]:
    return {
        "send": actions.send,
        "newline": actions.insert_newline,
        "paste": actions.paste,
        "complete": actions.complete,
        "complete_backwards": actions.complete_backwards,
        "edit": actions.open_editor,
        "clear_or_quit": actions.clear_or_quit,
        "dismiss": actions.dismiss,
    }


def _history_handlers(actions: HistoryActions) -> dict[str, KeyHandler]:
    return {
        "page_up": actions.scroll_up,
        "page_down": actions.scroll_down,
        "wheel_up": actions.wheel_up,
        "wheel_down": actions.wheel_down,
        "top": actions.go_to_start,
        "bottom": actions.go_to_end,
        "first_unread": actions.go_to_unread,
        "next_mention": actions.next_mention,
        "previous_mention": actions.previous_mention,
        "unfold": actions.toggle_collapse,
        "original": actions.go_to_original,
        "open_link": actions.choose_link,
    }


def _message_handlers(actions: MessageActions) -> dict[str, KeyHandler]:
    return {
        "select_above": actions.select_above,
        "select_below": actions.select_below,
        "reply": actions.begin_reply,
        "revise": actions.begin_edit,
        "react": actions.begin_reaction,
        "delete": actions.begin_delete,
    }


def _conversation_handlers(actions: ConversationActions) -> dict[str, KeyHandler]:
    return {
        "next_conversation": actions.next_conversation,
        "previous_conversation": actions.previous_conversation,
        "numbered_conversation": actions.numbered_conversation,
        "next_active": actions.next_active,
        "home": actions.go_home,
        "switcher": actions.open_switcher,
    }


def _screen_handlers(actions: ScreenActions) -> dict[str, KeyHandler]:
    return {
        "help": actions.toggle_help,
        "fold_conversations": actions.toggle_sidebar,
        "fold_members": actions.toggle_members,
        "members_up": actions.scroll_members_up,
        "members_down": actions.scroll_members_down,
        "bare": actions.toggle_history_only,
        "redraw": actions.redraw,
        "suspend": actions.suspend,
    }
