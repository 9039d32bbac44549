"""Settings: the table, where values come from, the log, and the address that clients use."""
