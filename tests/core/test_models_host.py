"""The hosts against children of the test's own: deaths, cancels, order, idleness. Models are faked, processes not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from core import cpu
from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.errors import Cancelled, ChildError, ModelError, ModelMissingError
from core.models import model_child
from core.models.catalogue import Form
from core.models.host import TEXTS_PER_REQUEST, EncoderHost, SpeechHost
from core.models.messages import (
    Encode,
    Failed,
    FindSpeech,
    Reply,
    Transcribe,
    Transcript,
    Vectors,
    Windows,
    pack,
    unpack_request,
)
from core.types import CpuShare, SpeechSpan
from tests.core.model_bundles import put_model

DIM = 384


def serve_encoder(connection: Connection) -> None:
    """Answers with a row per text that holds its length; some texts are orders."""
    while True:
        request = unpack_request(connection.recv_bytes())
        assert isinstance(request, Encode)
        connection.send_bytes(pack(_encode(request)))


def _encode(request: Encode) -> Reply:
    for text in request.texts:
        order, _, argument = text.partition(" ")
        match order:
            case "die-once":
                if Path(argument).exists():
                    Path(argument).unlink()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "note":
                with Path(argument).open("a") as log:
                    log.write(f"{request.task}\n")
                time.sleep(0.05)
            case "grow":
                _kept.append(b"x" * int(argument))
            case "refuse":
                return Failed("model", "wrong", os.fsencode("/models/x"))
            case "stumble":
                return Failed.of(ValueError("shapes differ\nand more"))
    rows = len(request.texts) or len(request.pictures)
    if request.pictures:
        return Vectors.of(np.zeros((rows, request.model.manifest.dim or DIM), np.float32))
    matrix = np.zeros((rows, DIM), np.float32)
    matrix[:, 0] = [len(text) for text in request.texts]
    return Vectors.of(matrix)


_kept: list[bytes] = []


def serve_environment(connection: Connection) -> None:
    """Answers with the numbers in the environment variables that the texts name."""
    while True:
        request = unpack_request(connection.recv_bytes())
        assert isinstance(request, Encode)
        matrix = np.zeros((len(request.texts), DIM), np.float32)
        matrix[:, 0] = [int(os.environ.get(name, -1)) for name in request.texts]
        connection.send_bytes(pack(Vectors.of(matrix)))


def serve_speech(connection: Connection) -> None:
    """Finds three windows; dies at the second while a file with the suffix .die lies beside the samples."""
    while True:
        request = unpack_request(connection.recv_bytes())
        if isinstance(request, FindSpeech):
            connection.send_bytes(pack(Windows([(0, 10), (20, 30), (40, 50)])))
        if isinstance(request, Transcribe):
            order = Path(os.fsdecode(request.pcm)).with_suffix(".die")
            if request.window[0] == 20 and order.exists():
                order.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            start, end = request.window
            span = SpeechSpan(float(start), float(end), f"asked in {request.language}")
            connection.send_bytes(pack(Transcript([span], "de")))


@pytest.fixture
def host(settings: Settings) -> Iterator[EncoderHost]:
    host = EncoderHost(settings, serve=serve_encoder)
    yield host
    host.close()


@pytest.fixture
def speech(settings: Settings) -> Iterator[SpeechHost]:
    put_model(settings, "ears", Form.WHISPER)
    host = SpeechHost(settings, serve=serve_speech)
    yield host
    host.close()


def test_rows_come_back_in_the_order_of_the_texts(host: EncoderHost) -> None:
    texts = ["x" * (37 * index % 101) for index in range(3 * TEXTS_PER_REQUEST + 1)]
    assert host.encode_passages(texts)[:, 0].tolist() == [len(text) for text in texts]


def test_nothing_in_nothing_out(host: EncoderHost) -> None:
    assert host.encode_passages([]).shape == (0, DIM)
    assert host.pid is None, "no child is started for nothing"


def test_text_that_has_no_utf8_is_encoded_all_the_same(host: EncoderHost) -> None:
    assert host.encode_queries(["caf\udce9"]).shape == (1, DIM)


def test_a_child_that_dies_in_a_batch_is_started_once_more(host: EncoderHost, tmp_path: Path) -> None:
    order = tmp_path / "order"
    order.touch()
    assert host.encode_passages([f"die-once {order}", "b"]).shape == (2, DIM)
    assert not order.exists()


def test_a_batch_that_kills_twice_is_an_error_and_the_next_one_works(host: EncoderHost) -> None:
    with pytest.raises(ChildError, match=r"twice on the same input .*SIGKILL"):
        host.encode_passages(["die"])
    assert host.encode_passages(["fine"]).shape == (1, DIM)


def test_a_child_killed_while_idle_is_not_noticed(host: EncoderHost) -> None:
    host.encode_queries(["a"])
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    assert host.encode_queries(["b"]).shape == (1, DIM)


def test_errors_keep_their_type_across_the_pipe(host: EncoderHost) -> None:
    with pytest.raises(ModelError, match=r"/models/x: wrong"):
        host.encode_passages(["refuse"])
    with pytest.raises(ChildError, match=r"the model failed: ValueError$"):
        host.encode_passages(["stumble"])
    assert host.encode_passages(["fine"]).shape == (1, DIM)


def test_without_a_model_the_error_names_the_role(host: EncoderHost) -> None:
    assert host.photo_space() is None
    with pytest.raises(ModelMissingError, match="no photo model"):
        host.encode_images([b""])


def test_reload_tells_when_another_model_is_in_use(host: EncoderHost, settings: Settings) -> None:
    assert not host.reload(settings)
    put_model(settings, "eyes")
    assert host.photo_space() is None, "nothing changes between two reloads"
    assert host.reload(settings)
    space = host.photo_space()
    assert space is not None
    assert (space.model, space.dim) == ("eyes", 8)


def test_a_query_goes_before_waiting_batches(host: EncoderHost, tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = [f"note {log}"]
    indexer = threading.Thread(target=host.encode_passages, args=(note * TEXTS_PER_REQUEST * 8,))
    indexer.start()
    while not log.exists():
        time.sleep(0.01)
    before = len(log.read_text().split())
    host.encode_queries(note)
    indexer.join()
    seen = log.read_text().split()
    # A line for each text. The rest of the batch under way goes first, and one that slips in before the question.
    assert seen.index("queries") <= before + 2 * TEXTS_PER_REQUEST
    assert len(seen) == 8 * TEXTS_PER_REQUEST + 1


def test_a_cancel_between_batches_keeps_the_child(host: EncoderHost, tmp_path: Path) -> None:
    log = tmp_path / "log"
    cancel = CancelToken()
    caught: list[BaseException] = []

    def index() -> None:
        try:
            host.encode_passages([f"note {log}"] * TEXTS_PER_REQUEST * 50, cancel)
        except Cancelled as error:
            caught.append(error)

    indexer = threading.Thread(target=index)
    indexer.start()
    while not log.exists():
        time.sleep(0.01)
    pid = host.pid
    cancel.cancel()
    indexer.join()
    assert len(caught) == 1
    assert host.encode_queries(["next"]).shape == (1, DIM)
    assert host.pid == pid


def test_a_cancel_ends_a_child_that_does_not_answer(host: EncoderHost) -> None:
    cancel = CancelToken()
    timer = threading.Timer(0.2, cancel.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        host.encode_passages(["hang"], cancel)
    assert host.pid is None
    assert host.encode_passages(["fine"]).shape == (1, DIM)


def test_closing_stops_a_request_that_runs(host: EncoderHost) -> None:
    caught: list[BaseException] = []

    def index() -> None:
        try:
            host.encode_passages(["hang"])
        except Cancelled as error:
            caught.append(error)

    indexer = threading.Thread(target=index)
    indexer.start()
    while host.pid is None:
        time.sleep(0.01)
    host.close()
    indexer.join()
    assert len(caught) == 1


def test_only_an_idle_child_is_dropped(settings: Settings) -> None:
    patient = EncoderHost(settings, serve=serve_encoder, idle_s=3600)
    hasty = EncoderHost(settings, serve=serve_encoder, idle_s=0)
    try:
        for host in (patient, hasty):
            host.encode_queries(["a"])
            host.drop_idle()
        assert patient.pid is not None
        assert hasty.pid is None
        assert hasty.encode_queries(["b"]).shape == (1, DIM), "it starts again when needed"
    finally:
        patient.close()
        hasty.close()


def test_a_busy_child_is_not_dropped(settings: Settings, tmp_path: Path) -> None:
    host = EncoderHost(settings, serve=serve_encoder, idle_s=0)
    rows: list[int] = []
    texts = [f"note {tmp_path / 'log'}"] * 20
    indexer = threading.Thread(target=lambda: rows.append(len(host.encode_passages(texts))))
    indexer.start()
    try:
        while not (tmp_path / "log").exists():
            time.sleep(0.01)
        while indexer.is_alive():
            host.drop_idle()
            time.sleep(0.01)
        assert rows == [20]
    finally:
        indexer.join()
        host.close()


def test_speech_goes_window_by_window(speech: SpeechHost, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    spans = speech.transcribe(tmp_path / "x.pcm", on_window=lambda done, total: progress.append((done, total)))
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert [span.start_s for span in spans] == [0, 20, 40]
    texts = [span.text for span in spans]
    assert texts == ["asked in None", "asked in de", "asked in de"], "the first window settles the language"


def test_a_death_costs_one_window(speech: SpeechHost, tmp_path: Path) -> None:
    (tmp_path / "x.die").touch()
    assert [span.start_s for span in speech.transcribe(tmp_path / "x.pcm")] == [0, 20, 40]


def test_a_cancel_falls_between_windows(speech: SpeechHost, tmp_path: Path) -> None:
    cancel = CancelToken()
    done: list[int] = []

    def stop_after_the_first(window: int, total: int) -> None:
        done.append(window)
        cancel.cancel()

    with pytest.raises(Cancelled):
        speech.transcribe(tmp_path / "x.pcm", on_window=stop_after_the_first, cancel=cancel)
    assert done == [1]
    assert speech.pid is not None, "the loaded model is kept"


def test_the_speech_model_has_its_weights_in_its_name(speech: SpeechHost, settings: Settings) -> None:
    name, _, weights_id = (speech.model() or "").partition("@")
    assert name == "ears"
    assert len(weights_id) == 64
    empty = SpeechHost(Settings(folders_under(settings.folders.data)), serve=serve_speech)
    assert empty.model() is None
    with pytest.raises(ModelMissingError, match="no speech model"):
        empty.transcribe(settings.folders.data / "x.pcm")


def test_a_child_is_told_its_threads_before_its_libraries_load(settings: Settings) -> None:
    quiet = replace(settings, cpu_share=CpuShare.QUIET)
    host = EncoderHost(quiet, serve=serve_environment)
    try:
        assert host.encode_queries(["OMP_NUM_THREADS"])[0, 0] == 1
        pid = host.pid
        assert not host.reload(quiet), "no other model"
        assert host.encode_queries(["OPENBLAS_NUM_THREADS"])[0, 0] == 1
        assert host.pid == pid
        host.reload(replace(settings, cpu_share=CpuShare.FULL))
        assert host.encode_queries(["OMP_NUM_THREADS"])[0, 0] == cpu.cores()
        assert (host.pid == pid) is (cpu.cores() == 1), "the running child took the other share over"
    finally:
        host.close()


def test_a_model_that_is_long_idle_goes_while_the_other_works_on(settings: Settings, tmp_path: Path) -> None:
    put_model(settings, "eyes")
    host = EncoderHost(settings, serve=serve_encoder, idle_s=0.5)
    try:
        host.encode_queries(["a"])
        first = host.pid
        host.encode_images([b""])
        assert host.pid == first, "both are loaded, and both were used just now"
        deadline = time.monotonic() + 60
        while host.pid == first and time.monotonic() < deadline:
            host.encode_images([b""])
            time.sleep(0.05)
        assert host.pid != first, "the words' encoder had nothing to do"
        second = host.pid
        for _ in range(20):
            host.encode_images([b""])
            time.sleep(0.05)
        assert host.pid == second, "a child with one model is not idle as long as that is asked"
    finally:
        host.close()


def test_what_a_child_that_died_held_is_no_reason_to_end_the_next(settings: Settings, tmp_path: Path) -> None:
    put_model(settings, "eyes")
    host = EncoderHost(settings, serve=serve_encoder, idle_s=0.5)
    order = tmp_path / "order"
    try:
        host.encode_images([b""])
        first = host.pid
        order.touch()
        host.encode_queries([f"die-once {order}"])
        second = host.pid
        assert second != first
        for _ in range(20):
            host.encode_queries(["a"])
            time.sleep(0.05)
        assert host.pid == second, "it never held the photos' encoder"
    finally:
        host.close()


def test_a_child_that_grows_is_started_afresh_and_no_request_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_child, "GROWTH_BYTES", 64 * 1024 * 1024)
    monkeypatch.setattr(model_child, "LEAST_ANSWERS", 20)
    host = EncoderHost(settings, serve=serve_encoder)
    pids = []
    try:
        for number in range(60):
            assert host.encode_queries([f"grow {4 * 1024 * 1024}", "b" * number])[1, 0] == number
            pids.append(host.pid)
        lives = [pids.count(pid) for pid in dict.fromkeys(pids) if pid is not None]
        # 8 answers to settle, then 16 of 4 MB to the limit; the one that passes it is the last of its child.
        assert 2 <= len(lives) <= 3, lives
        assert all(20 <= life <= 30 for life in lives[:-1]), lives
    finally:
        host.close()
