"""Whole trees that are renamed and moved, while the program is off and while it follows, cost no encode.

The small sizes run always, those of 10,000 files with ``-m slow``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command_line import Findling
from tests.fakes import COLOURS
from tests.library import Library, until

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"
SMALL = 60
SIZES = [SMALL, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
pytestmark = pytest.mark.timeout(600)  # several programs one after another, each of which may wait for a processor


@pytest.fixture
def findling(home: Path, prepared_model: Path) -> Iterator[Findling]:
    findling = Findling(home, patience_s=1200, prepared=prepared_model)
    yield findling
    findling.stop_all()


def fill(folder: Path, count: int) -> None:
    """Texts, a tenth of which are each other's copies, and copies of a few small pictures."""
    for number in range(count):
        place = folder / f"part{number % 40}" / f"deep{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 5 == 0:
            colour = list(COLOURS)[number // 5 % 4]
            Image.new("RGB", (32, 24), COLOURS[colour]).save(place / f"picture{number}.png")
        else:
            (place / f"note{number}.txt").write_text(f"a note about number {number % 900}")


def thumbnails(home: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (home / "cache" / "thumbnails").rglob("*.jpg")}


@pytest.mark.parametrize("count", SIZES)
def test_trees_moved_while_the_program_is_off_keep_everything(findling: Findling, tmp_path: Path, count: int) -> None:
    one, two = tmp_path / "One", tmp_path / "Two"
    fill(one / "old", count)
    two.mkdir()
    if count > SMALL:  # where it takes long anyway, with vectors of the photos as well
        findling.run("models", "import", str(DEMO / "models" / "demo-clip"))
    for root in (one, two):
        findling.run("add", str(root))
    first = findling.json("index")
    assert (first["files"], first["failed"]) == (count, 0)
    assert first["encoded"] > 0
    before, pictures = findling.json("status"), thumbnails(findling.home)
    assert before["vectors"] > 0 and pictures
    for old, new in ((one / "old", one / "new"), (one / "new", two / "moved")):
        old.rename(new)
        report = findling.json("index")
        assert {key: report[key] for key in ("files", "encoded", "failed")} == {
            "files": count, "encoded": 0, "failed": 0,
        }  # fmt: skip
        assert thumbnails(findling.home) == pictures
    after = findling.json("status")
    assert {key: after[key] for key in ("files", "segments", "vectors")} == {
        key: before[key] for key in ("files", "segments", "vectors")
    }
    (hit, *_) = findling.json("search", "note1.txt")["hits"]
    assert hit["path"] == str(two / "moved" / "part1" / "deep1" / "note1.txt")


@contextmanager
def counted_writes(library: Library) -> Iterator[list[int]]:
    """How many transactions are committed in the meantime."""
    database = library.store.database
    write, count = database.write, [0]

    @contextmanager
    def counting() -> Iterator[Any]:
        is_outer = not database.connection.in_transaction
        with write() as db:
            yield db
        count[0] += is_outer

    database.write = counting  # type: ignore[method-assign]
    yield count
    del database.write


@pytest.mark.parametrize("count", [300, *SIZES[1:]])
def test_a_tree_renamed_under_the_watch_is_a_few_updates(library: Library, count: int) -> None:
    fill(library.folder / "old", count)
    library.run()
    vectors = library.store.vectors.count()
    library.forget_counts()
    root = library.store.roots.all()[0].id
    started = threading.Event()
    with library.following(on_progress=lambda progress: started.set() if progress.stage is None else None):
        until(started.is_set, "the scan at the start")
        with counted_writes(library) as writes:
            (library.folder / "old").rename(library.folder / "new")
            moved = os.fsencode(library.folder / "new")
            until(lambda: len(library.store.files.known(root, moved)) == count, "the new paths")
            assert writes[0] <= 3 + count // 250
    library.run()  # they are hashed, because their ctime moved
    assert library.store.files.count() == count
    assert library.costs == (0, 0, 0)
    assert library.store.vectors.count() == vectors
    assert library.store.jobs.left() == {}
