"""The floor for the start of the client: an empty prompt_toolkit screen."""

from prompt_toolkit.application import Application
from prompt_toolkit.layout import FormattedTextControl, Layout, Window

Application[None](Layout(Window(FormattedTextControl("bare"))), full_screen=True).run()
