"""Files that claim or unpack to far more than a computer has: the real sandbox reads or refuses them, and in time."""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import SkippedError, UnreadableError
from core.extract.sandbox import Sandbox
from core.extract.text_codec import CUT_NOTE
from core.extract.zip_directory import MAX_DIRECTORY_BYTES, directory_is_too_large
from core.types import Extraction
from tests.core.bombs import Maker, documents, pdfs, pictures, recordings

SPOOLED_BYTES = 500_000_000  # two hours of sound
PARENT_GROWTH_BYTES = 100_000_000


@pytest.fixture(scope="module")
def strict() -> Iterator[Sandbox]:
    """A sandbox that may not lose a child; this process must not grow beside it."""
    sandbox = Sandbox()
    process = psutil.Process()
    sandbox.guards()
    before = process.memory_info().rss
    yield sandbox
    sandbox.close()
    assert sandbox.losses == 0
    assert process.memory_info().rss - before < PARENT_GROWTH_BYTES


def read(sandbox: Sandbox, path: Path) -> Extraction | str:
    """What was read, or why not."""
    try:
        return sandbox.extract(os.fsencode(path))
    except SkippedError as error:
        pytest.fail(f"{path.name} was not even tried: {error.message}")
    except UnreadableError as error:
        assert not {"crashed", "too long", "system"} & set(error.message.split()), error.message
        return error.message


def text_of(found: Extraction | str) -> str:
    assert isinstance(found, Extraction), found
    return "\n".join(passage.text for passage in found.passages)


@pytest.mark.parametrize("make", pictures.PICTURES, ids=lambda make: make.__name__)
def test_a_picture_of_too_many_pixels_is_not_decoded(strict: Sandbox, tmp_path: Path, make: Maker) -> None:
    found = read(strict, make(tmp_path))
    assert isinstance(found, str)
    assert re.match("too large: more than 256 million pixels|damaged", found)


@pytest.mark.parametrize("make", pictures.MANY_PICTURES, ids=lambda make: make.__name__)
def test_of_pictures_without_end_the_first_is_shown(strict: Sandbox, tmp_path: Path, make: Maker) -> None:
    found = read(strict, make(tmp_path))
    assert isinstance(found, Extraction)
    assert found.thumbnail is not None


@pytest.mark.slow
def test_a_picture_of_a_hundred_million_deep_pixels_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(pictures.png_bytes(10_000, 10_000, depth=16, rows=10_000))
    found = read(sandbox, path)
    assert isinstance(found, Extraction)
    assert (found.metadata.width, found.metadata.height) == (10_000, 10_000)


@pytest.mark.parametrize("make", pdfs.PDFS, ids=lambda make: make.__name__)
def test_a_pdf_without_measure_is_read_as_far_as_it_goes(strict: Sandbox, tmp_path: Path, make: Maker) -> None:
    found = read(strict, make(tmp_path))
    if make.__name__ == "pdf_deep_tree":
        assert found == "damaged: none of its pages can be read"
        return
    assert isinstance(found, Extraction)
    assert "red boat" in text_of(found) or make.__name__ == "pdf_deflated"
    assert (found.metadata.pages or 0) <= 3


