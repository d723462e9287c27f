"""Write an index with the code of another version: what ``v1.db.gz`` and its like in this folder were made by.

Run it inside a checkout of that version, so that ``core`` and ``tests`` are those of then:

    git worktree add /tmp/then COMMIT; cd /tmp/then; python CHECKOUT/tests/old_indexes/make.py FOLDER

It writes ``vN.db.gz``, the index, and ``vN.json``, what that version said of it. The commits were 115dc5b for
version 1, 54edb60 for version 2 (with ``--no-search``: no commit of its time could search so small an index),
ca61152 for version 3, 7c45e7c for version 4 and 0e1aaa1 for version 5.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from PIL import Image

from core.config import Settings, folders_under
from core.engine import Engine
from core.extract.sandbox import Sandbox
from core.types import Query
from tests.core.library import SENTENCES, draw, speak, write
from tests.fakes import FakeEncoders, FakeSpeech

BASE = Path("/tmp/findling-old-index")  # its folder is in the index, and nowhere else
QUERIES = ("harbour boat", "island", "red", "shopping", "straße")


def fill(folder: Path) -> None:
    """Every kind of file, odd names, a copy, one that cannot be read, and one of a kind that is not read."""
    write(folder / "harbour.txt", "The old boat left the harbour at sunset.\n\nNobody saw it again.\n", "2021-03-04")
    write(folder / "notes" / "shopping list.md", "# Shopping\n\nmilk, bread and cheese\n", "2022-05-06")
    write(folder / "Straße nach Süden.txt", "Die Straße führt nach Süden.\n")
    draw(folder / "pictures" / "red.jpg", "red")
    draw(folder / "pictures" / "green and blue.jpg", "green", "blue")
    shutil.copy(folder / "pictures" / "red.jpg", folder / "pictures" / "copy of red.jpg")
    speak(folder / "voice.wav", *SENTENCES)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (folder / "unknown.xyz").write_bytes(bytes(range(256)))
    for name in (b"not utf-8 \xff\xfe.txt", b"line\nbreak.txt", "n\u0303 decomposed.txt".encode()):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(b"a lighthouse behind an odd name\n")
    Image.new("RGB", (64, 64), (1, 2, 3)).save(folder / "<img src=x>.png")


def main(target: Path, queries: tuple[str, ...]) -> None:
    shutil.rmtree(BASE, ignore_errors=True)
    folder = BASE / "Library"
    folder.mkdir(parents=True)
    fill(folder)
    settings = Settings(folders_under(BASE / "home"), pause_on_battery=False, pause_when_busy=False)
    engine = Engine.open(settings, encoders=FakeEncoders(), speech=FakeSpeech(SENTENCES), reader=Sandbox())
    engine.add_root(folder)
    engine.index()
    status = engine.status()
    said = {
        "files": status.files,
        "by_kind": {kind.value: count for kind, count in status.by_kind.items()},
        "segments": status.segments,
        "vectors": status.vectors,
        "failed": status.failed,
        "skipped": status.skipped,
        "found": {text: [os.fsdecode(hit.path) for hit in engine.search(Query(text=text)).hits] for text in queries},
    }
    engine.close()
    connection = sqlite3.connect(settings.folders.index)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    (target / f"v{version}.db.gz").write_bytes(gzip.compress(settings.folders.index.read_bytes(), mtime=0))
    (target / f"v{version}.json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    shutil.rmtree(BASE)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), () if "--no-search" in sys.argv else QUERIES)
