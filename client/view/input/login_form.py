"""The full-screen form to log in, or to create an account and log in.

It has at most three fields at a time. An error is shown under the field that it concerns; it comes as a
``Refused`` with a code.
"""

from collections.abc import Callable, Iterable
from enum import Enum

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import (
    AnyContainer,
    BufferControl,
    ConditionalContainer,
    Container,
    Dimension,
    FormattedTextControl,
    HSplit,
    VSplit,
    Window,
)
from prompt_toolkit.layout.processors import ConditionalProcessor, PasswordProcessor

from chatroom.client.app import App, ConnectionLost, Refused
from chatroom.client.core.prompts import environment_password
from chatroom.client.core.requester import parse_server_address
from chatroom.client.model.state import ConnectionState
from chatroom.client.text import i18n
from chatroom.client.view.draw.text import (
    Fragment,
    Row,
    clip_text,
    column_count,
    drawable_text,
    wrap_row,
    wrap_text,
)
from chatroom.client.view.input.composer import keep_text

WIDTH = 56
_LABEL_COLUMNS = 19
"""Columns of the form and of its labels, on a screen that is wide enough."""

_ERROR_INDENT = 2
"""Columns before an error on a narrower screen."""

_KEY_GAP = "   "
"""Between two keys in a row."""

_ALL_ROWS_FROM = 16
"""Lines of a screen that has space for empty rows and for the limits of the fields."""

_HINTS_FROM = 10
"""Lines of a screen that has space for more than fields and errors."""

DEFAULT_SERVER = "127.0.0.1:7878"

FIELD_OF_ERROR = {
    "bad_username": "username",
    "username_taken": "username",
    "unknown_user": "username",
    "bad_password": "password",
    "password_too_long": "password",
    "wrong_password": "password",
    "too_many_attempts": "password",
    "login_expired": "password",
    "mismatch": "again",
}
"""Which field an error concerns; if the form does not have it, the last field."""

RETYPED_ERRORS = frozenset({"bad_password", "password_too_long", "wrong_password", "mismatch"})
"""Errors in a hidden field. It is cleared, because the user cannot see what to correct."""


class FormMode(Enum):
    """What the form is for, and its fields."""

    LOGIN = ("server", "username", "password")
    REGISTER = ("username", "password", "again")


class FormField:
    """A field of one line. ``error`` is translated."""

    def __init__(self, name: str, label_columns: Callable[[], int]) -> None:
        self.name = name
        self.error = ""
        self._label_columns = label_columns
        self.buffer = Buffer(
            accept_handler=keep_text, multiline=False, on_text_changed=lambda _: self.clear_error()
        )
        secret = ConditionalProcessor(PasswordProcessor("*"), name in ("password", "again"))
        self.control = BufferControl(self.buffer, input_processors=[secret])

    @property
    def text(self) -> str:
        return self.buffer.text

    def set_text(self, text: str) -> None:
        self.buffer.reset(Document(text))

    def clear_error(self) -> None:
        self.error = ""

    @property
    def container(self) -> AnyContainer:
        label = Window(
            FormattedTextControl(lambda: [self._label_fragment()]),
            width=lambda: _at_most(self._label_columns()),
        )
        error = Window(
            FormattedTextControl(lambda: [("class:error", _break_lines(self.error))]),
            height=Dimension(min=0),
            wrap_lines=True,
            dont_extend_height=True,
        )
        return HSplit(
            [
                VSplit([label, Window(self.control, style="class:field")], height=_at_most(1)),
                ConditionalContainer(
                    VSplit([Window(width=lambda: _at_most(_error_indent())), error]),
                    Condition(lambda: bool(self.error)),
                ),
            ]
        )

    def _label_fragment(self) -> Fragment:
        text, columns = self.label, self._label_columns()
        return "class:label", " " * (columns - column_count(text)) + clip_text(text, columns)

    @property
    def label(self) -> str:
        return i18n.translate("form.label", name=i18n.translate(f"form.{self.name}"))


