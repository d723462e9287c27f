"""Forgetting: nothing of a file's path, text or vectors is left in any byte under the home."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import apsw
import numpy as np
import pytest

from core import log
from core.index.requests import apply_requests
from core.store.forget import finish_forgetting, forget, remembered
from core.store.roots import Verb
from core.store.store import Store
from tests.library import Library

SECRETS = ("xylophonist", "quagmires", "jabberwock")  # one a text, in no other


def bytes_under(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def traces(home: Path, needles: list[bytes]) -> list[tuple[str, bytes]]:
    return [
        (str(path), needle[:40])
        for path, data in bytes_under(home).items()
        for needle in needles
        if needle in data or needle in data.replace(b"\0", b"")
    ]


def needles_of(store: Store, below: bytes) -> list[bytes]:
    """Hashes, vectors and their halves as the snapshots hold them, of what lies below a folder."""
    found: list[bytes] = []
    for digest, vector in store.database.connection.execute(
        """
        SELECT c.hash, v.vector FROM files f JOIN contents c ON c.id = f.content_id
        JOIN vectors v ON v.content_id = c.id WHERE f.path > ? AND f.path < ?
        """,
        (below + b"/", below + b"0"),
    ):
        unit = np.frombuffer(vector, dtype="<f4")
        found += [bytes(digest), digest.hex().encode(), bytes(vector)[:2000]]
        half = unit.astype(np.float16).tobytes()
        found.append(half)
    return [
        needle
        for needle in found
        if (len(needle) >= 32 and needle.count(0) < len(needle) // 2) or len(needle) in (32, 64)
    ]


@pytest.fixture
def filled(library: Library) -> Library:
    library.text("private/diary.txt", f"dear diary, the {SECRETS[0]} came by")
    library.text("private/deep/er/notes.md", f"a {SECRETS[1]} near the lake")
    library.photo("private/violetsecret.jpg", "green")
    library.recording("private/voice.wav", 440)
    library.text("public/letter.txt", "the red boat sails at dawn")
    library.photo("public/red.jpg", "red")
    library.photo("public/grass.jpg", "green")  # the same content as the private one
    library.run()
    return library


def private_needles(library: Library) -> list[bytes]:
    return [
        *(secret.encode() for secret in SECRETS),
        *(b"private/", b"diary", b"violetsecret", b"notes.md", b"deep/er"),
        *needles_of(library.store, os.fsencode(library.folder / "private")),
    ]


def change_and_delete(library: Library) -> None:
    """What was there before also counts: an earlier text of a file, and a file that is deleted by now."""
    diary = library.text("private/diary.txt", f"the {SECRETS[2]} of an earlier day, told at length " * 3)
    gone = library.text("private/gone.txt", "and a wigwamorama which is no more")
    library.run()
    diary.write_text(f"dear diary, the {SECRETS[0]} came again")
    gone.unlink()
    library.run()


def test_no_byte_of_a_forgotten_folder_is_left(filled: Library) -> None:
    home = filled.folders.data.parent
    change_and_delete(filled)
    filled.folders.vectors.mkdir(exist_ok=True)
    (filled.folders.vectors / "key-1.vectors").write_bytes(needles_of(filled.store, os.fsencode(filled.folder))[3])
    handler = log.log_to_file(filled.folders, "findling")
    logging.getLogger("core.index").warning("looked at %s", filled.folder / "private" / "diary.txt")
    logging.getLogger("core.index").warning("looked at %s", filled.folder / "public" / "letter.txt")
    log.stop_logging_to(handler)
    folder = os.fsencode(filled.folder / "private")
    needles = [needle for needle in private_needles(filled) if needle not in kept_needles(filled)]
    found_before = {needle for _, needle in traces(home, needles)}
    assert {secret.encode() for secret in SECRETS} <= found_before  # what is looked for can be found
    about = remembered(filled.store, folder)
    assert (about.files, about.deleted, about.excluded_from) == (4, 1, (os.fsencode(filled.folder),))
    filled.store.roots.request(Verb.FORGET, folder)
    apply_requests(filled.store)
    root = filled.store.roots.all()[0]
    assert root.excludes == ("/private/",)  # the one thing that still names it
    left = [
        (path, needle)
        for path, needle in traces(home, [*needles, b"wigwamorama", b"gone.txt"])
        if needle != b"private/"
    ]
    assert left == []
    assert list(filled.folders.vectors.iterdir()) == []
    assert b"letter.txt" in (filled.folders.logs / "findling.log").read_bytes()
    assert filled.store.problems() == []


def kept_needles(library: Library) -> list[bytes]:
    """What the rest of the library has too."""
    return needles_of(library.store, os.fsencode(library.folder / "public"))


def test_the_rest_is_found_as_before_and_the_forgotten_stays_away(filled: Library) -> None:
    apply_to = os.fsencode(filled.folder / "private")
    filled.store.roots.request(Verb.FORGET, apply_to)
    apply_requests(filled.store)
    filled.forget_counts()
    report = filled.run()
    assert (report.files, filled.costs) == (3, (0, 0, 0))
    assert filled.worded("boat") == ["letter.txt"]
    assert filled.worded(SECRETS[0]) == []
    assert filled.named("diary") == 0
    grass = filled.store.files.by_path(os.fsencode(filled.folder / "public" / "grass.jpg"))
    assert grass is not None
    row = filled.store.files.rows([grass.id])[grass.id]
    assert row.content_hash is not None
    assert filled.store.thumbnails.find(row.content_hash, 256) is not None  # its twin's going costs it nothing


def test_a_root_is_unwatched(filled: Library) -> None:
    home = filled.folders.data.parent
    root = os.fsencode(filled.folder)
    needles = [os.fsencode(filled.folder), b"the red boat", *private_needles(filled), *kept_needles(filled)]
    assert traces(home, needles)
    filled.store.roots.request(Verb.FORGET, root)
    apply_requests(filled.store)
    assert filled.store.roots.all() == []
    assert filled.store.counts().files == 0
    assert traces(home, needles) == []


def test_one_file_alone(filled: Library) -> None:
    home = filled.folders.data.parent
    filled.store.roots.request(Verb.FORGET, os.fsencode(filled.folder / "private" / "diary.txt"))
    apply_requests(filled.store)
    assert traces(home, [SECRETS[0].encode()]) == []
    assert filled.run().files == 6
    assert filled.worded(SECRETS[1]) == ["notes.md"]


def test_what_is_not_watched_any_more_is_forgotten_too(filled: Library) -> None:
    home = filled.folders.data.parent
    needles = private_needles(filled)
    root = filled.store.roots.all()[0]
    filled.store.roots.remove(root.id)
    assert traces(home, needles)
    filled.store.roots.request(Verb.FORGET, os.fsencode(filled.folder / "private"))
    apply_requests(filled.store)
    assert traces(home, needles) == []


def test_a_reader_that_holds_the_log_only_puts_it_off(filled: Library) -> None:
    home = filled.folders.data.parent
    reader = apsw.Connection(str(filled.folders.index))
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM files").get == 7
    filled.store.database.connection.set_busy_timeout(100)
    folder = os.fsencode(filled.folder / "private")
    filled.store.roots.request(Verb.FORGET, folder)
    apply_requests(filled.store)
    assert filled.worded(SECRETS[0]) == []  # gone to everybody who asks
    assert reader.execute("SELECT count(*) FROM files").get == 7
    assert traces(home, [SECRETS[0].encode()])
    reader.close()
    filled.run()  # what was put off is done when nothing else is left
    assert traces(home, [SECRETS[0].encode()]) == []
    assert finish_forgetting(filled.store)


def test_what_is_read_at_that_moment_leaves_nothing(library: Library) -> None:
    """The file's text comes back from the reader after the file was forgotten."""
    path = library.text("private.txt", f"the {SECRETS[0]} again")
    photo = library.photo("private.jpg", "red")

    def forget_now(opened: bytes) -> None:
        library.reader.before = lambda _path: None
        for one in (path, photo):
            forget(library.store, os.fsencode(one))

    library.reader.before = forget_now
    library.indexer.run()
    assert library.store.counts().files == 0
    assert traces(library.folders.data.parent, [SECRETS[0].encode()]) == []
    assert not list(library.folders.thumbnails.rglob("*.jpg"))


def test_set_aside_indexes_go_too(filled: Library) -> None:
    aside = filled.folders.data / "index.damaged-2020-01-01"
    shutil.copy(filled.folders.index, aside)
    forget(filled.store, os.fsencode(filled.folder / "private"))
    assert not aside.exists()
