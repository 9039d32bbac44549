"""The commands ``chat-server admin`` and ``chat-server invite``, and the arguments that all commands
share."""
