"""Models from folders: recognised, checked in a child, installed; what is wrong is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.errors import Cancelled, ModelError, UnreadableError
from core.models.catalogue import Catalogue, shipped_catalogue
from core.models.host import EncoderHost, SpeechHost
from core.models.installed import WORK_FOLDER, find_installed
from core.models.library import import_model, list_models, use_model
from core.types import ModelRole
from tests.core.model_bundles import (
    CLIP_DIM,
    TEXT_DIM,
    make_clip,
    make_multilingual_clip,
    make_sentence_transformer,
    make_whisper,
    minilm_folder,
)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    make_clip(folder / "tiny-clip")
    make_multilingual_clip(folder / "tiny-xlm")
    make_sentence_transformer(folder / "tiny-st")
    make_whisper(folder / "tiny-whisper" / "any-name.pt")
    return folder


@pytest.fixture
def host(settings: Settings) -> Iterator[EncoderHost]:
    host = EncoderHost(settings)
    yield host
    host.close()


def jpeg(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (200, 120), colour).save(stream, "JPEG")
    return stream.getvalue()


def nothing_installed(settings: Settings) -> bool:
    return {path.name for path in settings.folders.models.iterdir()} <= {WORK_FOLDER}


@pytest.mark.slow
def test_a_clip_bundle_in_half_precision_encodes_pictures_and_words(
    settings: Settings, bundles: Path, host: EncoderHost
) -> None:
    info = import_model(settings, bundles / "tiny-clip")
    assert (info.role, info.dim, info.installed, info.active) == (ModelRole.PHOTO, CLIP_DIM, True, True)
    assert host.reload(settings)

    pictures = host.encode_images([jpeg("red"), jpeg("blue"), jpeg("red")] * 4)
    assert pictures.shape == (12, CLIP_DIM)
    assert np.allclose(np.linalg.norm(pictures, axis=1), 1, atol=1e-5)
    assert np.allclose(pictures[0], pictures[2], atol=1e-6)
    assert not np.allclose(pictures[0], pictures[1], atol=1e-4)
    assert host.encode_photo_texts(["a dog", "a cat"]).shape == (2, CLIP_DIM)

    with pytest.raises(UnreadableError, match="preview 2 of the batch"):
        host.encode_images([jpeg("red"), b"no picture"])
    weights = settings.folders.models / "tiny-clip" / "open_clip_model.safetensors"
    weights.write_bytes(b"\0" + weights.read_bytes()[1:])
    fresh = EncoderHost(settings)
    try:
        with pytest.raises(ModelError, match="sha256 differs"):
            fresh.encode_photo_texts(["a dog"])
    finally:
        fresh.close()


@pytest.mark.slow
def test_a_text_tower_from_transformers_loads_from_the_folder_alone(
    settings: Settings, bundles: Path, host: EncoderHost
) -> None:
    import_model(settings, bundles / "tiny-xlm")
    host.reload(settings)
    vectors = host.encode_photo_texts(["a dog", "ein Hund", "a dog"])
    assert np.allclose(vectors[0], vectors[2], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-4)


@pytest.mark.slow
def test_a_sentence_transformers_folder_becomes_a_text_encoder_when_chosen(
    settings: Settings, bundles: Path, host: EncoderHost
) -> None:
    info = import_model(settings, bundles / "tiny-st")
    assert (info.role, info.dim, info.active) == (ModelRole.TEXT, TEXT_DIM, False)
    assert host.encode_queries(["boats"]).shape == (1, 384), "the shipped one stays in use"
    assert host.reload(use_model(settings, "tiny-st"))
    assert host.encode_queries(["boats"]).shape == (1, TEXT_DIM)


def test_prompts_of_the_folder_become_prefixes(settings: Settings, bundles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with-prompts"
    shutil.copytree(bundles / "tiny-st", folder)
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts), "utf-8")
    import_model(settings, folder)
    model = find_installed(settings, "with-prompts")
    assert model is not None
    assert (model.manifest.query_prefix, model.manifest.passage_prefix) == ("query: ", "passage: ")


def test_a_whisper_checkpoint_is_taken_from_a_folder_or_a_file(settings: Settings, bundles: Path) -> None:
    assert import_model(settings, bundles / "tiny-whisper").name == "tiny-whisper"
    assert import_model(settings, bundles / "tiny-whisper" / "any-name.pt").name == "any-name"
    speech = SpeechHost(settings)
    assert (speech.model() or "").startswith("any-name@")


def test_a_demo_model_is_marked_and_waits_to_be_chosen(settings: Settings, bundles: Path) -> None:
    info = import_model(settings, bundles / "tiny-clip", demo=True)
    assert (info.demo, info.active) == (True, False)
    assert "demo" in info.title.lower()
    chosen = {info.name: info.active for info in list_models(use_model(settings, "tiny-clip"))}
    assert chosen["tiny-clip"]


@pytest.mark.slow
def test_a_folder_that_another_findling_installed_keeps_its_name(
    settings: Settings, bundles: Path, tmp_path: Path
) -> None:
    import_model(settings, bundles / "tiny-clip", demo=True)
    carried = tmp_path / "stick" / "renamed folder"
    shutil.copytree(settings.folders.models / "tiny-clip", carried)
    other = Settings(folders_under(tmp_path / "other"))
    info = import_model(other, carried)
    assert (info.name, info.demo) == ("tiny-clip", True)


@pytest.mark.slow
def test_a_clone_of_a_known_repository_is_taken_for_its_model(
    settings: Settings, bundles: Path, tmp_path: Path
) -> None:
    entry = replace(shipped_catalogue().get("ViT-B-32"), dim=CLIP_DIM)
    clone = tmp_path / "CLIP-ViT-B-32-laion2B-s34B-b79K"
    shutil.copytree(bundles / "tiny-clip", clone)
    info = import_model(settings, clone, catalogue=Catalogue((entry,)))
    assert (info.name, info.licence, info.languages) == ("ViT-B-32", "MIT", "English")

    with pytest.raises(ModelError, match="vectors of 512 numbers, and these give 16"):
        import_model(settings, clone)


def test_a_model_may_not_pass_for_the_shipped_one(settings: Settings, bundles: Path, tmp_path: Path) -> None:
    impostor = tmp_path / "all-MiniLM-L6-v2"
    shutil.copytree(bundles / "tiny-st", impostor)
    with pytest.raises(ModelError, match="not the weights"):
        import_model(settings, impostor)
    impostor = tmp_path / "ViT-B-32"
    shutil.copytree(bundles / "tiny-st", impostor)
    with pytest.raises(ModelError, match="another kind of model"):
        import_model(settings, impostor)


def test_a_bundle_without_weights_is_refused_not_started_at_random(
    settings: Settings, bundles: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hollow"
    shutil.copytree(bundles / "tiny-clip", folder)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights"):
        import_model(settings, folder)
    assert nothing_installed(settings)


def test_cut_weights_are_refused(settings: Settings, bundles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(bundles / "tiny-clip", folder)
    weights = folder / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot be loaded by open_clip"):
        import_model(settings, folder)
    assert nothing_installed(settings)


class Evil:
    """A pickle that would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["whisper", "open_clip"])
