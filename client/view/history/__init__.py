"""The history pane: its content, the visible part, and the rows of a message."""
