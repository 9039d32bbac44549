"""The language that server and client speak: frames, names, errors. No I/O, no database, no screen.

The contract for strangers, with an example of every frame, is ``docs/protocol.md``.
"""

VERSION = 1
"""The protocol's version, told in ``welcome``."""

RELEASE = "0.1.0"
"""The project's version. It stands here because the client asks for it at every start, and looking through
what is installed would take as long as a picture."""
