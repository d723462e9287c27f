"""Meaning, through the trained demo models on the paths that real ones take."""

from __future__ import annotations

import io
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.config import Settings, folders_under
from core.models.base import SAMPLE_RATE_HZ
from core.models.host import EncoderHost, SpeechHost
from core.models.library import import_model, use_model
from core.resources import resource
from core.types import SpeechSpan
from tests.demo.captions import caption_en, caption_zh
from tests.demo.evaluate_whisper import alignment
from tests.demo.world import Scene, draw, sample_scenes

GALLERY = 60


def demo_settings(folder: Path, name: str) -> Settings:
    """A home in which a demo model is chosen; the test is skipped as long as that model is not shipped."""
    try:
        bundle = resource("demo", "models", name)
    except FileNotFoundError:
        pytest.skip(f"resources/demo/models/{name} is not there")
    settings = Settings(folders_under(folder), languages=("en",))
    settings.folders.create()
    info = import_model(settings, bundle, demo=True)
    assert (info.demo, info.active) == (True, False)
    return use_model(settings, info.name)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderHost]:
    host = EncoderHost(demo_settings(tmp_path_factory.mktemp("photo"), "demo-clip"))
    yield host
    host.close()


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeechHost]:
    host = SpeechHost(demo_settings(tmp_path_factory.mktemp("speech"), "demo-whisper"))
    yield host
    host.close()


def jpeg(scene: Scene) -> bytes:
    stream = io.BytesIO()
    draw(scene, 384).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def recall(scores: np.ndarray, depth: int) -> float:
    """Share of rows whose own column is among the best ``depth``."""
    best = np.argsort(-scores, axis=1)[:, :depth]
    return float(np.mean([row in best[row] for row in range(len(scores))]))


@pytest.mark.slow
def test_words_find_drawings_that_training_never_saw(encoders: EncoderHost) -> None:
    scenes = sample_scenes(GALLERY, seed=4242, held_out=True)
    rng = random.Random(7)
    pictures = encoders.encode_images([jpeg(scene) for scene in scenes])
    english = encoders.encode_photo_texts([caption_en(scene, rng, full=True).text for scene in scenes])
    chinese = encoders.encode_photo_texts([caption_zh(scene, rng, full=True).text for scene in scenes])
    assert recall(english @ pictures.T, 1) >= 0.7
    assert recall(english @ pictures.T, 5) >= 0.95
    assert recall(chinese @ pictures.T, 5) >= 0.85


@pytest.mark.slow
def test_sentences_are_heard_with_their_times(speech: SpeechHost, tmp_path: Path) -> None:
    document = tomllib.loads(resource("demo", "recordings.toml").read_text("utf-8"))
    said: list[str] = []
    heard: list[str] = []
    for file in [file for file in document["file"] if file.get("sentence")][:6]:
        spans = transcribe(speech, resource("demo", "library") / file["path"], tmp_path / "samples")
        for sentence in file["sentence"]:
            mine = [span for span in spans if abs(span.start_s - sentence["start_s"]) <= 0.5]
            assert mine, f"{file['path']}: nothing heard at {sentence['start_s']} s"
            assert abs(mine[-1].end_s - sentence["end_s"]) <= 0.5
            said += words(sentence["text"])
            heard += words(" ".join(span.text for span in mine))
    assert len(alignment(said, heard)) <= 0.1 * len(said)


def transcribe(speech: SpeechHost, recording: Path, pcm: Path) -> list[SpeechSpan]:
    import av

    with av.open(str(recording)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype("<f4").tofile(pcm)
    return speech.transcribe(pcm)


def words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
