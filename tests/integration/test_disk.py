"""What becomes of files on the disk, from the command line: removals, restores, excludes, odd names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Findling
from tests.core.test_odd_names import NAMES, fill
from tests.library import MANY, make_many


@pytest.fixture
def findling(tmp_path: Path, prepared_model: Path) -> Iterator[Findling]:
    findling = Findling(tmp_path / "home", prepared=prepared_model)
    yield findling
    findling.stop_all()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_many(tmp_path / "Library")


@pytest.mark.slow
def test_many_missing_files_need_a_yes_and_come_back_for_nothing(findling: Findling, library: Path) -> None:
    assert findling.json("index", library)["encoded"] == 2
    (library / "many").rename(library.with_name("away"))
    (library / "boat.txt").rename(library.with_name("boat.txt"))
    out, err = findling.run("index", "--json", code=2)
    missing = MANY + 1
    assert json.loads(out)["withheld"] == [{"path": str(library), "missing": missing, "files": MANY + 2}]
    assert len(err.splitlines()) == 1
    assert str(library) in err
    assert "--yes" in err
    assert findling.json("roots")["roots"][0]["missing"] == missing
    assert findling.json("status")["missing"] == missing
    assert "61 of 62" in findling.run("roots")[0]
    assert findling.found("harbour at dawn") == ["boat.txt"]
    report = findling.json("index", library, "--yes")
    assert (report["files"], report["encoded"]) == (1, 0)
    library.with_name("away").rename(library / "many")
    library.with_name("boat.txt").rename(library / "boat.txt")
    report = findling.json("index")
    assert (report["files"], report["encoded"], report["failed"]) == (MANY + 2, 0, 0)


@pytest.mark.slow
def test_what_is_excluded_leaves_no_trace_that_a_search_finds(findling: Findling, library: Path) -> None:
    findling.run("index", library)
    out, _ = findling.run("exclude", library, "--add", str(library / "private"))
    assert out.startswith("1 file leaves")
    findling.run("search", "zanzibar", "--all", code=1)
    report = findling.json("index")
    assert (report["files"], report["encoded"]) == (MANY + 1, 0)
    shape = findling.json("exclude", library)
    assert shape["patterns"] == ["/private/"]
    assert "node_modules/" in shape["defaults"]
    _, err = findling.run("exclude", library, "--add", "[z-a]", code=2)
    assert len(err.splitlines()) == 1


def test_a_bad_pattern_in_the_settings_is_told_in_one_line(findling: Findling) -> None:
    findling.run("status")
    settings = findling.home / "config" / "findling.toml"
    settings.write_text('[indexing]\nexclude = ["[z-a]"]\n')
    _, err = findling.run("status", code=2)
    assert len(err.splitlines()) == 1
    assert str(settings) in err
    assert "[z-a]" in err


@pytest.mark.slow
def test_a_hit_of_a_drive_that_is_away_says_so(findling: Findling, library: Path) -> None:
    findling.run("index", library)
    library.rename(library.with_name("unplugged"))
    report = findling.json("index")
    assert report["files"] == MANY + 2
    [hit] = findling.json("search", "harbour at dawn", "-n", "1")["hits"]
    assert hit["offline"] is True
    assert "\taway\t" in findling.run("search", "harbour at dawn", "-n", "1")[0]
    assert findling.json("roots")["roots"][0]["offline"] is True
    library.with_name("unplugged").rename(library)
    assert findling.json("index")["encoded"] == 0
    assert "offline" not in findling.json("search", "harbour at dawn", "-n", "1")["hits"][0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not take these names")
def test_odd_names_are_indexed_found_and_given_back_unchanged(findling: Findling, tmp_path: Path) -> None:
    folder = tmp_path / "Odd"
    folder.mkdir()
    fill(folder)
    report = findling.json("index", folder)
    assert (report["files"], report["failed"], report["skipped"]) == (len(NAMES), 0, 0)
    by_words = findling.json("search", "ivory", "--all", "-n", "50")["hits"]
    assert {os.fsencode(hit["path"]).rpartition(b"/")[2] for hit in by_words} == set(NAMES.values())
    hits = findling.json("search", "walrus", "--all", "-n", "50")["hits"]
    found = {os.fsencode(hit["path"]).rpartition(b"/")[2] for hit in hits}
    assert found >= {name for what, name in NAMES.items() if what != "255 bytes"}
    assert all(Path(hit["path"]).read_text().startswith("about") for hit in hits)
    # Either form of an accent finds both.
    for asked in ("caf\u00e9", "cafe\u0301"):
        named = {os.fsencode(hit["path"]).rpartition(b"/")[2] for hit in findling.json("search", asked)["hits"]}
        assert {NAMES["composed"], NAMES["decomposed"]} <= named
    out, _ = findling.run("search", "walrus", "--all", "-n", "50")
    lines = out.splitlines()
    assert len(lines) == len(hits)
    assert not any(character in out for character in "\x1b\u202e")
    for what in ("newline", "not utf-8"):  # given back as an example, it is read again: by its own name
        similar = findling.json("similar", os.fsencode(folder) + b"/" + NAMES[what])["hits"]
        assert {os.fsencode(hit["path"]).rpartition(b"/")[2] for hit in similar} <= set(NAMES.values()) - {NAMES[what]}
        assert similar
