"""All changes to the database: one thread, one queue, many changes in one transaction."""
