"""The history pane: its content, the part in sight, and the rows of a message."""
