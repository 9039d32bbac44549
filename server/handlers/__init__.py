"""Request handlers, one method for each request. ``server.dispatch`` maps requests to them.

A handler takes the speaker and the request, and returns a ``results.Reply`` or raises a ``ChatError``. It
changes the database in a function of a ``WriteTransaction``, which checks all permissions again under the
lock. The ``then`` of its ``CommitWork`` updates the live state.
"""
