"""Fuzzing by coverage, for whoever has hours to spare; CI has Hypothesis (``tests/protocol``)."""
