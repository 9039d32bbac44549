"""Coverage-guided fuzzing, which takes hours; CI runs Hypothesis instead (``tests/unit/protocol``)."""
