"""Sockets: accepting connections, reading lines, writing, limits and TLS. No chat logic."""