def test_a_pdf_of_many_pages_is_read_up_to_a_number_that_it_says(strict: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "pages.pdf"
    path.write_bytes(pdfs.pdf_of_pages(5100))
    found = read(strict, path)
    assert isinstance(found, Extraction)
    assert found.note == "only its first 5000 of 5100 pages are read"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (documents.docx_bomb, "unpacks to too much to be read"),
        (documents.docx_that_lies, "damaged: a part of it cannot be unpacked"),
        (documents.docx_of_many_parts, "holds too many parts to be read"),
        (documents.docx_that_overlaps, "damaged: its main part is missing"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_an_archive_unpacks_to_no_more_than_is_read(
    strict: Sandbox, tmp_path: Path, make: Maker, expected: str
) -> None:
    assert read(strict, make(tmp_path)) == expected


def test_a_directory_of_millions_of_parts_is_not_even_listed(strict: Sandbox, tmp_path: Path) -> None:
    path = documents.zip_of_countless_parts(tmp_path)
    assert read(strict, path) == "holds too many parts to be read"
    with pytest.raises(SkippedError, match="archives are not read yet"):
        strict.extract(os.fsencode(path.rename(tmp_path / "countless.zip")))


@pytest.mark.parametrize("size", [0, 1, 21, 22, 60, 98])
def test_half_a_directory_is_no_directory(tmp_path: Path, size: int) -> None:
    whole = documents.archive(tmp_path / "a.zip", {"a": b""}).read_bytes()
    assert not directory_is_too_large(io.BytesIO(whole[:size]))
    assert not directory_is_too_large(io.BytesIO(whole))


def test_the_large_form_of_a_directory_is_judged_too() -> None:
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 9, 9, MAX_DIRECTORY_BYTES + 1, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, MAX_DIRECTORY_BYTES + 1, 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert directory_is_too_large(io.BytesIO(bytes(MAX_DIRECTORY_BYTES + 1) + end + locator + last))
    assert not directory_is_too_large(io.BytesIO(end + locator + last)), "what is not there takes no time"


def test_archives_in_archives_are_not_opened(strict: Sandbox, tmp_path: Path) -> None:
    assert text_of(read(strict, documents.docx_in_docx(tmp_path))) == "red boat"


@pytest.mark.slow
def test_chapters_that_unpack_to_a_gigabyte_are_read_as_far_as_the_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    found = read(sandbox, documents.epub_of_chapters(tmp_path))
    assert isinstance(found, str) or "red boat" in text_of(found)


def test_entities_do_not_grow(strict: Sandbox, tmp_path: Path) -> None:
    for path in documents.xml_forms(tmp_path, *documents.LAUGHING):
        found = read(strict, path)
        assert isinstance(found, str) or len(text_of(found)) < 200, path.name


def test_references_lead_nowhere(strict: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("what nobody said")
    for path in documents.xml_forms(tmp_path, *documents.referring(secret)):
        found = read(strict, path)
        assert isinstance(found, str) or "nobody" not in text_of(found), path.name


def test_what_entities_are_tried_on_can_be_read(strict: Sandbox, tmp_path: Path) -> None:
    for path in documents.xml_forms(tmp_path, "", "on the lake"):
        assert "red boat on the lake" in text_of(read(strict, path)), path.name


def test_deep_nesting_neither_crashes_nor_hangs(strict: Sandbox, tmp_path: Path) -> None:
    for path in documents.nested(tmp_path):
        found = read(strict, path)
        assert isinstance(found, Extraction) or found.startswith("damaged: "), path.name


@pytest.mark.parametrize(
    "name", ["log.txt", "notes.md", "page.html", "feed.xml", pytest.param("old.rtf", marks=pytest.mark.slow)]
)
def test_ten_gigabytes_of_text_are_read_up_to_a_limit_that_it_says(strict: Sandbox, tmp_path: Path, name: str) -> None:
    starts = {"page.html": b"<html><body>", "feed.xml": b"<?xml version='1.0'?><r>", "old.rtf": b"{\\rtf1 "}
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(starts.get(name, b"") + b"red boat\n" * 20_000)
        file.truncate(10 * 10**9)
    found = read(strict, path)
    assert "red boat" in text_of(found)
    assert isinstance(found, Extraction)
    assert found.note == CUT_NOTE


@pytest.mark.parametrize("make", recordings.SOUNDS, ids=lambda make: make.__name__)
def test_a_recording_that_lies_gives_no_more_sound_than_it_holds(strict: Sandbox, tmp_path: Path, make: Maker) -> None:
    path, pcm = make(tmp_path), tmp_path / "sound.pcm"
    found = read(strict, path)
    if isinstance(found, str):
        return
    try:
        seconds = strict.decode_audio(os.fsencode(path), pcm)
    except UnreadableError as error:
        assert error.message == "its sound cannot be decoded"
        assert not pcm.exists()
    else:
        assert pcm.stat().st_size == round(seconds * 16_000) * 4 < SPOOLED_BYTES


@pytest.mark.parametrize("make", recordings.FILMS, ids=lambda make: make.__name__)
def test_a_film_that_lies_is_read(strict: Sandbox, tmp_path: Path, make: Maker) -> None:
    assert isinstance(read(strict, make(tmp_path)), Extraction)


def test_what_takes_for_ever_is_given_up(tmp_path: Path) -> None:
    sandbox = Sandbox(deadline_factor=1 / 60)
    try:
        with pytest.raises(UnreadableError, match="took too long"):
            sandbox.extract(os.fsencode(pdfs.pdf_of_forms(tmp_path)))
        assert (sandbox.starts, sandbox.losses) == (1, 1)
    finally:
        sandbox.close()
