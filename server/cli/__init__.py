"""The commands ``chat-server admin`` and ``chat-server invite``, and shared command-line options."""
