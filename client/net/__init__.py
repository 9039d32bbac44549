"""The network: one connection, reconnecting, and the servers that are trusted."""
