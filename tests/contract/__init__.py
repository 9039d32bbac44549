"""The promises of the documentation, held against a running server."""
