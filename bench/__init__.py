"""How fast, and against whom: ``python -m bench``. What was measured is in docs/benchmarks.md."""
