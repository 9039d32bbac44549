"""Sockets: accepting connections, reading lines, writing, limits and TLS. Nothing here knows chat."""
