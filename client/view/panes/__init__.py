"""The panes around the history."""
