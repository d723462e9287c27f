"""The command line from end to end: real processes, real files, the real index and the shipped text encoder."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import tomllib
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.command_line import PATIENCE_S, Findling

DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo"
NOT_UTF_8 = b"caf\xe9 menu.txt"

BOAT = "# Harbour log\n\nWe took the old sailing boat out at sunset and came back after dark.\n"
BREAD = "Mix flour, water and salt. Let the dough rest overnight and bake the bread in a hot oven.\n"
LEASE = "The tenant pays the monthly rent for the flat on the first day of each month.\n"
MENU = "Lunch menu: onion soup, grilled trout with lemon, apple cake.\n"


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.3)


def draw(path: Path, sky: str, shape: str, size: tuple[int, int] = (640, 480)) -> None:
    """A picture with a plain composition, so that its smaller copy is its look-alike and the others are not."""
    picture = Image.new("RGB", (640, 480), sky)
    pen = ImageDraw.Draw(picture)
    if shape == "boat":
        pen.rectangle((0, 300, 640, 480), fill="navy")
        pen.polygon([(120, 300), (520, 300), (440, 380), (200, 380)], fill="brown")
        pen.polygon([(320, 60), (320, 290), (480, 290)], fill="white")
    else:
        for x in range(0, 640, 80):
            pen.rectangle((x, 0, x + 40, 480), fill="black")
    exif = Image.Exif()
    exif[0x0132] = "2022:07:14 18:30:00"
    picture.resize(size).save(path, exif=exif)


def speak(path: Path) -> None:
    """Two seconds of a falling tone; no speech is in it."""
    times = np.arange(32_000) / 16_000
    samples = (np.sin(2 * np.pi * (440 - 60 * times) * times) * 9_000).astype("<i2")
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(samples.tobytes())


def fill(library: Path) -> None:
    (library / "photos").mkdir(parents=True)
    (library / "papers").mkdir()
    (library / "recordings").mkdir()
    draw(library / "photos" / "IMG_0001.jpg", "orange", "boat")
    draw(library / "photos" / "IMG_0002.png", "white", "stripes")
    (library / "papers" / "log.md").write_text(BOAT, "utf-8")
    (library / "papers" / "recipe.txt").write_text(BREAD, "utf-16")
    letter = docx.Document()
    letter.add_heading("Lease")
    letter.add_paragraph(LEASE)
    letter.save(str(library / "papers" / "lease.docx"))
    speak(library / "recordings" / "interview_with_grandmother.wav")


def spoil(library: Path) -> None:
    whole = (library / "photos" / "IMG_0001.jpg").read_bytes()
    (library / "photos" / "cut.jpg").write_bytes(whole[:40])
    (library / "papers" / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    (library / "papers" / "minutes.doc").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2048))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    fill(folder)
    spoil(folder)
    if sys.platform == "linux":
        Path(os.fsdecode(os.fsencode(folder / "papers") + b"/" + NOT_UTF_8)).write_text(MENU, "utf-8")
    return folder


@pytest.fixture(scope="module")
def indexed(
    tmp_path_factory: pytest.TempPathFactory, library: Path, prepared_model: Path
) -> Iterator[tuple[Findling, dict[str, Any]]]:
    """The library in an index, and what the command that made it printed. Read only: tests that change files have
    their own."""
    findling = Findling(tmp_path_factory.mktemp("home"), prepared=prepared_model)
    report = findling.json("index", library, code=5)
    yield findling, report
    findling.stop_all()


@pytest.fixture
def findling(tmp_path: Path, prepared_model: Path) -> Iterator[Findling]:
    findling = Findling(tmp_path / "home", prepared=prepared_model)
    yield findling
    findling.stop_all()


# --- the library as it is


def test_index_reports_every_file(indexed: tuple[Findling, dict[str, Any]], library: Path) -> None:
    _, report = indexed
    assert set(report) == {"files", "indexed", "unchanged", "waiting", "failed", "skipped", "encoded", "seconds"}
    files = sum(path.is_file() for path in library.rglob("*"))
    assert report["files"] == files
    assert (report["unchanged"], report["failed"], report["skipped"]) == (0, 2, 1)
    assert report["indexed"] == files - 3
    assert report["waiting"] == {"photo-model": 2, "speech-model": 1}
    assert report["encoded"] >= 3


def test_a_second_run_reads_and_encodes_nothing(indexed: tuple[Findling, dict[str, Any]]) -> None:
    findling, first = indexed
    second = findling.json("index", code=5)
    assert (second["files"], second["unchanged"]) == (first["files"], first["indexed"])
    assert (second["indexed"], second["encoded"]) == (0, 0)
    assert (second["failed"], second["skipped"]) == (2, 1)


def test_words_find_a_document_by_its_meaning(indexed: tuple[Findling, dict[str, Any]], library: Path) -> None:
    findling, _ = indexed
    shape = findling.json("search", "paying rent to the landlord")
    assert {"query", "took_ms", "hits"} <= set(shape)
    assert shape["query"] == "paying rent to the landlord"
    best = shape["hits"][0]
    assert {"path", "kind", "score", "locator", "snippet", "why", "more"} <= set(best)
    assert Path(best["path"]) == library / "papers" / "lease.docx"
    assert best["kind"] == "document"
    assert 0.0 <= best["score"] <= 1.0
    assert "rent" in best["snippet"]
    assert {"channel", "rank", "score"} == set(best["why"][0])
    assert "document-dense" in {why["channel"] for why in best["why"]}


def test_words_find_a_recording_by_its_name_while_it_waits_for_a_model(
    indexed: tuple[Findling, dict[str, Any]],
) -> None:
    findling, _ = indexed
    assert findling.found("grandmother", "--kind", "audio") == ["interview_with_grandmother.wav"]


def test_a_picture_finds_its_look_alike(indexed: tuple[Findling, dict[str, Any]], tmp_path: Path) -> None:
    findling, _ = indexed
    example = tmp_path / "small.png"
    draw(example, "orange", "boat", (200, 150))
    shape = findling.json("similar", example)
    assert Path(shape["hits"][0]["path"]).name == "IMG_0001.jpg"
    assert "look-alike" in {why["channel"] for why in shape["hits"][0]["why"]}
    assert shape["like"] == [str(example)]


def test_a_document_finds_one_about_the_same(indexed: tuple[Findling, dict[str, Any]], tmp_path: Path) -> None:
    findling, _ = indexed
    example = tmp_path / "invitation.txt"
    example.write_text("Come sailing with us on Sunday evening, we will watch the sun go down from the boat.", "utf-8")
    assert findling.found("--like", example, "--kind", "document")[0] == "log.md"


def test_filters_by_folder_kind_and_date(indexed: tuple[Findling, dict[str, Any]], library: Path) -> None:
    findling, _ = indexed
    assert findling.found("baking bread", "--in", library / "papers") == ["recipe.txt"]
    assert findling.found("IMG", "--kind", "photo", "--in", library / "papers", code=1) == []
    on_the_day = ("--kind", "photo", "--after", "2022-07-14", "--before", "2022-07-15")
    assert set(findling.found("IMG", *on_the_day)) == {"IMG_0001.jpg", "IMG_0002.png"}
    assert findling.found("IMG", "--kind", "photo", "--before", "2022-07-14", code=1) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a name be anything but UTF-8")
def test_a_name_that_is_not_utf_8_goes_through_unchanged(
    indexed: tuple[Findling, dict[str, Any]], library: Path, tmp_path: Path
) -> None:
    findling, _ = indexed
    best = findling.json("search", "grilled trout for lunch")["hits"][0]
    assert os.fsencode(best["path"]) == os.fsencode(library / "papers") + b"/" + NOT_UTF_8
    copy = os.fsencode(tmp_path) + b"/copy of " + NOT_UTF_8
    Path(os.fsdecode(copy)).write_text(MENU, "utf-8")
    out, _ = findling.run("search", "--like", copy, "-n", "1")
    assert out.split("\t")[0].endswith("/caf\ufffd menu.txt")


def test_a_quick_answer_leaves_without_a_word(indexed: tuple[Findling, dict[str, Any]]) -> None:
    """A tower that was still being loaded ended the query child by an abort, and a line about that."""
    findling, _ = indexed
    for _ in range(4):
        _, err = findling.run("search", "IMG", "--kind", "photo")
        assert all(line.startswith("findling: ") for line in err.splitlines())


def test_what_matches_nothing_says_so(indexed: tuple[Findling, dict[str, Any]]) -> None:
    findling, _ = indexed
    out, err = findling.run("search", "zzyzx quarterly submarine turbine invoices", code=1)
    assert out == ""
    assert "findling: Nothing here matches" in err


def test_what_cannot_be_read_is_listed_with_its_reason(indexed: tuple[Findling, dict[str, Any]]) -> None:
    findling, _ = indexed
    entries = {Path(entry["path"]).name: entry for entry in findling.json("failures")["failures"]}
    assert set(entries) == {"cut.jpg", "broken.pdf", "minutes.doc"}
    for name in ("cut.jpg", "broken.pdf"):
        assert set(entries[name]) == {"path", "kind", "reason", "attempts"}
        assert entries[name]["reason"]
        assert entries[name]["attempts"] >= 1
    assert entries["minutes.doc"]["skipped"] is True
    assert findling.found("minutes")[0] == "minutes.doc"
    one = findling.json("failures", entries["cut.jpg"]["path"])["failures"]
    assert [Path(entry["path"]).name for entry in one] == ["cut.jpg"]
    _, err = findling.run("failures", "no-such-file.jpg", "--retry", code=2)
    assert "not among the files that could not be read" in err


def test_status_roots_and_doctor(indexed: tuple[Findling, dict[str, Any]], library: Path) -> None:
    findling, report = indexed
    status = findling.json("status")
    assert (status["roots"], status["files"], status["pending"]) == (1, report["files"], 0)
    assert status["by_kind"]["photo"] >= 2
    assert status["waiting"] == report["waiting"]
    assert status["indexing"] is None
    (root,) = findling.json("roots")["roots"]
    assert set(root) == {"path", "offline", "files", "pending", "waiting", "failed", "watch_note", "missing"}
    assert (root["path"], root["files"], root["failed"]) == (str(library), report["files"], 2)
    out, _ = findling.run("doctor")
    assert "WRONG" not in out
    doctor = findling.json("doctor")
    assert doctor["ok"] is True
    assert all(set(check) == {"name", "ok", "detail"} and check["ok"] for check in doctor["checks"])
    assert {"index", "vectors", "models"} <= {check["name"] for check in doctor["checks"]}


@pytest.mark.network_tried
def test_models_are_listed_and_fetched_only_on_a_yes(indexed: tuple[Findling, dict[str, Any]]) -> None:
    findling, _ = indexed
    models = {model["name"]: model for model in findling.json("models", "list")["models"]}
    assert models["all-MiniLM-L6-v2"]["active"] is True
    photo = next(model for model in models.values() if model["role"] == "photo")
    assert photo["installed"] is False
    _, err = findling.run("models", "fetch", photo["name"], code=2)
    assert "--yes" in err
    _, err = findling.run("models", "fetch", photo["name"], "--yes", code=4)
    assert len(err.splitlines()) == 1
    findling.run("models", "verify")


# --- a library that changes


def test_photos_wait_for_a_model_and_are_finished_once_it_is_imported(findling: Findling, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for name in ("2023/Snow holiday/DSC02737.jpg", "2025/Sky day/IMG_0796.jpg", "2021/Autumn forest/IMG_0448.webp"):
        shutil.copy(DEMO / "library" / "Pictures" / name, library)
    first = findling.json("index", library)
    assert (first["waiting"], first["encoded"]) == ({"photo-model": 3}, 0)

    findling.run("models", "import", DEMO / "models" / "demo-clip")
    listed = {model["name"]: model for model in findling.json("models", "list")["models"]}
    assert listed["demo-clip"]["backend"] in ("openvino fp32", "torch fp32"), "three photos judge no other"
    second = findling.json("index")

    assert (second["waiting"], second["encoded"]) == ({}, 3)
    assert findling.found("a green lamp in the snow")[0] == "DSC02737.jpg"
    assert findling.found("森林里的红色兔子")[0] == "IMG_0448.webp"
    assert findling.json("index")["encoded"] == 0


def test_changes_on_disk_are_found_by_the_next_run(findling: Findling, tmp_path: Path) -> None:
    library = tmp_path / "library"
    fill(library)
    assert findling.json("index", library)["failed"] == 0
    papers = library / "papers"
    (papers / "recipe.txt").unlink()
    (papers / "log.md").write_text("The bicycle needs a new chain and two brake pads.\n", "utf-8")
    (papers / "telescope.txt").write_text("Saturn's rings were visible through the telescope tonight.\n", "utf-8")
    (library / "kept").mkdir()
    shutil.move(papers / "lease.docx", library / "kept" / "contract.docx")

    report = findling.json("index")

    assert report["files"] == 6
    assert report["encoded"] == 2  # the changed and the new file; the moved one keeps its vectors
    assert findling.found("a new chain for the bicycle")[0] == "log.md"
    assert findling.found("planet Saturn seen through a telescope")[0] == "telescope.txt"
    assert findling.found("rent for the flat")[0] == "contract.docx"
    assert findling.found("bake bread in an oven", "--all", code=1) == []


def test_watch_follows_changes_and_takes_requests_until_it_is_ended(findling: Findling, tmp_path: Path) -> None:
    library, other = tmp_path / "library", tmp_path / "other"
    fill(library)
    other.mkdir()
    (other / "violin.txt").write_text("The violin lesson is on Thursday.\n", "utf-8")
    findling.run("add", library)
    watch = findling.start("watch")
    until(lambda: (holder := findling.json("status")["indexing"]) is not None and "watch" in holder, "the lock")
    until(lambda: findling.json("status")["pending"] == 0, "the first pass")

    _, err = findling.run("index", code=3)
    assert err == (
        f"findling: the index is being written by findling watch (process {watch.pid}), which also takes up folders "
        "that are added meanwhile; to index here, end it first\n"
    )

    findling.run("add", other)
    until(lambda: {Path(root["path"]) for root in findling.json("roots")["roots"]} == {library, other}, "the folder")
    (library / "papers" / "volcano.txt").write_text("The volcano erupted in the night.\n", "utf-8")
    (library / "papers" / "recipe.txt").unlink()
    until(lambda: findling.json("status")["files"] == 7, "the new files")
    until(lambda: findling.json("status")["pending"] == 0, "their texts")
    assert findling.found("eruption of a volcano")[0] == "volcano.txt"
    assert findling.found("violin lesson")[0] == "violin.txt"

    watch.send_signal(signal.SIGTERM)
    _, err = watch.communicate(timeout=PATIENCE_S)
    assert (watch.returncode, err) == (0, "")
    assert findling.json("status")["indexing"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to one process there")
def test_an_interrupted_run_says_what_is_done_and_the_next_goes_on(findling: Findling, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for number in range(150):
        (library / f"{number:03}.txt").write_text(f"Page {number} of the diary. " * 20, "utf-8")
    index = findling.start("index", library)
    until(lambda: findling.json("status")["files"] > 0, "the first files")
    index.send_signal(signal.SIGINT)
    out, err = index.communicate(timeout=PATIENCE_S)
    assert index.returncode == 130, err
    assert out.startswith("Stopped")
    left = findling.json("status")["pending"]
    assert left > 0
    report = findling.json("index")
    assert report["files"] == 150
    assert findling.json("status")["pending"] == 0


def test_removing_a_folder_forgets_its_files_and_leaves_them(findling: Findling, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "note.txt").write_text(BOAT, "utf-8")
    findling.json("index", library)
    findling.run("remove", library)
    assert findling.json("index")["files"] == 0
    assert findling.found("sailing boat", code=1) == []
    assert (library / "note.txt").read_text("utf-8") == BOAT


# --- what is asked wrongly


def test_folders_that_cannot_be_used(findling: Findling, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.touch()
    for arguments in (["add", tmp_path / "absent"], ["add", file], ["remove", tmp_path], ["index", file]):
        _, err = findling.run(*arguments, code=2)
        assert err.startswith("findling: ") and err.count("\n") == 1
        assert str(arguments[1]) in err


def test_a_good_folder_is_taken_beside_a_bad_one(findling: Findling, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    _, err = findling.run("add", tmp_path / "absent", good, code=2)
    assert err.count("\n") == 1
    assert [root["path"] for root in findling.json("roots")["roots"]] == [str(good)]


def test_an_example_that_cannot_be_read_is_named(findling: Findling, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    for example in (tmp_path / "absent.jpg", tmp_path / "cut.jpg"):
        _, err = findling.run("similar", example, code=2)
        assert err.count("\n") == 1
        assert example.name in err


def test_a_damaged_index_is_told_in_one_line(findling: Findling) -> None:
    findling.run("status")
    (index,) = findling.home.rglob("index.db")
    for path in index.parent.glob("index.db*"):
        path.unlink()
    index.write_bytes(b"this is no database " * 500)
    _, err = findling.run("status")
    assert err.startswith("findling: the index was damaged") and err.count("\n") == 1
    (kept,) = index.parent.glob("index.damaged-*")
    assert kept.read_bytes().startswith(b"this is no database")


# --- the demo


def test_the_tour_finds_what_it_asks_for_and_leaves_the_own_index_alone(findling: Findling) -> None:
    out, err = findling.run("demo", "--tour")
    assert err == ""
    answers = [line for line in out.splitlines() if line.startswith("     right, in ")]
    assert len(answers) == len(tomllib.loads((DEMO / "tour.toml").read_text("utf-8"))["query"]) >= 12
    assert "WRONG" not in out
    assert "Every answer is right." in out
    assert findling.json("roots")["roots"] == []
    assert findling.json("status")["files"] == 0
    assert not any(model["demo"] and model["active"] for model in findling.json("models", "list")["models"])
