"""Alembic's environment for the migrations. ``db.migrate`` passes the locked connection."""

from alembic import context

from chatroom.db import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)
with context.begin_transaction():
    context.run_migrations()
