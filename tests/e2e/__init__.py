"""End-to-end tests: a real server, real terminals and a real database."""