class LoginForm:
    """The form; shown while ``ClientState.username`` is empty."""

    def __init__(self, app: App, mode: FormMode = FormMode.LOGIN) -> None:
        self.mode = mode
        self.busy = False
        self.notice = ""
        self._app = app
        self._stay_toggled = False
        names = ("server", "username", "password", "again")
        self._fields = {name: FormField(name, lambda: _label_columns(self.fields)) for name in names}
        self._fields["server"].set_text(app.state.server or app.config.server or DEFAULT_SERVER)
        self._fields["username"].set_text(app.config.username)
        self.container = _center_rows(
            [
                _from_lines(_HINTS_FROM, _row_window(self._title_row)),
                _from_lines(_HINTS_FROM, _unless_empty(_row_window(self._server_row), self._server_row)),
                *map(self._optional_field, self._fields.values()),
                _from_lines(_HINTS_FROM, _row_window(self._stay_row)),
                _from_lines(_ALL_ROWS_FROM, Window(height=_at_most(1))),
                _unless_empty(_row_window(self._status_row), self._status_row),
                _from_lines(_HINTS_FROM, _row_window(self._keys_row)),
                _from_lines(_ALL_ROWS_FROM, _row_window(self._limits_row)),
            ]
        )

    @property
    def fields(self) -> list[FormField]:
        return [self._fields[name] for name in self.mode.value]

    def show_form(self) -> None:
        """Clear the passwords and focus the first empty field."""
        for name in ("password", "again"):
            self._fields[name].set_text("")
        self._focus_field(self._first_empty() or self.fields[-1])

    def log_in_at_start(self) -> None:
        """Log in with a kept login, or the password in the environment, if the account is known."""
        if self.mode is FormMode.LOGIN:
            if not self._has_kept_login():
                self._fields["password"].set_text(environment_password())
            if self._missing_field() is None:
                self.submit_or_advance()

    def toggle_stay(self) -> None:
        """Choose whether to stay logged in. The choice is saved with the next login."""
        if not self.busy:
            config = self._app.config
            config.stay_logged_in = "off" if config.stay_logged_in == "on" else "on"
            self._stay_toggled = True

    def toggle_mode(self) -> None:
        """Switch between login and registration. The fields keep their text but not their errors."""
        if not self.busy:
            self.mode = FormMode.REGISTER if self.mode is FormMode.LOGIN else FormMode.LOGIN
            self.notice = ""
            for field in self._fields.values():
                field.error = ""
            self._focus_field(self._first_empty() or self.fields[0])

    def back_to_login(self) -> None:
        """Switch from registration to login."""
        if self.mode is FormMode.REGISTER:
            self.toggle_mode()

    def focus_step(self, by: int) -> None:
        """Focus the next field or the one before; after the last field comes the first."""
        self._focus_field(self.fields[(self.fields.index(self._focused_field()) + by) % len(self.fields)])

    def submit_or_advance(self) -> None:
        """Focus the first field that must be filled in; if there is none, submit the form."""
        if self.busy:
            return
        if missing := self._missing_field():
            self._focus_field(missing)
        elif self.mode is FormMode.REGISTER and self._field_text("password") != self._field_text("again"):
            self._show_error("mismatch", {})
        else:
            self.busy = True
            self._app.tasks.start(self._submit())

    async def _submit(self) -> None:
        first_time = self._app.config.is_new
        try:
            await self._connect()
            if self.mode is FormMode.REGISTER:
                await self._app.session.register(self._field_text("username"), self._field_text("password"))
                self.mode = FormMode.LOGIN  # the account exists even if the login fails
            await self._log_in(self._field_text("username"), self._field_text("password"))
            if self._stay_toggled:
                self._app.config.save_config("stay_logged_in")
            self._app.notes.show("logged_in", username=self._app.state.username)
            if first_time:
                self._app.notes.show("view.first_time")
        except Refused as error:
            self._show_error(error.code, error.details)
        except ConnectionLost:
            self._show_error("not_connected", {})
        finally:
            self.busy = False
            self._app.front_end.state_changed()

    async def _log_in(self, username: str, password: str) -> None:
        session = self._app.session
        if not password and await session.continue_login(username):
            return
        if not (password or environment_password()):
            raise Refused("login_expired")
        await session.login(username, password or environment_password())

    async def _connect(self) -> None:
        """Connect, unless the client is connected to this server already.

        The server field also accepts an address with a username or conversation, and an invitation.
        """
        address, connected_to = parse_server_address(self._field_text("server")), self._app.state.server
        self._app.prepare_login(address)
        self._fields["server"].set_text(address.server)
        if address.username:
            self._fields["username"].set_text(address.username)
        if self._app.state.link is not ConnectionState.ONLINE or connected_to != address.server:
            await self._app.requests.connect(address.server)

    def _show_error(self, code: str, details: dict[str, object]) -> None:
        """Show the error under the field that it concerns, and focus the field."""
        self.notice = ""
        name = FIELD_OF_ERROR.get(code, "server")
        field = self._fields[name] if name in self.mode.value else self.fields[-1]
        if code in RETYPED_ERRORS:
            field.set_text("")
        field.error = i18n.refusal(code, details)
        self._focus_field(field)

    def _field_text(self, name: str) -> str:
        text = self._fields[name].text
        return text.strip() if name in ("server", "username") else text

    def _first_empty(self) -> FormField | None:
        return next((field for field in self.fields if not self._field_text(field.name)), None)

    def _missing_field(self) -> FormField | None:
        """Return the first empty field, except the password of a kept login."""
        empty = self._first_empty()
        needless = empty is self._fields["password"] and self._has_kept_login()
        return None if needless else empty

    def _has_kept_login(self) -> bool:
        if self.mode is not FormMode.LOGIN:
            return False
        try:
            place = parse_server_address(self._field_text("server"))
        except Refused:
            return False
        return self._app.has_kept_login(place, place.username or self._field_text("username"))

    def _focused_field(self) -> FormField:
        layout = get_app().layout
        return next((field for field in self.fields if layout.has_focus(field.control)), self.fields[0])

    def _focus_field(self, field: FormField) -> None:
        get_app().layout.focus(field.control)

    def _optional_field(self, field: FormField) -> Container:
        return ConditionalContainer(field.container, Condition(lambda: field.name in self.mode.value))

    def _title_row(self) -> Row:
        return [("class:heading", i18n.translate(f"form.{self.mode.name.lower()}"))]

    def _server_row(self) -> Row:
        if self.mode is FormMode.LOGIN:
            return []
        return [("class:hint", i18n.translate("form.at", server=self._field_text("server")))]

    def _stay_row(self) -> Row:
        mark = "[x]" if self._app.config.stay_logged_in == "on" else "[ ]"
        return [("class:hint", i18n.translate("form.stay", mark=mark))]

    def _status_row(self) -> Row:
        if self.busy:
            return [("class:note", i18n.translate("form.busy"))]
        return [("class:banner", drawable_text(self.notice))] if self.notice else []

    def _keys_row(self) -> Row:
        """Return the keys, with line feeds where the screen ends. No key is divided."""
        rows = [""]
        for key in i18n.translate(f"form.keys.{self.mode.name.lower()}").split(_KEY_GAP):
            longer = f"{rows[-1]}{_KEY_GAP}{key}" if rows[-1] else key
            if column_count(longer) <= _form_columns():
                rows[-1] = longer
            else:
                rows.append(key)
        return [("class:hint", "\n".join(filter(None, rows)))]

    def _limits_row(self) -> Row:
        limits = self._app.state.limits
        if self.mode is FormMode.LOGIN or limits is None:
            return []
        (least, most), (password, _) = limits.username, limits.password
        return [("class:hint", i18n.translate("form.limits", least=least, most=most, password=password))]


