"""Other server processes on the same database: what they changed, read, and applied here."""
