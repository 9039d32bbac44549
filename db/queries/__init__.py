"""Query functions, one module per subject: ``(connection, …) -> value``. Callers choose the transaction."""
