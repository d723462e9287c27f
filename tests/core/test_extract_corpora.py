"""Every file of the corpora through the real sandbox: read, or told in a line why not, and nothing worse."""

from __future__ import annotations

import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.errors import SkippedError, UnreadableError
from core.extract.look_alike import hash_distance
from core.extract.passages import MAX_WORDS, count_words
from core.extract.sandbox import Sandbox
from core.types import Extraction, Kind

# Folder, how many of its files at most (None: all), and how many at least are to be read.
CORPORA = [
    ("exif_orientation", None, 18),
    ("flickr8k", 60, 60),
    ("video", None, 9),
    ("speech", None, 66),
    ("pillow_images", None, 470),
    ("pdfjs_pdfs", None, 380),
    ("tika_docs", None, 95),
]


@dataclass
class Tally:
    """What came of a folder's files."""

    read: dict[Path, Extraction] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    slowest_s: float = 0.0
    slowest: str = ""

    def table(self, name: str, starts: int) -> str:
        failed, skipped = (sum(map(len, which.values())) for which in (self.failed, self.skipped))
        kinds = Counter(extraction.kind.value for extraction in self.read.values())
        lines = [
            f"\n{name}: {len(self.read) + failed + skipped} files, {len(self.read)} read "
            f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}), {skipped} skipped, "
            f"{failed} failed, {starts} children, slowest {self.slowest_s:.2f} s ({self.slowest})"
        ]
        for verdict, which in (("failed", self.failed), ("skipped", self.skipped)):
            lines += [f"  {len(files):4} {verdict}: {reason}" for reason, files in sorted(which.items())]
        return "\n".join(lines)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def read_all(sandbox: Sandbox, paths: list[Path], pcm: Path) -> Tally:
    tally = Tally()
    for path in paths:
        started = time.monotonic()
        try:
            extraction = sandbox.extract(os.fsencode(path))
            if extraction.metadata.has_audio:
                assert sandbox.decode_audio(os.fsencode(path), pcm) > 0
            tally.read[path] = extraction
        except SkippedError as error:
            tally.skipped[error.message].append(path.name)
        except UnreadableError as error:
            tally.failed[error.message].append(path.name)
        taken_s = time.monotonic() - started
        if taken_s > tally.slowest_s:
            tally.slowest_s, tally.slowest = taken_s, path.name
    return tally


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "most", "at_least"), CORPORA, ids=[folder for folder, _, _ in CORPORA])
def test_every_file_is_read_or_told_why(
    corpora: Path, sandbox: Sandbox, tmp_path: Path, folder: str, most: int | None, at_least: int
) -> None:
    paths = sorted(path for path in (corpora / folder).rglob("*") if path.is_file())[:most]
    tally = read_all(sandbox, paths, tmp_path / "sound.pcm")
    print(tally.table(folder, sandbox.starts))
    assert len(tally.read) >= at_least
    for reason in (*tally.failed, *tally.skipped):
        assert re.fullmatch(r"[^\n/\\]{8,100}", reason), reason
        assert not re.search(r"Error|Traceback|\.py|0x", reason), reason
        assert "crashed" not in reason
        assert "too long" not in reason
    for extraction in tally.read.values():
        if extraction.kind is Kind.PHOTO:
            assert extraction.thumbnail and extraction.preview and extraction.look_alike
            assert extraction.phash is not None
        for passage in extraction.passages:
            assert count_words(passage.text) <= MAX_WORDS


def test_all_eight_orientations_show_the_same_picture(corpora: Path, sandbox: Sandbox) -> None:
    for motif in ("Landscape", "Portrait"):
        paths = [corpora / "exif_orientation" / f"{motif}_{orientation}.jpg" for orientation in range(9)]
        extractions = [sandbox.extract(os.fsencode(path)) for path in paths]
        sizes = {(extraction.metadata.width, extraction.metadata.height) for extraction in extractions}
        assert len(sizes) == 1
        hashes = [extraction.phash or 0 for extraction in extractions]
        assert max(hash_distance(hashes[0], other) for other in hashes) <= 8
