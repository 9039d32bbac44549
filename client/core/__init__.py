"""The session and its conversations: requests, history, the outbox and its sender."""
