"""Tests of the documented behaviour against a running server."""
