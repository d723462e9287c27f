"""Preparing models and what runs from it: real libraries, tiny models with random weights, children of their own."""

from __future__ import annotations

import os
import random
import shutil
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.errors import Cancelled, ModelMissingError, UsageError
from core.models.catalogue import ROLE_OF_FORM, Form
from core.models.encoders import image_encoder, text_encoder
from core.models.host import EncoderHost
from core.models.installed import InstalledModel, Manifest, find_installed, record_files, write_manifest
from core.models.prepare import Sample, prepare_model, probe_backends
from core.models.prepared import MANIFEST, Prepared, prepared_folder, read_prepared
from core.models.reference import sample_jpegs
from core.models.runtime import Graph, ahead_of, has_nncf
from core.models.specs import Backend, Tower
from core.models.towers import OPENVINO_STEP, query_tower
from core.models.worker import serve_models
from tests.core.model_bundles import CLIP_DIM, TEXT_DIM, make_clip, make_sentence_transformer

WORDS = (
    "an",
    "old",
    "red",
    "blue",
    "dog",
    "boat",
    "house",
    "runs",
    "beside",
    "under",
    "the",
    "small",
    "sea",
    "3",
    "it's",
)


def some_texts(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for _ in range(count)]


SAMPLE = Sample(pictures=sample_jpegs(), passages=some_texts(60), texts=some_texts(20, seed=2))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with two tiny models, prepared."""
    base = tmp_path_factory.mktemp("prepared")
    settings = Settings(folders_under(base / "home"))
    settings.folders.create()
    installed_as_it_is(make_clip(settings.folders.models / "tiny-clip"), Form.OPEN_CLIP, CLIP_DIM)
    installed_as_it_is(
        make_sentence_transformer(settings.folders.models / "tiny-text"), Form.SENTENCE_TRANSFORMERS, TEXT_DIM
    )
    for name in ("tiny-clip", "tiny-text"):
        prepare_model(settings, name, SAMPLE, seconds=0.01, serve=serve_without_int8)
    return settings


def installed_as_it_is(folder: Path, form: Form, dim: int) -> None:
    """Installing loads a model in a child of its own, which other tests look at."""
    weights = next(path.name for path in folder.iterdir() if path.suffix == ".safetensors")
    manifest = Manifest(
        name=folder.name,
        role=ROLE_OF_FORM[form],
        form=form,
        title=folder.name,
        licence="MIT",
        languages="English",
        preprocessing="1",
        weights=weights,
        source="a folder",
        files=record_files(folder),
        dim=dim,
        query_prefix="query: " if form is Form.SENTENCE_TRANSFORMERS else "",
    )
    write_manifest(folder, manifest)


def serve_without_int8(connection: Connection) -> None:
    """Quantising takes its time; a test of its own does it."""
    from core.models import trials

    trials.has_nncf = lambda: False
    serve_models(connection)


def installed(settings: Settings, name: str) -> InstalledModel:
    model = find_installed(settings, name)
    assert model is not None
    return model


def prepared(settings: Settings, name: str) -> tuple[InstalledModel, Path, Prepared]:
    model = installed(settings, name)
    folder = prepared_folder(settings, model)
    manifest = read_prepared(folder, model)
    assert manifest is not None
    return model, folder, manifest


@pytest.fixture
def copied(settings: Settings, tmp_path: Path) -> Settings:
    """The same home again, to be spoilt."""
    shutil.copytree(settings.folders.models, tmp_path / "models")
    return Settings(folders_under(tmp_path))


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    assert left.shape == right.shape
    assert np.allclose(np.linalg.norm(left, axis=1), 1, atol=1e-5)
    return np.sum(left * right, axis=1)


def test_every_tower_keeps_one_back_end_that_passed(settings: Settings) -> None:
    for name, towers in (("tiny-clip", {Tower.PICTURES, Tower.WORDS}), ("tiny-text", {Tower.PASSAGES})):
        _, folder, manifest = prepared(settings, name)
        kept = [trial for trial in manifest.trials if trial.kept]
        assert {trial.tower for trial in kept} == towers
        assert len(kept) == len(towers)
        assert all(trial.passed and trial.rate for trial in kept)
        assert {path.name for path in folder.iterdir()} == {record.path for record in manifest.files} | {MANIFEST}


def test_too_few_pictures_keep_float32(settings: Settings) -> None:
    _, _, manifest = prepared(settings, "tiny-clip")
    assert manifest.kept(Tower.PICTURES) in (Backend.TORCH_FP32, Backend.OPENVINO_FP32)


def test_queries_are_encoded_as_the_model_itself_does(settings: Settings) -> None:
    texts = ["", "boat", "a red boat & a dog's <b>house</b> at the sea", "北京 café", *some_texts(20, seed=3)]
    for name in ("tiny-clip", "tiny-text"):
        model, folder, _ = prepared(settings, name)
        tower = query_tower(model, folder, threads=1)
        assert tower is not None
        assert tower.space == model.space
        own = image_encoder(model, None) if name == "tiny-clip" else text_encoder(model, None)
        expected = own.encode_texts(texts) if name == "tiny-clip" else own.encode_queries(texts)
        found = tower.encode(texts)
        assert found.dtype == np.float32
        assert cosines(found, expected).min() >= 0.9999
        assert tower.encode([]).shape == (0, model.space.dim)


def test_what_was_compiled_ahead_answers_as_the_graph_does(settings: Settings, tmp_path: Path) -> None:
    for name, tower in (("tiny-clip", Tower.WORDS), ("tiny-text", Tower.PASSAGES)):
        _, folder, manifest = prepared(settings, name)
        file, bf16 = manifest.graph(tower) or ("", False)
        assert ahead_of(folder / file).stat().st_size < (folder / file).with_suffix(".bin").stat().st_size
        plain, damaged = (shutil.copytree(folder, tmp_path / f"{name}-{how}") / file for how in ("plain", "damaged"))
        ahead_of(plain).unlink()
        ahead_of(damaged).write_bytes(b"no plan of anything")
        ids = np.ones((1, 5 if tower is Tower.PASSAGES else 77), np.int32)
        rows = [
            Graph(path, threads=1, latency=True, bf16=bf16)(ids, np.ones_like(ids))
            for path in (folder / file, plain, damaged)
        ]
        assert np.array_equal(rows[0], rows[1])
        assert np.array_equal(rows[0], rows[2])


def test_pictures_and_passages_go_through_what_was_kept(settings: Settings) -> None:
    model, folder, _ = prepared(settings, "tiny-clip")
    jpegs = sample_jpegs() * 3
    found, own = (image_encoder(model, where).encode_images(jpegs) for where in (folder, None))
    assert cosines(found, own).min() >= 0.9999
    model, folder, _ = prepared(settings, "tiny-text")
    texts = some_texts(40, seed=4)
    found, own = (text_encoder(model, where).encode_passages(texts) for where in (folder, None))
    assert cosines(found, own).min() >= 0.9999


def test_a_graph_is_compiled_for_few_shapes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO keeps what it compiles for each: a child that encodes for hours would grow and grow."""
    widths: set[int] = set()
    run = Graph.__call__

    def seen(graph: Graph, *arrays: np.ndarray) -> np.ndarray:
        widths.add(arrays[0].shape[1])
        return run(graph, *arrays)

    monkeypatch.setattr(Graph, "__call__", seen)
    model, folder, _ = prepared(settings, "tiny-text")
    tower = query_tower(model, folder, threads=1)
    assert tower is not None
    for words in range(1, 300, 3):
        tower.encode([" ".join(["boat"] * words)])
    assert max(widths) == 256, "what is longer than the model reads is cut as before"
    assert widths == set(range(OPENVINO_STEP, 257, OPENVINO_STEP))


