"""Model files are numbers to us, never programs: how they are opened, and what becomes of one that was swapped."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import Settings, folders_under
from core.errors import ModelError
from core.models.host import EncoderHost
from core.models.installed import find_installed, read_manifest, record_files, write_manifest
from core.models.library import import_model
from tests.core.model_bundles import make_clip

MODELS = Path(__file__).resolve().parents[2] / "core" / "models"


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in sorted(MODELS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def options(call: ast.Call) -> dict[str, object]:
    return {one.arg: one.value.value for one in call.keywords if one.arg and isinstance(one.value, ast.Constant)}


def test_nothing_unpickles_a_model() -> None:
    names = {name for _, _, name in calls()}
    assert not {name for name in names if name.partition(".")[0] in ("pickle", "dill", "joblib", "marshal", "shelve")}
    assert not names & {"exec", "eval", "torch.jit.load", "torch.hub.load", "compile"}


def test_torch_loads_weights_only_and_numpy_no_objects() -> None:
    loads = [
        (path.name, call, name) for path, call, name in calls() if name in ("torch.load", "np.load", "np.fromfile")
    ]
    assert any(name == "torch.load" for _, _, name in loads)
    for path, call, name in loads:
        if name == "torch.load":
            assert options(call).get("weights_only") is True, (path, call.lineno)
        assert options(call).get("allow_pickle", False) is False, (path, call.lineno)


def test_no_library_is_let_to_run_a_models_own_code_or_to_take_pickles() -> None:
    names = {name for _, _, name in calls()}
    assert {"open_clip.create_model_from_pretrained", "SentenceTransformer"} <= names
    for path, call, name in calls():
        given = options(call)
        assert given.get("trust_remote_code", False) is False, (path, call.lineno)
        if name.startswith("open_clip.create_model"):
            assert given.get("weights_only") is True, (path, call.lineno)
        if name.endswith("SentenceTransformer"):
            kwargs = next((ast.unparse(one.value) for one in call.keywords if one.arg == "model_kwargs"), "")
            assert "'use_safetensors': True" in kwargs, (path, call.lineno)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    make_clip(folder / "tiny-clip")
    return folder


@pytest.fixture
def settings(tmp_path: Path, bundles: Path) -> Settings:
    settings = Settings(folders_under(tmp_path / "home"))
    settings.folders.create()
    import_model(settings, bundles / "tiny-clip")
    return settings


@pytest.mark.skipif(os.name == "nt", reason="the time of the last change of anything is one of POSIX")
def test_a_swapped_model_is_refused_by_the_child_and_the_other_goes_on(settings: Settings) -> None:
    weights = settings.folders.models / "tiny-clip" / "open_clip_model.safetensors"
    stat = weights.stat()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    host = EncoderHost(settings)
    try:
        with pytest.raises(ModelError, match=r"not the one that was installed.*fetch it again") as refused:
            host.encode_photo_texts(["a boat"])
        assert refused.value.path == str(weights)
        assert "\n" not in str(refused.value)
        assert host.encode_queries(["a boat"]).shape == (1, 384)
    finally:
        host.close()


def test_a_pickle_that_took_the_place_of_weights_is_not_run_even_when_the_manifest_agrees(
    settings: Settings, tmp_path: Path
) -> None:
    """Somebody who can write the models' folder can write the manifest as well."""
    import torch

    trace = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(trace),)

    folder = settings.folders.models / "tiny-clip"
    manifest = read_manifest(folder)
    (folder / manifest.weights).unlink()
    torch.save({"weights": Evil()}, folder / "open_clip_pytorch_model.bin")
    write_manifest(folder, replace(manifest, weights="open_clip_pytorch_model.bin", files=record_files(folder)))
    model = find_installed(settings, "tiny-clip")
    assert model is not None
    host = EncoderHost(settings)
    try:
        with pytest.raises(ModelError, match="could run a program"):
            host.encode_photo_texts(["a boat"])
    finally:
        host.close()
        shutil.rmtree(folder)
    assert not trace.exists()
