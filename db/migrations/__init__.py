"""The steps from an empty database to ``db.schema``, each frozen in time. ``db.migrate`` runs them.

A new step is a file in ``versions`` with the next number. It says what changes with Alembic's operations,
never with ``db.schema``, which is only what the last step must arrive at (a test compares). MySQL commits
every statement by itself, so a step may find its own first half done: it asks before it creates.
"""