def test_a_pickle_with_a_program_is_refused_and_not_run(
    settings: Settings, bundles: Path, tmp_path: Path, form: str
) -> None:
    import torch

    folder, trace = tmp_path / "evil", tmp_path / "it-ran"
    folder.mkdir()
    if form == "open_clip":
        shutil.copyfile(bundles / "tiny-clip" / "open_clip_config.json", folder / "open_clip_config.json")
    name = "evil.pt" if form == "whisper" else "open_clip_pytorch_model.bin"
    torch.save({"dims": {}, "model_state_dict": Evil(trace)}, folder / name)
    with pytest.raises(ModelError, match="could run a program"):
        import_model(settings, folder)
    assert not trace.exists()
    assert nothing_installed(settings)


def test_text_weights_are_taken_from_safetensors_only(settings: Settings, bundles: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old-form"
    shutil.copytree(bundles / "tiny-st", folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        import_model(settings, folder)


def test_an_unknown_folder_says_what_was_expected(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither open_clip_config\.json, nor modules\.json") as caught:
        import_model(settings, tmp_path)
    assert caught.value.path == tmp_path
    with pytest.raises(ModelError, match="no folder"):
        import_model(settings, tmp_path / "nowhere")


def test_an_import_can_be_cancelled(settings: Settings, bundles: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        import_model(settings, bundles / "tiny-clip", cancel=cancel)
    assert nothing_installed(settings)


def test_the_shipped_text_model_can_be_brought_from_a_disk(settings: Settings) -> None:
    info = import_model(settings, minilm_folder())
    assert info.name == "all-MiniLM-L6-v2", "known by the digest of its weights"
    assert (info.installed, info.dim) == (True, 384)