def _center_rows(rows: list[AnyContainer]) -> AnyContainer:
    """Center rows on the screen, as far as there is space."""
    block = VSplit([Window(), HSplit(rows, width=_at_most(WIDTH)), Window()])
    return HSplit([Window(), block, Window()])


def _row_window(row: Callable[[], Row]) -> Window:
    """Return a window of one line, wrapped between words if the screen is narrower."""

    def text() -> StyleAndTextTuples:
        rows = wrap_row(row() or [("", "")], _form_columns())
        return [*rows[0], *(fragment for below in rows[1:] for fragment in (("", "\n"), *below))]

    control = FormattedTextControl(text)
    return Window(control, height=Dimension(min=0), wrap_lines=True, dont_extend_height=True)


def _at_most(size: int) -> Dimension:
    """Return a dimension of ``size`` lines or columns, fewer on a smaller screen."""
    return Dimension(min=0, preferred=size, max=size)


def _form_columns() -> int:
    return min(WIDTH, get_app().output.get_size().columns)


def _label_columns(fields: Iterable[FormField]) -> int:
    """Return the columns of the labels: as many as they need on a screen narrower than the form."""
    return _LABEL_COLUMNS if _form_columns() == WIDTH else max(column_count(field.label) for field in fields)


def _error_indent() -> int:
    """Return the columns before an error: it stands below its field if there is space."""
    return _LABEL_COLUMNS if _form_columns() == WIDTH else _ERROR_INDENT


def _has_lines(count: int) -> bool:
    return get_app().output.get_size().rows >= count


def _from_lines(count: int, container: AnyContainer) -> Container:
    """Show a part only on a screen with so many lines."""
    return ConditionalContainer(container, Condition(lambda: _has_lines(count)))


def _unless_empty(window: AnyContainer, row: Callable[[], Row]) -> Container:
    """On a screen of few lines, hide a row without text."""
    return ConditionalContainer(window, Condition(lambda: _has_lines(_ALL_ROWS_FROM) or any(row())))


def _break_lines(text: str) -> str:
    """Return the text with line feeds at the width of an error."""
    text = drawable_text(text, lines=True)
    width = max(1, _form_columns() - _error_indent())
    return "\n".join(text[span.start : span.end] for span in wrap_text(text, width))
