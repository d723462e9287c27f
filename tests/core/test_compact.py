"""Room is given back once most of an index is gone for good, while others read and write."""

from __future__ import annotations

import time
from pathlib import Path

import apsw
import numpy as np
import pytest

from core.cancel import CancelToken
from core.errors import Cancelled
from core.store import compact as compaction
from core.store.compact import compact, compact_if_worthwhile, usage
from core.store.files import FoundFile
from core.store.forget import forget
from core.store.jobs import ModelState
from core.store.store import Store
from core.store.tombstones import KEEP_NS
from core.store.vectors import NewVector
from core.types import EmbeddingSpace, Extraction, FileStamp, Kind, Locator, Passage, SegmentKind, Stage

SPACE = EmbeddingSpace("model", "w1", 64, "1")
NO_MODELS = ModelState()


def fill(store: Store, count: int) -> None:
    """Small documents in two folders, one in ten of them in the one that stays, each with text and a vector."""
    root = store.roots.add(b"/r")
    space_id = store.vectors.space_id(SPACE)
    chance = np.random.default_rng(7)
    with store.database.write():
        for number in range(count):
            path = b"/r/%s/%d.txt" % (b"stays" if number % 10 == 0 else b"goes", number)
            store.files.add(root, [FoundFile(path, Kind.DOCUMENT, FileStamp(1, number, number, number + 1))])
            known = store.files.by_path(path)
            assert known is not None
            words = " ".join(f"word{word}" for word in chance.integers(0, 5000, 60))
            extraction = Extraction(Kind.DOCUMENT, "text/plain", passages=(Passage(words, Locator(page=1)),))
            content_id = store.commit_content(
                known.id, number.to_bytes(32, "big"), extraction, extractor_version=1, look_alike=None, models=NO_MODELS
            )
            (segment,) = store.segments.of_content(content_id, [SegmentKind.PASSAGE])
            vector = NewVector(segment.id, content_id, chance.normal(size=64).astype(np.float32))
            store.commit_vectors(known.id, Stage.TEXT, space_id, [vector])


def delete_most(store: Store) -> None:
    """Nine of ten files are deleted on the disk, and a month passes."""
    root = store.roots.all()[0]
    gone = list(store.files.known(root.id, b"/r/goes").values())
    long_ago_ns = time.time_ns() - KEEP_NS - 1
    store.tombstones.bury(gone, long_ago_ns)
    store.contents.sweep(long_ago_ns)
    assert store.tombstones.sweep() == len(gone)
    store.contents.sweep()


def file_bytes(store: Store) -> int:
    return sum(
        path.stat().st_size for ending in ("", "-wal") if (path := Path(str(store.database.path) + ending)).exists()
    )


def check_most_given_back(store: Store, before: int, left: int) -> None:
    assert file_bytes(store) < before * 0.12 + 250_000  # an empty index has a page for each of fifty tables and indexes
    assert store.counts().files == left
    assert store.vectors.count() == left
    assert store.problems() == []
    assert not (store.folders.data / "index.db.compacting").exists()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["expired", "forgotten"])
def test_twenty_thousand_items_shrink_with_what_is_left(store: Store, way: str) -> None:
    shrink(store, 20_000, way)


@pytest.mark.parametrize("way", ["expired", "forgotten"])
def test_the_index_shrinks_with_what_is_left(store: Store, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FREE_LEAST_BYTES", 100_000)  # a tenth of the full size of the test above
    shrink(store, 1_000, way)


def shrink(store: Store, count: int, way: str) -> None:
    fill(store, count)
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = file_bytes(store)
    if way == "expired":
        delete_most(store)
        assert usage(store.database).worth_compacting
        assert compact_if_worthwhile(store.database) > 0
    else:
        forget(store, b"/r/goes")
    check_most_given_back(store, before, count // 10)
    assert compact_if_worthwhile(store.database) == 0


def test_little_is_not_worth_it(store: Store) -> None:
    fill(store, 30)
    delete_most(store)
    assert usage(store.database).free_bytes > 0
    assert not usage(store.database).worth_compacting
    assert compact_if_worthwhile(store.database) == 0


def test_a_reader_goes_on_and_a_writer_puts_it_off(store: Store) -> None:
    fill(store, 300)
    delete_most(store)
    other = apsw.Connection(str(store.database.path))
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM files").get == 30
    assert compact(store.database) is not None
    assert other.execute("SELECT count(*) FROM files").get == 30
    other.execute("COMMIT")
    assert other.execute("SELECT count(*) FROM files").get == 30
    other.close()
    assert store.problems() == []


def test_a_write_in_between_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 300)
    delete_most(store)
    copying = compaction._copy_without_free_pages

    def copy_and_write(source: apsw.Connection, copy: str, cancel: CancelToken) -> None:
        copying(source, copy, cancel)
        other = apsw.Connection(str(store.database.path))
        other.execute("INSERT INTO meta VALUES ('written', 'meanwhile')")
        other.close()

    monkeypatch.setattr(compaction, "_copy_without_free_pages", copy_and_write)
    assert compact(store.database) is None
    assert store.notes.get("written") == "meanwhile"
    assert not (store.folders.data / "index.db.compacting").exists()


def test_it_can_be_cancelled(store: Store) -> None:
    fill(store, 300)
    delete_most(store)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        compact(store.database, cancel)
    assert store.counts().files == 30
    assert store.problems() == []
    assert not (store.folders.data / "index.db.compacting").exists()
