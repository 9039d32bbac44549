"""Attacks on a server with its default limits, while honest users go on. Each takes a few seconds."""