def test_the_host_uses_what_was_prepared_and_the_space_stays(settings: Settings) -> None:
    host = EncoderHost(settings)
    try:
        space = host.text_space()
        assert space is not None
        rows = host.encode_passages(some_texts(5))
        assert rows.shape == (5, space.dim)
        assert host.encode_images(sample_jpegs()).shape[0] == len(sample_jpegs())
    finally:
        host.close()


def test_what_belongs_to_something_else_is_not_used(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    model, folder, _ = prepared(copied, "tiny-text")
    assert query_tower(model, folder) is not None
    other_weights = InstalledModel(model.folder, model.manifest, "0" * 64)
    assert query_tower(other_weights, folder) is None
    assert query_tower(model, folder / "nowhere") is None
    with monkeypatch.context() as patch:
        patch.setattr("core.models.prepared.openvino_version", lambda: "1.0")
        assert query_tower(model, folder) is None
    with monkeypatch.context() as patch:
        patch.setattr("core.models.prepared._machine", lambda: "another processor")
        assert query_tower(model, folder) is None


@pytest.mark.parametrize("suffix", [".bin", ".xml", ".blob", ".json", ".toml"])
def test_a_changed_file_is_not_used(copied: Settings, suffix: str) -> None:
    model, folder, _ = prepared(copied, "tiny-text")
    changed = next(path for path in folder.iterdir() if path.suffix == suffix)
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    if suffix == ".toml":
        changed.write_text("version = ", "utf-8")
    assert query_tower(model, folder) is None
    rows = text_encoder(model, folder).encode_passages(["a dog"])  # the model itself still works
    assert rows.shape == (1, model.space.dim)


def test_files_that_were_only_touched_are_used(copied: Settings) -> None:
    model, folder, _ = prepared(copied, "tiny-text")
    for path in folder.iterdir():
        if path.name != MANIFEST:
            os.utime(path)
    assert query_tower(model, folder) is not None


def test_a_cancelled_run_leaves_the_old_state(copied: Settings) -> None:
    _, folder, before = prepared(copied, "tiny-text")
    cancel = CancelToken()

    def stop(done: int, total: int, what: str) -> None:
        if done >= 1:
            cancel.cancel()

    with pytest.raises(Cancelled):
        prepare_model(copied, "tiny-text", SAMPLE, stop, cancel, seconds=0.01)
    assert read_prepared(folder, installed(copied, "tiny-text")) == before


def test_what_cannot_be_prepared_is_told(settings: Settings) -> None:
    with pytest.raises(UsageError):
        prepare_model(settings, "nothing of that name", SAMPLE)
    with pytest.raises(ModelMissingError):
        prepare_model(settings, "ViT-B-32", SAMPLE)


def test_without_openvino_the_model_runs_as_it_came(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    model, folder, _ = prepared(copied, "tiny-text")
    monkeypatch.setattr("core.models.towers.has_openvino", lambda: False)
    assert query_tower(model, folder) is None


@pytest.mark.slow
def test_int8_is_made_and_judged(settings: Settings, tmp_path: Path) -> None:
    if not has_nncf():  # asked without importing it, which would bring OpenVINO's telemetry into this process
        pytest.skip("nncf is not installed")
    trials = probe_backends(installed(settings, "tiny-text"), SAMPLE, tmp_path, seconds=0.01)
    found = {trial.backend: trial for trial in trials}
    assert found[Backend.TORCH_FP32].passed
    int8 = found[Backend.OPENVINO_INT8]
    assert int8.rate is not None
    assert int8.cosine is not None
    assert 0.9 < int8.cosine < 1
    assert int8.overlap is not None
    assert sum(trial.kept for trial in trials) == 1
