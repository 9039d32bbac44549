"""Attacks on a server with its default limits, while honest users send. Each takes a few seconds."""
