"""Names that are hard on programs: indexed, found, shown on one line, and given back to the byte."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli import wording
from core.engine import Engine
from core.types import Query
from tests.core.library import open_engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take these names")

NAMES = {
    "newline": b"two\nlines walrus.txt",
    "escape": b"red\x1b[31m walrus.txt",
    "255 bytes": os.fsencode("walrus" + "w" * 245 + ".txt"),
    "override": os.fsencode("walrus\u202etxt.exe.txt"),
    "hebrew": os.fsencode("\u05d7\u05d5\u05d6\u05d4 walrus.txt"),
    "composed": os.fsencode(unicodedata.normalize("NFC", "caf\u00e9 walrus.txt")),
    "decomposed": os.fsencode(unicodedata.normalize("NFD", "caf\u00e9 walrus.txt")),
    "not utf-8": b"caf\xe9 walrus.txt",
    "markup": b"<img src=x> walrus.txt",
    "dash": b"--help walrus.txt",
    "trailing space": b"walrus.txt ",
}


def fill(folder: Path) -> None:
    """A file of each name, that says which it is."""
    for name in NAMES.values():
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(f"about {name!r} ivory")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    base = tmp_path_factory.mktemp("odd")
    # The folder's own name is as hard.
    folder = Path(os.fsdecode(os.fsencode(base) + b"/odd\n\xff folder"))
    folder.mkdir()
    fill(folder)
    engine = open_engine(base / "home")
    engine.add_root(folder)
    report = engine.index()
    assert (report.indexed, report.failed, report.skipped) == (len(NAMES), 0, 0)
    yield engine
    engine.close()


def named(engine: Engine, text: str) -> set[bytes]:
    hits = engine.search(Query(text=text, limit=50, include_gated=True)).hits
    return {hit.path.rpartition(b"/")[2] for hit in hits}


def test_each_is_found_by_its_name_and_by_its_words(engine: Engine) -> None:
    assert named(engine, "ivory") == set(NAMES.values())
    assert named(engine, "walrus") >= set(NAMES.values()) - {NAMES["255 bytes"]}
    assert named(engine, "w" * 245) <= set(NAMES.values())


def test_either_form_of_an_accent_finds_both(engine: Engine) -> None:
    for asked in ("caf\u00e9", "cafe\u0301"):
        assert {NAMES["composed"], NAMES["decomposed"]} <= named(engine, asked)


def test_each_is_given_back_to_the_byte_and_shown_on_one_line(engine: Engine) -> None:
    for hit in engine.search(Query(text="ivory", limit=50, include_gated=True)).hits:
        assert Path(os.fsdecode(hit.path)).read_text().startswith("about")
        for shown in (hit.name, hit.display_path, wording.hit_line(hit)):
            assert len(shown.splitlines()) == 1
            assert not set(shown) & {"\x1b", "\u202e"}
    [status] = engine.roots()
    assert len(wording.root_lines(status)) == 1
    assert len(wording.root_lines(status)[0].splitlines()) == 1


def test_an_unchanged_folder_of_them_costs_nothing(engine: Engine) -> None:
    report = engine.index()
    assert (report.unchanged, report.indexed, report.encoded) == (len(NAMES), 0, 0)


def test_each_can_be_an_example_and_each_can_be_excluded(engine: Engine) -> None:
    [status] = engine.roots()
    folder = Path(os.fsdecode(status.root.path))
    for name in NAMES.values():
        path = Path(os.fsdecode(status.root.path + b"/" + name))
        assert engine.search(Query(like=(path,))).hits
        twins = 2 if name in (NAMES["composed"], NAMES["decomposed"]) else 1  # to a pattern they are one name
        assert engine.excludes().count(folder, [os.fspath(path)]) == twins, name
