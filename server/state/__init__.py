"""Live state: connected sessions, presence, and the events that are sent to them."""
