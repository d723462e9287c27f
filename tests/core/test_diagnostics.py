"""The report for a bug: what it tells, and what it must not."""

from __future__ import annotations

import logging
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import diagnostics, log
from core.cancel import CancelToken
from core.config import Settings, default_folders, folders_under
from core.diagnostics import Pseudonyms, Whose
from core.engine import Engine
from core.errors import UnreadableError, UsageError
from tests.fakes import FakeEncoders, FakeSpeech

WHOSE = Whose("marieke", "mariekes-laptop.local", "/home/marieke")
ours = logging.getLogger("core.somewhere")

# Words that nothing else in a report holds, in the names that are hard to find the end of.
SECRET = "qqzxv"
PARTS = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), max_size=12)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map(
    lambda parts: "/".join(f"{part}{SECRET}{part[::-1]}" for part in parts)
)


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms.of(Settings(folders_under(tmp_path)), ["/data/My Photos", "/data/My Photos/Alps"], WHOSE)


def test_a_path_keeps_its_shape_and_nothing_else(pseudonyms: Pseudonyms, tmp_path: Path) -> None:
    assert pseudonyms.path("/data/My Photos/2024/boat.jpg") == "<root1>/<folder1>/<file1>.jpg"
    assert pseudonyms.path("/data/My Photos/2024/car.jpg") == "<root1>/<folder1>/<file2>.jpg"
    assert pseudonyms.path("/data/My Photos/2024/boat.jpg") == "<root1>/<folder1>/<file1>.jpg"
    assert pseudonyms.path("/data/My Photos/Alps/x.secret") == "<root2>/<folder2>"
    assert pseudonyms.path("/home/marieke/x.txt") == "<home>/<file3>.txt"
    assert pseudonyms.path(str(tmp_path / "models" / "mine")) == "<models>/<folder3>"
    assert pseudonyms.path("/data/My Photos") == "<root1>"
    assert pseudonyms.path("/somewhere/else.pdf") == "<elsewhere>/<folder4>/<file4>.pdf"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("away: /data/My Photos", "away: <root1>"),
        ("/data/My Photos/Tax 2024, old: damaged", "<root1><cut>"),
        ("cannot open /mnt/Old Drive/x y: no", "cannot open <cut>"),
        (
            "marieke on Mariekes-Laptop: 3 files, 4/5 done, 1.5 MB/s",
            "<user> on <computer>: 3 files, 4/5 done, 1.5 MB/s",
        ),
        ("at C:\\Users\\marieke\\x", "at <cut>"),
        ("from file:///etc/x", "from <cut>"),
        ("summarieked", "summarieked"),
    ],
)
def test_free_text_is_cut_where_a_path_begins(said: str, shown: str, pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.text(said) == shown


@settings(deadline=None, max_examples=40)
@given(name=NAMES, root=st.sampled_from(["/data/My Photos/", "/elsewhere/", "/home/marieke/", "/"]))
def test_no_name_gets_through_in_a_log_line_or_in_text(
    tmp_path_factory: pytest.TempPathFactory, name: str, root: str
) -> None:
    folders = folders_under(tmp_path_factory.mktemp("home"))
    found = Pseudonyms.of(Settings(folders), ["/data/My Photos"], WHOSE)
    handler = log.log_to_file(folders, "window")
    path = root + name
    ours.warning("cannot look into %s: %s", path, "permission denied")
    ours.warning("%s", UnreadableError("damaged", path=os.fsencode(path)))
    ours.warning("gone: %s", FileNotFoundError(2, "No such file", path))
    log.stop_logging_to(handler)
    lines = (folders.logs / "window.log").read_text("utf-8").splitlines()
    assert len(lines) == 3
    assert not [line for line in lines if SECRET in found.line(line)]
    assert found.line(lines[0]).endswith(": permission denied")
    assert SECRET not in found.text(log.one_line(f"{path}: damaged"))


def test_a_report_of_a_real_index_names_nobody_and_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Whose, "this", classmethod(lambda cls: WHOSE))
    root = tmp_path / f"{SECRET} photos, of: marieke"
    (root / f"{SECRET}\n(2) ; x").mkdir(parents=True)
    (root / f"{SECRET}\n(2) ; x" / f"{SECRET}.txt").write_text(f"a letter about {SECRET}", "utf-8")
    (root / f"{SECRET}.pdf").write_bytes(b"%PDF-1.7\nno")
    engine = Engine.open(Settings(default_folders()), encoders=FakeEncoders(), speech=FakeSpeech({}))
    handler = log.log_to_file(engine.settings.folders, "window", logging.DEBUG)
    try:
        engine.add_root(root)
        engine.index(cancel=CancelToken())
        ours.warning("cannot look into %s: %s", root / SECRET, "permission denied")
        text = diagnostics.report(engine)
    finally:
        log.stop_logging_to(handler)
        engine.close()
    assert SECRET not in text
    assert "marieke" not in text
    assert str(tmp_path) not in text
    assert "1 folders, 2 files: document 2" in text
    assert "<root1>/<folder" in text and "permission denied" in text
    assert "Python 3." in text and "window.log" in text

    file = tmp_path / "report.zip"
    diagnostics.save(text, file)
    with zipfile.ZipFile(file) as archive:
        assert archive.read("findling-report.txt").decode("utf-8") == text
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="choose another"):
        diagnostics.save(text, file)
