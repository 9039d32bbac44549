"""Tests of the view: rows without a terminal, and the full screen with one."""
