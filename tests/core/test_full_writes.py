"""A disk that is full at a chosen byte: nothing half is left or taken for whole, and the next try succeeds."""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from core import diagnostics, log, private
from core.cli.session import guarded
from core.config import Folders, Settings, folders_under
from core.errors import ExitCode, NoRoomError
from core.extract.sandbox import Sandbox
from core.index.requests import apply_requests
from core.models.catalogue import Form
from core.models.fidelity import Fidelity
from core.models.installed import WORK_FOLDER, find_installed
from core.models.library import import_model
from core.models.messages import Compiled, Failed, Judge, Judged, Survey, Surveyed, Tried, Try, pack, unpack_request
from core.models.prepare import Sample, prepare_model
from core.models.prepared import prepared_folder
from core.models.specs import Backend, Tower
from core.resources import resource
from core.search import snapshot
from core.store.compact import compact, compact_if_worthwhile
from core.store.faults import SUSPECT
from core.store.forget import is_due, remembered
from core.store.roots import Verb
from core.store.store import Store
from core.store.thumbnails import GRID, Thumbnails
from core.store.vectors import Mark
from core.types import EmbeddingSpace
from tests.core.model_bundles import put_model
from tests.library import Library
from tests.limits import limited

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")

ours = logging.getLogger("core.somewhere")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = folders_under(tmp_path / "home")
    folders.create()
    return folders


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("limit_bytes", [0, 1, 9_999])
def test_a_file_that_is_replaced_is_the_new_one_or_the_old_one(tmp_path: Path, limit_bytes: int) -> None:
    path = tmp_path / "file"
    private.replace_file(path, b"old")
    with limited(limit_bytes), pytest.raises(OSError, match="File too large"):
        private.replace_file(path, bytes(10_000))
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == {"file"}
    private.replace_file(path, bytes(10_000))
    assert path.read_bytes() == bytes(10_000)


def test_of_a_thumbnail_nothing_half_is_left_not_even_of_the_first(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "thumbnails")
    for _ in range(2):
        with limited(5_000), pytest.raises(OSError, match="File too large"):
            thumbnails.write("ab12", bytes(6_000), bytes(6_000))
        assert not files_below(tmp_path)
    thumbnails.write("ab12", bytes(6_000), bytes(6_000))
    assert thumbnails.find("ab12", GRID) is not None


