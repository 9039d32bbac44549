"""Benchmarks: ``python -m bench``. The results are in docs/benchmarks.md."""
