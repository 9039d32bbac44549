"""The front ends without a screen: ``--plain`` and ``--json``."""
