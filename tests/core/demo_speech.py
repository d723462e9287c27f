"""The demo's trained Whisper as an installed model, and the demo's recordings as samples."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from core.models.base import SAMPLE_RATE_HZ
from core.models.catalogue import Form
from core.models.installed import InstalledModel, Manifest, record_files
from core.models.speech import find_speech
from core.types import ModelRole

DEMO = Path(__file__).parents[2] / "resources" / "demo"
CHECKPOINT = DEMO / "models" / "demo-whisper" / "demo-whisper.pt"


def installed_whisper(models: Path, checkpoint: Path = CHECKPOINT) -> InstalledModel:
    """The checkpoint in a folder below ``models``, as an installation leaves it."""
    folder = models / checkpoint.stem
    folder.mkdir(parents=True)
    shutil.copyfile(checkpoint, folder / checkpoint.name)
    manifest = Manifest(
        name=checkpoint.stem,
        role=ModelRole.SPEECH,
        form=Form.WHISPER,
        title=checkpoint.stem,
        licence="not stated",
        languages="not stated",
        preprocessing="silero-windows-1",
        weights=checkpoint.name,
        source="a folder",
        files=record_files(folder),
    )
    return InstalledModel(folder, manifest, manifest.weights_id)


def samples_of(path: Path) -> np.ndarray:
    """A recording as mono float32 samples at 16 kHz, shape (n,)."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)


def spoken_windows() -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Every window of the demo's recordings in which somebody speaks, with the samples of its recording."""
    for entry in tomllib.loads((DEMO / "recordings.toml").read_text("utf-8"))["file"]:
        if "sentence" in entry:
            samples = samples_of(DEMO / "library" / entry["path"])
            for window in find_speech(samples):
                yield samples, window
