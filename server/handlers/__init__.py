"""What the server does for each request: check, ask, answer. The table of them is ``server.dispatch``.

A handler gets the speaker and the request and gives a ``replies.Reply``, or raises a ``ChatError``. What it
changes is a function of a ``WriteTransaction``, where all rules are checked again under the lock; what
follows
from it in memory is the ``then`` of its ``CommitWork``.
"""
