"""The connection to the server: addresses, TLS and trust, frames, reconnecting."""
