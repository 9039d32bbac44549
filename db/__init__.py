"""Everything that is kept: synchronous SQLAlchemy Core, and two doors to it for asyncio.

A query function is ``(connection, …) -> value``; it knows neither the protocol nor the rules of the chat.
``store.Store`` runs reads on a few threads, ``writer.DatabaseWriter`` runs all writes on one.
"""
