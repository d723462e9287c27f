"""The order in which back-ends are tried and what is kept, against a child of the test that tells made-up rates."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from core.config import Settings, folders_under
from core.errors import ModelError
from core.models.catalogue import Form
from core.models.fidelity import Fidelity
from core.models.messages import (
    CompileAhead,
    Compiled,
    Failed,
    Judge,
    Judged,
    Reply,
    Request,
    Survey,
    Surveyed,
    Tried,
    Try,
    pack,
    unpack_request,
)
from core.models.prepare import Sample, prepare_model
from core.models.prepared import TOKENISER, Prepared
from core.models.runtime import ahead_of
from core.models.specs import Backend, Cleaning, TokeniserKind, TokeniserSpec, Tower, Trial
from tests.core.model_bundles import put_model

RATES = {Backend.OPENVINO_INT8: 100.0, Backend.OPENVINO_FP32: 50.0, Backend.TORCH_BF16: 30.0, Backend.TORCH_FP32: 20.0}
FAITHFUL, UNFAITHFUL = Fidelity(1.0, 0.99, 1e-6), Fidelity(0.99, 0.9, 0.1)
SAMPLE = Sample(passages=[f"passage {number}" for number in range(60)])


def serve_with(connection: Connection, judged: dict[Backend, Fidelity], dies: Backend | None = None) -> None:
    while True:
        request = unpack_request(connection.recv_bytes())
        if isinstance(request, Try | Judge | CompileAhead) and request.backend is dies:
            os._exit(3)
        connection.send_bytes(pack(answer(request, judged)))


def answer(request: Request, judged: dict[Backend, Fidelity]) -> Reply:
    if isinstance(request, Survey):
        work = Path(os.fsdecode(request.work))
        for name in (TOKENISER, "passages-fp32.xml", "passages-fp32.bin", "passages-int8.xml", "passages-int8.bin"):
            (work / name).write_text(name, "utf-8")
        spec = TokeniserSpec(TokeniserKind.TOKENIZERS, Cleaning.NONE, 128, fixed=False)
        return Surveyed({Tower.PASSAGES: list(RATES)}, spec, None)
    if isinstance(request, Try):
        return Tried(RATES[request.backend])
    if isinstance(request, CompileAhead):
        graph = Path(os.fsdecode(request.work)) / request.backend.graph_of(request.tower)
        ahead_of(graph).write_text(graph.name, "utf-8")
        return Compiled()
    assert isinstance(request, Judge)
    return Judged(judged[request.backend])


def serve_good_int8(connection: Connection) -> None:
    serve_with(connection, {Backend.OPENVINO_INT8: FAITHFUL, Backend.OPENVINO_FP32: FAITHFUL})


def serve_bad_int8(connection: Connection) -> None:
    serve_with(connection, {Backend.OPENVINO_INT8: UNFAITHFUL, Backend.OPENVINO_FP32: FAITHFUL})


def serve_int8_that_crashes(connection: Connection) -> None:
    serve_with(connection, {Backend.OPENVINO_FP32: FAITHFUL}, dies=Backend.OPENVINO_INT8)


def serve_nothing_faithful_but_bf16(connection: Connection) -> None:
    unfaithful = {Backend.OPENVINO_INT8: UNFAITHFUL, Backend.OPENVINO_FP32: UNFAITHFUL}
    serve_with(connection, unfaithful | {Backend.TORCH_BF16: FAITHFUL})


def serve_nothing_compiled_ahead(connection: Connection) -> None:
    while True:
        request = unpack_request(connection.recv_bytes())
        if isinstance(request, CompileAhead):
            os._exit(3)
        connection.send_bytes(pack(answer(request, {Backend.OPENVINO_INT8: FAITHFUL, Backend.OPENVINO_FP32: FAITHFUL})))


def serve_refusal(connection: Connection) -> None:
    while True:
        connection.recv_bytes()
        connection.send_bytes(pack(Failed("model", "cannot be loaded")))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(folders_under(tmp_path))
    settings.folders.create()
    put_model(settings, "reader", Form.SENTENCE_TRANSFORMERS)
    return settings


def by_backend(prepared: Prepared) -> dict[Backend, Trial]:
    return {trial.backend: trial for trial in prepared.trials}


def files(prepared: Prepared) -> set[str]:
    return {record.path for record in prepared.files}


def test_the_fastest_that_passes_is_kept_and_slower_ones_are_not_judged(settings: Settings) -> None:
    prepared = prepare_model(settings, "reader", SAMPLE, serve=serve_good_int8)
    assert prepared.kept(Tower.PASSAGES) is Backend.OPENVINO_INT8
    assert prepared.graph(Tower.PASSAGES) == ("passages-int8.xml", False)
    assert files(prepared) == {TOKENISER, "passages-int8.xml", "passages-int8.bin", "passages-int8.blob"}
    trials = by_backend(prepared)
    assert {backend: trial.rate for backend, trial in trials.items()} == RATES
    assert trials[Backend.TORCH_BF16].cosine is None
    assert "slower" in trials[Backend.TORCH_FP32].note
    assert prepared.sample == len(SAMPLE.passages)


def test_what_fails_the_gate_gives_way_to_the_next(settings: Settings) -> None:
    prepared = prepare_model(settings, "reader", SAMPLE, serve=serve_bad_int8)
    assert prepared.kept(Tower.PASSAGES) is Backend.OPENVINO_FP32
    assert files(prepared) == {TOKENISER, "passages-fp32.xml", "passages-fp32.bin", "passages-fp32.blob"}
    assert by_backend(prepared)[Backend.OPENVINO_INT8].overlap == UNFAITHFUL.overlap


def test_a_back_end_that_crashes_costs_itself_alone(settings: Settings) -> None:
    prepared = prepare_model(settings, "reader", SAMPLE, serve=serve_int8_that_crashes)
    assert prepared.kept(Tower.PASSAGES) is Backend.OPENVINO_FP32
    crashed = by_backend(prepared)[Backend.OPENVINO_INT8]
    assert (crashed.rate, crashed.passed) == (None, False)
    assert "code 3" in crashed.note


def test_a_graph_that_cannot_be_compiled_ahead_is_kept_all_the_same(settings: Settings) -> None:
    prepared = prepare_model(settings, "reader", SAMPLE, serve=serve_nothing_compiled_ahead)
    assert files(prepared) == {TOKENISER, "passages-int8.xml", "passages-int8.bin"}


def test_queries_go_through_torch_where_no_graph_is_faithful(settings: Settings) -> None:
    prepared = prepare_model(settings, "reader", SAMPLE, serve=serve_nothing_faithful_but_bf16)
    assert prepared.kept(Tower.PASSAGES) is Backend.TORCH_BF16
    assert prepared.graph(Tower.PASSAGES) is None
    assert files(prepared) == {TOKENISER}


def test_a_model_that_cannot_be_loaded_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        prepare_model(settings, "reader", SAMPLE, serve=serve_refusal)
    assert not (settings.folders.models / ".prepared").exists()


def test_preparing_again_replaces_what_was_there(settings: Settings) -> None:
    prepare_model(settings, "reader", SAMPLE, serve=serve_good_int8)
    again = prepare_model(settings, "reader", SAMPLE, serve=serve_bad_int8)
    (folder,) = (settings.folders.models / ".prepared").iterdir()
    assert {path.name for path in folder.iterdir()} == files(again) | {"prepared.toml"}
