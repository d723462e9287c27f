"""Benchmarks: ``python -m tests.benchmarks`` measures the plain way and ours, interleaved in one run."""
