"""Homes of Findling for a measurement: fresh ones, with a photo model of real size, and large made-up libraries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.config import HOME_VARIABLE, Settings, folders_under, save_settings
from core.engine import Engine
from core.models.catalogue import DEFAULT_PREPROCESSING, ROLE_OF_FORM, Form
from core.models.installed import (
    InstalledModel,
    Manifest,
    active_model,
    find_installed,
    record_files,
    write_manifest,
)
from core.types import CpuShare, ModelRole
from tests.benchmarks.harness import Bench, Size

PHOTO_MODEL = "random-vit-b-32"
PHOTO_DIM = 512
_TINY: dict[str, Any] = {
    "embed_dim": PHOTO_DIM,
    "vision_cfg": {"image_size": 224, "layers": 1, "width": 64, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}


def models_folder(bench: Bench) -> Path:
    """A models folder that holds a ViT-B-32 with random weights: the cost of the real one, without its download."""

    def make(folder: Path) -> None:
        import open_clip
        import torch
        from safetensors.torch import save_file

        torch.manual_seed(0)
        shape = bench.pick(_TINY, open_clip.get_model_config("ViT-B-32"))
        model = open_clip.CLIP(**shape)
        inside = folder / PHOTO_MODEL
        inside.mkdir()
        state = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in model.state_dict().items()
        }
        save_file(state, inside / "open_clip_model.safetensors")
        config = {
            "model_cfg": shape,
            "preprocess_cfg": {
                "mean": [0.48145466, 0.4578275, 0.40821073],
                "std": [0.26862954, 0.26130258, 0.27577711],
            },
        }
        (inside / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
        manifest = Manifest(
            name=PHOTO_MODEL,
            role=ROLE_OF_FORM[Form.OPEN_CLIP],
            form=Form.OPEN_CLIP,
            title="ViT-B-32 with random weights",
            licence="none needed",
            languages="none",
            preprocessing=DEFAULT_PREPROCESSING[Form.OPEN_CLIP],
            weights="open_clip_model.safetensors",
            source="made for a benchmark",
            files=record_files(inside),
            dim=PHOTO_DIM,
        )
        write_manifest(inside, manifest)

    return bench.kept(bench.pick("models-tiny", "models"), make)


def settings_at(home: Path, models: Path | None = None) -> Settings:
    """Settings that use the whole computer and wait for nobody: what is measured is the work, not its manners.

    ``models`` is a models folder that several homes share; the home's own is empty.
    """
    folders = folders_under(home)
    if models is not None and not folders.models.exists():
        home.mkdir(parents=True, exist_ok=True)
        folders.models.symlink_to(models, target_is_directory=True)
    settings = Settings(folders, cpu_share=CpuShare.FULL, pause_on_battery=False, pause_when_busy=False)
    folders.create()
    save_settings(settings)
    return settings


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """An engine that is closed afterwards."""
    engine = Engine.open(settings)
    try:
        yield engine
    finally:
        engine.close()


def photo_model(bench: Bench) -> InstalledModel:
    """The ViT-B-32 of ``models_folder``."""
    model = find_installed(settings_at(bench.scratch / "nowhere", models_folder(bench)), PHOTO_MODEL)
    assert model is not None
    return model


def prepare_text(bench: Bench, settings: Settings) -> str:
    """Prepare the text model as a fetch would, where that was not done before; the back-end that was kept."""
    from core.models.prepare import prepare_model
    from core.models.prepared import prepared_folder, read_prepared
    from core.models.specs import Backend, Tower
    from tests.benchmarks import backends

    model = active_model(settings, ModelRole.TEXT)
    assert model is not None
    prepared = read_prepared(prepared_folder(settings, model), model)
    if prepared is None:
        if bench.size is Size.TINY:
            return str(Backend.TORCH_FP32)  # preparing takes minutes
        prepared = prepare_model(settings, model.name, backends.sample(model.role))
    return str(prepared.kept(Tower.PASSAGES))


def environment(settings: Settings) -> dict[str, str]:
    """For a process of its own that works on this home; a window in it is drawn into memory."""
    home = settings.folders.data.parent
    return {**os.environ, HOME_VARIABLE: str(home), "QT_QPA_PLATFORM": "offscreen", "HF_HUB_OFFLINE": "1"}
