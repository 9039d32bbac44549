"""Live state: connected sessions, presence, and everything that is sent to them unasked."""
