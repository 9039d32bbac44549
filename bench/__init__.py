"""How fast, and against whom: ``python -m bench``. What is measured, and what was, is in docs/benchmarks.md."""
