"""Tests that the benchmarks count and report correctly. None depends on speed."""
