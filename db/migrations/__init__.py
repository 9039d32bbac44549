"""The migrations from an empty database to ``db.schema``, each unchanged after its release. ``db.migrate``
runs them.

A new migration is a file in ``versions`` with the next number. It uses Alembic's operations and never
``db.schema``, which is only what the last migration must arrive at (a test compares). MySQL commits every
statement by itself, so a migration may find its own first half done: it checks before it creates.
"""
