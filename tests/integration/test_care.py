"""``findling doctor`` and ``findling forget`` as real processes, alone and beside a watch."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import folders_under
from core.store.store import Store
from tests.command_line import Findling

OLD = Path(__file__).resolve().parents[1] / "old_indexes"


@pytest.fixture
def findling(home: Path) -> Iterator[Findling]:
    findling = Findling(home)
    yield findling
    findling.stop_all()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "private").mkdir(parents=True)
    (folder / "letter.txt").write_text("the red boat sails at dawn")
    (folder / "private" / "diary.txt").write_text("dear diary, the xylophonist came by")
    return folder


def files_with(home: Path, needle: bytes) -> list[str]:
    return [str(path) for path in home.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_the_doctor_repairs_and_says_what(findling: Findling, home: Path) -> None:
    folders = folders_under(home)
    folders.create()
    folders.index.write_bytes(gzip.decompress((OLD / "v3.db.gz").read_bytes()))
    store = Store(folders)
    store.database.connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id = 1")
    store.close()
    out, err = findling.run("doctor", code=3)
    assert "WRONG  vectors: the checksum of 1 vector is wrong" in out
    assert "findling doctor --repair" in err
    repaired = findling.json("doctor", "--repair", code=3)  # its folder is not there, which no repair brings back
    assert "removed 1 damaged vector, which the next indexing makes again" in repaired["repaired"]
    assert {check["name"]: check["ok"] for check in repaired["checks"]}["vectors"] is True


def test_a_folder_is_forgotten(findling: Findling, library: Path, home: Path) -> None:
    findling.run("index", library)
    _, err = findling.run("forget", library / "private", code=2)
    assert "1 file in the index" in err
    assert "--yes" in err
    assert files_with(home, b"xylophonist")
    shape = findling.json("forget", library / "private", "--yes")
    assert (shape["files"], shape["done"], shape["excluded_from"]) == (1, True, [str(library)])
    assert files_with(home, b"xylophonist") == []
    assert files_with(home, b"diary") == []
    assert findling.json("index")["files"] == 1
    findling.run("forget", library, "--yes")
    assert files_with(home, bytes(library)) == []
    assert findling.json("roots")["roots"] == []


def test_a_damaged_index_is_told_in_one_line(findling: Findling, home: Path) -> None:
    folders = folders_under(home)
    folders.create()
    damaged = bytes(100) + gzip.decompress((OLD / "v3.db.gz").read_bytes())[100:]
    folders.index.write_bytes(damaged)
    out, err = findling.run("status")
    (line,) = err.splitlines()
    assert "it is kept as index.damaged-" in line
    assert "13 files" in out
    (aside,) = folders.data.glob("index.damaged-*")
    assert aside.read_bytes() == damaged
    assert findling.run("status")[1] == ""
