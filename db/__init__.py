"""The database: synchronous SQLAlchemy Core, with one interface for reads and one for writes.

A query function is ``(connection, …) -> value``. It knows neither the protocol nor the rules of the chat.
``reader.DatabaseReader`` runs reads on a few threads; ``writer.DatabaseWriter`` runs all writes on one.
"""
