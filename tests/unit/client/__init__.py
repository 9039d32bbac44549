"""Tests of the client: its model, its network against a scripted server, its texts."""
