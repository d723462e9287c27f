"""Every file of the corpora through the real sandboxes: read, or told in a line why not, and nothing worse."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.extract.passages import MAX_WORDS, count_words
from core.extract.pool import SandboxPool
from core.extract.sandbox import Sandbox
from core.types import Extraction, Kind
from tests.reliability.corpora import READERS, Collection, read_folder, tables

# Folder, and how many of its files at least are to be read.
CORPORA = [
    ("exif_orientation", 18),
    ("video", 9),
    ("speech", 66),
    ("pillow_images", 470),
    ("pdfjs_pdfs", 380),
    ("tika_docs", 95),
]
MAX_GROWTH_MB = 60.0  # of this process: what was read is held here by nobody
MAX_OF_DEADLINE = 0.5


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    pool = SandboxPool(READERS)
    yield pool
    pool.close()


def expect_whole(path: Path, extraction: Extraction) -> None:
    """What the index and the window rest on."""
    if extraction.kind is Kind.PHOTO:
        assert extraction.thumbnail and extraction.preview and extraction.look_alike, path
        assert extraction.phash is not None, path
    for passage in extraction.passages:
        assert count_words(passage.text) <= MAX_WORDS, path


def expect_understandable(found: Collection) -> None:
    for reason in {one.reason for one in found.outcomes if one.reason is not None}:
        assert re.fullmatch(r"[^\n/\\]{8,100}", reason), reason
        assert not re.search(r"Error|Traceback|\.py|0x", reason), reason


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "at_least"), CORPORA, ids=[folder for folder, _ in CORPORA])
def test_every_file_is_read_or_told_why(corpora: Path, pool: SandboxPool, folder: str, at_least: int) -> None:
    found = read_folder(corpora / folder, pool, expect_whole)
    print("\n" + tables([found]))
    assert len(found.read) >= at_least
    assert len(found.outcomes) == sum(path.is_file() for path in (corpora / folder).rglob("*"))
    expect_understandable(found)
    assert found.losses == 0, "no file of these crashes a reader or keeps it past its deadline"
    assert max(one.of_deadline for one in found.outcomes) < MAX_OF_DEADLINE
    assert found.rss_mb[1] - found.rss_mb[0] < MAX_GROWTH_MB


def test_all_eight_orientations_show_the_same_picture(corpora: Path, sandbox: Sandbox) -> None:
    for motif in ("Landscape", "Portrait"):
        paths = [corpora / "exif_orientation" / f"{motif}_{orientation}.jpg" for orientation in range(9)]
        extractions = [sandbox.extract(os.fsencode(path)) for path in paths]
        sizes = {(extraction.metadata.width, extraction.metadata.height) for extraction in extractions}
        assert len(sizes) == 1
        hashes = [extraction.phash or 0 for extraction in extractions]
        assert max((hashes[0] ^ other).bit_count() for other in hashes) <= 8
