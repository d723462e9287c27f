"""Files made, renamed and deleted by busy threads while indexing follows: none is missed, none is left over.

The full load, of 40,000 files, is a benchmark: ``python -m tests.benchmarks load``.
"""

from __future__ import annotations

from tests.benchmarks.load import follow_churn
from tests.library import Library


def test_the_index_becomes_the_disk_under_load(library: Library) -> None:
    figures = follow_churn(library, 2_000)
    assert (figures.missed, figures.left_over, figures.encoded_twice) == (0, 0, 0)
    assert library.store.problems() == []
    assert library.store.jobs.failures() == []
