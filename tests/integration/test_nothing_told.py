"""What a file says, what is heard and what is searched for is in no log, no error stream and no left-over file."""

from __future__ import annotations

import logging
import os
import wave
from pathlib import Path

import docx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import log
from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.engine import Engine
from core.errors import FindlingError
from core.types import Query
from tests.command_line import Findling
from tests.fakes import FakeEncoders, FakeSpeech

# One after another in what is read, heard and asked.
MARKER = "zqvxkwj"
WORDS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)


def tone(path: Path, pitch_hz: int, seconds: float = 3.0) -> None:
    times = np.arange(int(seconds * 16_000)) / 16_000
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes((0.4 * np.sin(2 * np.pi * pitch_hz * times) * 32_767).astype("<i2").tobytes())


def grep(folders: list[Path], word: str) -> list[Path]:
    """Files that hold the word in any of the encodings in which it could be there."""
    wanted = [word.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(one in path.read_bytes() for one in wanted)]


@settings(deadline=None, max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=WORDS, after=WORDS)
def test_no_log_holds_what_is_read_heard_or_asked(
    before: str, after: str, tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path_factory.mktemp("told")
    library, example = base / "library", base / "example.txt"
    library.mkdir()
    said = f"{before} {MARKER} {after}"
    (library / "note.txt").write_text(f"{said}\n" * 3, "utf-8")
    (library / "page.html").write_text(f"<p>{MARKER}</p><p>{MARKER} &#x110000;", "utf-8")
    (library / "broken.pdf").write_bytes(b"%PDF-1.7\n" + said.encode() + b"\n1 0 obj <<")
    (library / "broken.docx").write_bytes(b"PK\x03\x04" + said.encode())
    mail = f"From: a@b.c\nTo: d@e.f\nSubject: =?utf-8?B?{said}\n\n{said}"
    (library / "mail.eml").write_bytes(mail.encode())
    tone(library / "memo.wav", 440)
    example.write_text(said, "utf-8")
    engine = Engine.open(
        Settings(folders_under(base / "home")), encoders=FakeEncoders(), speech=FakeSpeech({440: f"he said {said}"})
    )
    handlers = [log.log_to_file(engine.settings.folders, name, logging.DEBUG) for name in ("window", "index")]
    try:
        engine.add_root(library)
        engine.index(cancel=CancelToken())
        for query in (Query(text=said), Query(text=f'"{said}'), Query(text=said, like=(example,))):
            try:
                engine.search(query)
            except FindlingError as error:  # as a caller of ours would tell of it
                logging.getLogger("core.test").warning("the search failed: %s", type(error).__name__)
    finally:
        for handler in handlers:
            log.stop_logging_to(handler)
        engine.close()
    assert log.log_files(engine.settings.folders)
    assert grep([base / "home" / "logs", base / "home" / "cache" / "spool", base / "home" / "config"], MARKER) == []
    streams = capfd.readouterr()
    assert MARKER not in streams.err + streams.out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_real_processes_tell_nothing_even_when_they_tell_all(tmp_path: Path) -> None:
    findling = Findling(tmp_path / "home")
    library = tmp_path / "library"
    library.mkdir()
    (library / "note.txt").write_text(f"the {MARKER} of the boat\n" * 5, "utf-8")
    letter = docx.Document()
    letter.add_paragraph(f"a letter about {MARKER}")
    letter.save(str(library / "letter.docx"))
    (library / "broken.pdf").write_bytes(b"%PDF-1.7\n" + MARKER.encode())
    example = tmp_path / "example.txt"
    example.write_text(f"my {MARKER} again", "utf-8")
    try:
        _, indexed = findling.run("--verbose", "index", library, code=5)
        out, searched = findling.run("--verbose", "search", MARKER)
        assert MARKER in out  # the snippet, on the stream that was asked for
        _, alike = findling.run("--verbose", "similar", example)
        _, failed = findling.run("--verbose", "search", "--like", tmp_path / "gone.txt", MARKER, code=2)
    finally:
        findling.stop_all()
    assert "core." in indexed  # it does tell
    for err in (indexed, searched, alike, failed):
        assert MARKER not in err
    home = tmp_path / "home"
    assert grep([home / "logs", home / "cache" / "spool", home / "config"], MARKER) == []
    if os.name == "posix":
        assert {path.stat().st_mode & 0o077 for path in (home / "logs").iterdir()} == {0}
