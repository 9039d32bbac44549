"""The floor under the start of the client: a prompt_toolkit screen with nothing in it."""

from prompt_toolkit.application import Application
from prompt_toolkit.layout import FormattedTextControl, Layout, Window

Application[None](Layout(Window(FormattedTextControl("bare"))), full_screen=True).run()
