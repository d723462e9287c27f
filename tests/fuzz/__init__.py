"""Fuzzing of what reads bytes that nobody here wrote: ``python -m tests.fuzz``."""
