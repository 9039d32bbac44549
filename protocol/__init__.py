"""The wire protocol: frames, names, errors. No I/O, no database, no screen.

``docs/protocol.md`` describes it for authors of other clients, with an example of every frame.
"""

VERSION = 1
"""The protocol's version, sent in ``welcome``."""

RELEASE = "0.1.0"
"""The project's version. It is a constant because the client needs it at every start, and reading the
metadata of installed packages is slow."""
