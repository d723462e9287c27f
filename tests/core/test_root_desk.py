"""What people ask of watched folders while another engine on the same index watches: yes to removals, and patterns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.cancel import CancelToken
from core.config import Settings, folders_under, load_settings, save_settings
from core.engine import Engine
from core.errors import FolderError, IndexBusyError, SettingsError, UsageError
from core.types import Query
from tests.core.library import open_engine
from tests.library import MANY, make_many

LIMIT_S = 120.0  # for what must happen, however slow the machine


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_many(tmp_path / "Library")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "home")
    yield engine
    engine.close()


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Engine]:
    """Another engine on the same index, as another process has one: it watches."""
    other = open_engine(tmp_path / "home")
    cancel = CancelToken()
    thread = threading.Thread(target=lambda: other.watch(cancel=cancel))
    thread.start()
    until(lambda: other.status().indexing is not None)
    yield other
    cancel.cancel()
    thread.join()
    other.close()


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def found(engine: Engine, text: str) -> list[str]:
    return [hit.name for hit in engine.search(Query(text=text, include_gated=True)).hits]


def test_a_yes_takes_out_what_is_missing_and_no_more(engine: Engine, library: Path) -> None:
    engine.add_root(library)
    engine.index()
    (library / "many").rename(library.with_name("away"))
    report = engine.index()
    [withheld] = report.withheld
    assert (withheld.missing, withheld.files, report.files) == (MANY, MANY + 2, MANY + 2)
    assert (engine.status().missing, engine.roots()[0].missing) == (MANY, MANY)
    engine.allow_removals(library)
    assert (engine.status().missing, engine.status().files) == (0, 2)
    engine.allow_removals(library)  # nothing is asked any more
    assert engine.status().files == 2
    with pytest.raises(FolderError):
        engine.allow_removals(library / "private")


def test_a_yes_reaches_the_one_that_watches(engine: Engine, watching: Engine, library: Path) -> None:
    engine.add_root(library)
    until(lambda: engine.status().files == MANY + 2)
    (library / "many").rename(library.with_name("away"))
    until(lambda: engine.status().missing == MANY)
    assert engine.status().files == MANY + 2
    with pytest.raises(IndexBusyError):
        engine.index(allow_removals=[library])
    engine.allow_removals(library)
    until(lambda: engine.status().files == 2)
    assert engine.status().missing == 0


def test_the_question_goes_by_itself_while_watching(engine: Engine, watching: Engine, library: Path) -> None:
    engine.add_root(library)
    until(lambda: engine.status().files == MANY + 2 and engine.status().pending == 0)
    (library / "many").rename(library.with_name("away"))
    until(lambda: engine.status().missing == MANY)
    library.with_name("away").rename(library / "many")
    until(lambda: engine.status().missing == 0)
    assert engine.status().files == MANY + 2


def test_what_is_deleted_one_by_one_is_asked_about_too(engine: Engine, watching: Engine, library: Path) -> None:
    engine.add_root(library)
    until(lambda: engine.status().files == MANY + 2)
    for path in sorted((library / "many").iterdir()):
        path.unlink()
        time.sleep(0.02)
    until(lambda: engine.status().missing == MANY)
    assert engine.status().files == MANY + 2


def test_a_watch_follows_the_patterns(engine: Engine, watching: Engine, library: Path) -> None:
    engine.add_root(library)
    until(lambda: engine.status().files == MANY + 2 and engine.status().pending == 0)
    assert found(engine, "zanzibar") == ["diary.txt"]
    excludes = engine.excludes()
    assert excludes.count(library, ["private/"]) == 1
    excludes.change(library, ["private/"])
    assert excludes.patterns(library) == ("private/",)
    until(lambda: engine.status().files == MANY + 1)
    assert found(engine, "zanzibar") == []
    (library / "private" / "more.txt").write_text("another secret")
    excludes.change(None, ["*.txt"])
    until(lambda: engine.status().files == 0)
    excludes.change(None, [])
    until(lambda: engine.status().files == MANY + 1)
    excludes.change(library, [])
    until(lambda: engine.status().files == MANY + 3)


def test_without_a_watch_what_is_newly_excluded_leaves_at_once(engine: Engine, library: Path) -> None:
    engine.add_root(library)
    engine.index()
    excludes = engine.excludes()
    excludes.change(library, [str(library / "private"), str(library / "private")])
    assert excludes.patterns(library) == ("/private/",)
    assert engine.status().files == MANY + 1
    assert excludes.count(None, ["many/"]) == MANY
    excludes.change(None, ["many/"])
    assert engine.status().files == 1
    assert load_settings(engine.settings.folders).exclude == ("many/",)
    assert engine.index().files == 1
    assert found(engine, "zanzibar") == []


def test_a_whole_path_is_meant_from_the_folder_on(engine: Engine, library: Path) -> None:
    (library / "odd [x]").mkdir()
    engine.add_root(library)
    excludes = engine.excludes()
    excludes.change(library, [f"{library}/odd [x]", f"{library}/many/*.txt", f"!{library}/boat.txt", "/many"])
    assert excludes.patterns(library) == ("/odd \\[x\\]/", "/many/*.txt", "!/boat.txt", "/many")


def test_what_is_no_pattern_changes_nothing(engine: Engine, library: Path) -> None:
    engine.add_root(library)
    engine.index()
    for folder in (library, None):
        with pytest.raises(UsageError, match=r"\[z-a\]"):
            engine.excludes().change(folder, ["*.bak", "[z-a]"])
        assert engine.excludes().patterns(folder) == ()
    with pytest.raises(FolderError, match="part of"):
        engine.excludes().patterns(library / "private")
    with pytest.raises(FolderError, match="not watched"):
        engine.excludes().change(library.with_name("elsewhere"), ["*.bak"])


def test_patterns_in_the_settings_are_read_and_kept(tmp_path: Path) -> None:
    folders = folders_under(tmp_path)
    folders.create()
    folders.settings.write_text('# mine\n[indexing]\nexclude = ["*.bak", "Private/"]\n')
    settings = load_settings(folders)
    assert settings.exclude == ("*.bak", "Private/")
    save_settings(settings)
    assert "# mine" in folders.settings.read_text()
    assert load_settings(folders) == settings
    assert load_settings(folders_under(tmp_path / "none")) == Settings(folders_under(tmp_path / "none"))
    for wrong in ('exclude = "*.bak"', "exclude = [1]", 'exclude = ["[z-a]"]'):
        folders.settings.write_text(f"[indexing]\n{wrong}\n")
        with pytest.raises(SettingsError) as caught:
            load_settings(folders)
        assert str(folders.settings) in str(caught.value)


def test_a_folder_that_was_emptied_on_purpose_loses_its_files_on_a_yes(engine: Engine, library: Path) -> None:
    engine.add_root(library)
    engine.index()
    for entry in list(library.iterdir()):
        entry.rename(library.with_name(f"away-{entry.name}"))
    report = engine.index()
    assert report.away == (os.fsencode(library),)  # it looks like a drive that is not there, and is told
    assert report.files == MANY + 2
    report = engine.index(allow_removals=[library])
    assert (report.away, report.files) == ((), 0)
    assert not engine.roots()[0].root.offline


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="takes a capability away")
def test_a_closed_folder_is_told_with_its_reason(tmp_path: Path) -> None:
    library = make_many(tmp_path / "Library")
    closed = library / "many"
    closed.chmod(0)
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-P", "-m", "core.cli"]
    environment = {**os.environ, "FINDLING_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, "index", library, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    closed.chmod(0o700)
    if "setpriv" in done.stderr:
        pytest.skip("setpriv cannot do that here")
    reason = {"path": str(closed), "reason": "no permission to look into it"}
    assert json.loads(done.stdout)["unreadable"] == [reason]
    assert f"findling: {closed}: no permission" in done.stderr
    assert done.returncode == 5


@pytest.mark.skipif(sys.platform == "win32", reason="other rights there")
def test_a_path_too_long_for_the_system_is_told(engine: Engine, tmp_path: Path) -> None:
    library = tmp_path / "Deep"
    library.mkdir()
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(library)
        for _ in range(20):  # relative names reach where absolute ones cannot
            Path("d" * 250).mkdir()
            os.chdir("d" * 250)
        Path("note.txt").write_text("deep down")
    finally:
        os.fchdir(before)
        os.close(before)
    engine.add_root(library)
    [(_, reason)] = engine.index().unreadable
    assert reason == "its path is too long for this system"
