"""Homes of Findling for a measurement: fresh ones, with a photo model of real size, and large made-up libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from core.config import Settings, folders_under, save_settings
from core.engine import Engine
from core.models.catalogue import DEFAULT_PREPROCESSING, ROLE_OF_FORM, Form
from core.models.installed import InstalledModel, Manifest, find_installed, record_files, write_manifest
from core.types import CpuShare
from tests.benchmarks.harness import Bench

PHOTO_MODEL = "random-vit-b-32"
PHOTO_DIM = 512


def models_folder(bench: Bench) -> Path:
    """A models folder that holds a ViT-B-32 with random weights: the cost of the real one, without its download."""

    def make(folder: Path) -> None:
        import open_clip
        import torch
        from safetensors.torch import save_file

        torch.manual_seed(0)
        model = open_clip.create_model("ViT-B-32", pretrained=None)
        inside = folder / PHOTO_MODEL
        inside.mkdir()
        state = {
            name: (value.half() if value.is_floating_point() else value).contiguous()
            for name, value in model.state_dict().items()
        }
        save_file(state, inside / "open_clip_model.safetensors")
        config = {
            "model_cfg": open_clip.get_model_config("ViT-B-32"),
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

    return bench.kept("models", make)


def settings_at(home: Path, models: Path | None = None) -> Settings:
    """Settings that use the whole computer and wait for nobody: what is measured is the work, not its manners.

    ``models`` is a models folder that several homes share; the home's own is empty.
    """
    folders = folders_under(home)
    if models is not None:
        folders = replace(folders, models=models)
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
    settings = Settings(replace(folders_under(bench.scratch / "nowhere"), models=models_folder(bench)))
    model = find_installed(settings, PHOTO_MODEL)
    assert model is not None
    return model
