"""Permissions, validation, passwords and invite codes."""