def test_a_log_that_is_full_says_so_once_and_goes_on_later(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = log.log_to_file(folders, "index")
    ours.info("before")
    with limited((folders.logs / "index.log").stat().st_size + 10):
        for number in range(300):
            ours.info("line %s", number)
    ours.info("room again")
    log.stop_logging_to(handler)
    assert capsys.readouterr().err.splitlines() == [
        f"findling: the log {folders.logs / 'index.log'} cannot be written: File too large"
    ]
    assert "room again" in (folders.logs / "index.log").read_text("utf-8")


def test_a_log_that_cannot_take_its_last_lines_is_closed_in_silence(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = log.log_to_file(folders, "index")
    with limited(0):
        ours.info("lost")
        log.stop_logging_to(handler)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert logging.getLogger().handlers.count(handler) == 0


def test_what_a_log_is_to_forget_goes_also_where_the_rest_cannot_be_written(folders: Folders) -> None:
    handler = log.log_to_file(folders, "index")
    for number in range(50):
        ours.warning("looked at %s", f"/home/public/{number}.txt")
        ours.warning("looked at %s", f"/home/private/{number}.txt")
    log.stop_logging_to(handler)
    with limited(1000):
        assert log.forget(folders, b"/home/private") == 50
    assert "priv" not in (folders.logs / "index.log").read_text("utf-8")


def test_half_a_report_is_not_in_the_way_of_the_next_try(tmp_path: Path) -> None:
    text = "\n".join(str(number) for number in np.random.default_rng(1).integers(0, 10**9, 5000))
    file = tmp_path / "report.zip"
    with limited(4096), pytest.raises(NoRoomError, match=r"report\.zip: the report cannot be written: a limit"):
        diagnostics.save(text, file)
    assert not file.exists()
    diagnostics.save(text, file)
    assert file.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_an_output_that_is_full_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        with Path("/dev/full").open("w") as full:
            full.write("what was asked for")

    assert guarded(command, verbose=False) == ExitCode.INDEX_UNAVAILABLE
    line = "findling: the output cannot be written: No space left on device; make room there and try again"
    assert capfd.readouterr().err.splitlines() == [line]


def test_nothing_is_left_of_a_model_that_could_not_be_copied(folders: Folders) -> None:
    settings = Settings(folders)
    with limited(3_000_000), pytest.raises(NoRoomError, match="demo-clip could not be copied: a limit"):
        import_model(settings, resource("demo", "models", "demo-clip"), demo=True)
    assert files_below(folders.models) <= {"demo-clip.lock"}


def serve_onto_a_full_disk(connection: Connection) -> None:
    """As ``serve_models`` does, with a graph that finds no room; whatever is judged is as good as the reference."""
    while True:
        request = unpack_request(connection.recv_bytes())
        work = Path(os.fsdecode(request.work)) if isinstance(request, Survey | Try) else Path()
        try:
            if isinstance(request, Survey):
                found = Surveyed({Tower.PASSAGES: [Backend.TORCH_FP32, Backend.OPENVINO_FP32]}, None, None)
                connection.send_bytes(pack(found))
            elif isinstance(request, Try):
                if request.backend is Backend.OPENVINO_FP32:
                    with limited(1000):
                        (work / "passages-fp32.bin").write_bytes(bytes(2000))
                connection.send_bytes(pack(Tried(1.0)))
            else:
                same = Judged(Fidelity(1.0, 1.0, 0.0))
                connection.send_bytes(pack(same if isinstance(request, Judge) else Compiled()))
        except OSError as error:
            connection.send_bytes(pack(Failed.of(error)))


def test_a_model_is_not_prepared_without_the_graph_that_did_not_fit(folders: Folders) -> None:
    settings = Settings(folders)
    put_model(settings, "reader", Form.SENTENCE_TRANSFORMERS)
    sample = Sample(passages=[f"passage {number}" for number in range(60)])
    with pytest.raises(NoRoomError, match=r'"reader" could not be prepared: a file of the model .* limit') as caught:
        prepare_model(settings, "reader", sample, serve=serve_onto_a_full_disk)
    assert str(caught.value).startswith(f"{folders.models}: ")
    model = find_installed(settings, "reader")
    assert model is not None
    assert not prepared_folder(settings, model).exists()
    assert files_below(folders.models / WORK_FOLDER) <= {"reader.prepared.lock"}


@pytest.mark.slow
def test_a_graph_that_finds_no_room_is_no_fault_of_the_back_end(tmp_path: Path) -> None:
    import torch

    from core.models.convert import convert_fp32

    module, example = torch.nn.Linear(500, 500).eval(), (np.zeros((1, 500), np.float32),)
    with limited(400_000), pytest.raises(OSError, match="File too large"):
        convert_fp32(module, example, tmp_path / "graph.xml")
    assert not files_below(tmp_path)
    convert_fp32(module, example, tmp_path / "graph.xml")
    assert files_below(tmp_path) == {"graph.xml", "graph.bin"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_half_a_snapshot_is_none(tmp_path: Path, share: float) -> None:
    space = EmbeddingSpace("test", "w1", 24, "1")
    identity = snapshot.Identity("index", 1, space)
    rows = np.random.default_rng(2).standard_normal((3000, 24)).astype(np.float16)
    ids = np.arange(3000, dtype=np.int64)
    chunk = snapshot.Chunk(rows, (ids, ids, ids, np.zeros(3000, np.bool_)))
    size = snapshot.size_bytes(3000, 24)
    with limited(int(share * size)), pytest.raises(OSError, match="File too large"):
        snapshot.write(tmp_path, identity, Mark(1, 1), [chunk])
    assert not files_below(tmp_path)
    assert snapshot.write(tmp_path, identity, Mark(1, 1), [chunk]).stat().st_size == size


def test_sound_that_finds_no_room_in_the_middle_is_no_fault_of_the_recording(library: Library) -> None:
    recording = library.recording("long.wav", 440, seconds=60.0)
    pcm = library.folders.spool / "test.f32"
    with limited(1_000_000):
        sandbox = Sandbox()
        with pytest.raises(NoRoomError, match=r"test\.f32: sound could not be decoded: a limit"):
            sandbox.decode_audio(os.fsencode(recording), pcm)
        sandbox.close()
    assert not files_below(library.folders.spool)
    try:
        assert sandbox.decode_audio(os.fsencode(recording), pcm) == pytest.approx(60.0, abs=0.1)
        assert pcm.stat().st_size == pytest.approx(4 * 16_000 * 60, rel=0.01)
    finally:
        sandbox.close()


def index_bytes(store: Store) -> int:
    store.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.database.path.stat().st_size


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_index_that_cannot_be_made_smaller_is_left_for_the_next_time(library: Library, share: float) -> None:
    library.some_of_everything()
    library.run()
    with limited(int(share * index_bytes(library.store))), pytest.raises(NoRoomError, match="a limit on the size"):
        compact(library.store.database)
    assert files_below(library.folders.data) <= {"index.db", "index.db-wal", "index.db-shm", "index.lock"}
    assert compact(library.store.database) is not None
    assert compact_if_worthwhile(library.store.database) == 0


def test_forgetting_that_finds_no_room_is_finished_later_and_holds_nothing_up(library: Library) -> None:
    library.some_of_everything()
    library.run()
    path = os.fsencode(library.folder / "pictures")
    library.store.roots.request(Verb.FORGET, path)
    # Rows that go are noted in the log of writes, which is empty now; the copy is larger than this leaves.
    with limited(index_bytes(library.store) - 4096):
        apply_requests(library.store)
    assert not library.store.roots.requests()
    assert remembered(library.store, path).files == 0
    assert is_due(library.store)
    library.run()  # which finishes it when nothing else is left to do
    assert not is_due(library.store)


@pytest.mark.parametrize("limit_bytes", [0, 4096, 33_000])
def test_an_index_that_cannot_be_opened_for_a_limit_says_so(library: Library, limit_bytes: int) -> None:
    library.some_of_everything()
    library.run()
    library.store.close()
    with limited(limit_bytes):
        try:
            Store(library.folders).close()
        except NoRoomError as error:
            assert "a limit on the size of files" in str(error)
    store = Store(library.folders)
    assert store.counts().files
    store.close()


def test_half_of_a_salvaged_index_is_not_left_behind(library: Library) -> None:
    library.some_of_everything()
    library.run()
    size = index_bytes(library.store)
    library.store.close()
    index = library.folders.index
    data = bytearray(index.read_bytes())
    data[20_480:40_960] = bytes(20_480)
    index.write_bytes(data)
    index.with_name(index.name + SUSPECT).touch()
    with limited(size // 2), pytest.raises(NoRoomError, match="a limit on the size"):
        Store(library.folders)
    assert index.read_bytes() == data
    assert not [name for name in files_below(library.folders.data) if "salvag" in name]
    store = Store(library.folders)
    assert store.notices
    store.close()
