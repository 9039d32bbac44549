"""The language that server and client speak: frames, names, errors. No I/O, no database, no screen.

The contract for strangers, with an example of every frame, is ``docs/protocol.md``.
"""

VERSION = 1
"""The protocol's version, told in ``welcome``."""
