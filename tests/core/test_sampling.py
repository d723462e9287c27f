"""The sample of the index that models are tried on."""

from __future__ import annotations

from core.store.files import FoundFile
from core.store.jobs import ModelState
from core.store.sampling import sample_passages, sample_previews
from core.store.store import Store
from core.types import Extraction, FileStamp, Kind, Locator, Metadata, Passage

END = b"\xff\xd9"  # of every JPEG: what ends otherwise was cut


def put(store: Store, number: int, extraction: Extraction) -> str:
    digest, path = number.to_bytes(32, "big"), f"/r/{number}".encode()
    store.files.add(store.roots.add(b"/r"), [FoundFile(path, extraction.kind, FileStamp(1, 1, 1, number))])
    file = store.files.by_path(path)
    assert file is not None
    store.commit_content(file.id, digest, extraction, extractor_version=1, look_alike=None, models=ModelState())
    return digest.hex()


def document(*texts: str) -> Extraction:
    passages = tuple(Passage(text, Locator(page=page)) for page, text in enumerate(texts, 1))
    return Extraction(Kind.DOCUMENT, "text/plain", Metadata(), passages)


def photo(preview: bytes) -> Extraction:
    return Extraction(Kind.PHOTO, "image/jpeg", Metadata(), (), thumbnail=b"small" + END, preview=preview + END)


def test_an_empty_index_gives_nothing(store: Store) -> None:
    assert sample_passages(store, 10) == []
    assert sample_previews(store, 10) == []


def test_all_are_taken_where_there_are_few(store: Store) -> None:
    put(store, 1, document("first", "second"))
    put(store, 2, photo(b"jpeg"))
    assert sorted(sample_passages(store, 10)) == ["first", "second"]
    assert sample_previews(store, 10) == [b"jpeg" + END]


def test_many_are_sampled_from_end_to_end(store: Store) -> None:
    for number in range(40):
        put(store, number, document(*(f"{number} {page}" for page in range(5))))
        put(store, 100 + number, photo(f"jpeg {number}".encode()))
    passages, previews = sample_passages(store, 20), sample_previews(store, 20)
    assert len(set(passages)) == len(passages) == 20
    assert len({text.split()[0] for text in passages}) == 20, "neighbours of one document are alike"
    assert len(set(previews)) == 20


def test_a_preview_that_the_cache_lost_is_left_out(store: Store) -> None:
    put(store, 1, photo(b"kept"))
    store.thumbnails.remove(put(store, 2, photo(b"lost")))
    assert sample_previews(store, 10) == [b"kept" + END]
