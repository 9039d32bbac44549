"""Who may do what: permissions, validation, passwords and invite codes."""
