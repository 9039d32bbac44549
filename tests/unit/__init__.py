"""Unit tests, one module per module of the packages."""
