"""Slash commands: the table, and a function for each."""
