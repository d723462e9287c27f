"""Findling's engine: indexing and retrieval over a person's own folders, without a window."""
