"""Voice activity with the real detector, and the decoding path with a Whisper of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.cancel import CancelToken
from core.config import Settings, folders_under
from core.errors import Cancelled, UnreadableError
from core.models.base import SAMPLE_RATE_HZ
from core.models.host import SpeechHost
from core.models.installed import find_installed
from core.models.library import import_model
from core.models.speech import WhisperTranscriber, find_speech, map_samples
from core.models.voice_activity import regions_by_frames, speech_regions
from core.models.windows import WINDOW_S
from core.types import SpeechSpan
from tests.core.demo_speech import samples_of
from tests.core.model_bundles import make_whisper


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("speech")
    settings = Settings(folders_under(folder / "home"))
    settings.folders.create()
    import_model(settings, make_whisper(folder / "tiny.pt"))
    return settings


@pytest.fixture(scope="module")
def transcriber(settings: Settings) -> WhisperTranscriber:
    model = find_installed(settings, "tiny")
    assert model is not None
    return WhisperTranscriber(model, temperatures=[0.0])  # random weights fail at every temperature


@pytest.fixture(scope="module")
def spoken(corpora: Path) -> np.ndarray:
    """Eleven seconds of speech, mono at 16 kHz."""
    return samples_of(corpora / "speech" / "jfk" / "jfk.flac")


def tone(length_s: float) -> np.ndarray:
    times = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def test_silence_noise_and_tones_hold_no_speech() -> None:
    noise = np.random.default_rng(3).normal(0, 0.02, 5 * SAMPLE_RATE_HZ).astype(np.float32)
    for samples in (np.zeros(5 * SAMPLE_RATE_HZ, np.float32), noise, tone(5), np.zeros(0, np.float32)):
        assert find_speech(samples) == []


def recordings(corpora: Path) -> list[np.ndarray]:
    """The beginnings of ten recordings of the corpus, mono at 16 kHz."""
    paths = sorted(path for path in (corpora / "speech").rglob("*") if path.suffix in (".wav", ".flac", ".mp3"))
    return [samples_of(path)[: 4 * SAMPLE_RATE_HZ] for path in paths[::5]]


def test_blocks_find_the_regions_that_single_frames_find(corpora: Path) -> None:
    for samples in recordings(corpora):
        assert speech_regions(samples) == regions_by_frames(samples)


def test_blocks_hand_their_state_on(spoken: np.ndarray) -> None:
    """Several blocks, regions over their borders, a pause longer than a block, and a last frame that is not full."""
    pause = np.zeros(20 * SAMPLE_RATE_HZ, np.float32)
    samples = np.concatenate([spoken, spoken, pause, spoken, spoken[: 3 * SAMPLE_RATE_HZ + 77]])
    regions = speech_regions(samples)
    assert regions == regions_by_frames(samples)
    assert len(regions) >= 4
    assert all(end - start <= WINDOW_S * SAMPLE_RATE_HZ for start, end in regions)


def test_a_mapped_recording_is_read_as_one_in_memory(
    spoken: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages are given back while it is read, and are there again for the transcriber."""
    monkeypatch.setattr("core.models.voice_activity.BLOCKS_KEPT", 1)
    samples = np.concatenate([spoken] * 5)
    samples.astype("<f4").tofile(tmp_path / "pcm")
    mapped = map_samples(tmp_path / "pcm")
    assert speech_regions(mapped) == speech_regions(samples)
    assert np.array_equal(mapped, samples)


def test_without_the_fast_form_frames_are_read_one_by_one(spoken: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = speech_regions(spoken)

    def fail() -> None:
        raise ImportError("no OpenVINO")

    monkeypatch.setattr("core.models.voice_activity._block_detector", fail)
    assert speech_regions(spoken) == wanted != []


def test_the_detector_leaves_torch_its_threads() -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        find_speech(np.zeros(SAMPLE_RATE_HZ, np.float32))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_speech_is_found_between_long_silences(spoken: np.ndarray) -> None:
    pause = np.zeros(40 * SAMPLE_RATE_HZ, np.float32)
    samples = np.concatenate([pause, spoken, pause, spoken[: 5 * SAMPLE_RATE_HZ]])
    second_s = 80 + len(spoken) / SAMPLE_RATE_HZ
    windows = [(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for start, end in find_speech(samples)]
    assert all((start > 39 and end < 52) or start > second_s - 1 for start, end in windows)
    assert any(start < 42 for start, _ in windows)
    assert any(second_s - 1 < start < second_s + 2 for start, _ in windows)


def test_the_decoder_runs_on_real_sound(transcriber: WhisperTranscriber, spoken: np.ndarray) -> None:
    """Random weights hear nothing sensible; what they repeat is dropped like any repetition."""
    assert transcriber.transcribe_window(spoken, (SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ), "en") == []


def test_spans_are_moved_to_the_recording_and_cleaned(
    transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segment(start: float, end: float, text: str, compression_ratio: float = 1.1) -> dict[str, object]:
        return {"start": start, "end": end, "text": text, "compression_ratio": compression_ratio, "temperature": 0.0}

    heard = [
        segment(0.0, 1.5, " The boat comes home. "),
        segment(1.5, 30.0, " Two cats wait."),  # its end was placed in the padding
        segment(2.0, 2.0, " At once."),
        segment(2.0, 3.0, "  "),
        segment(2.0, 3.0, " and and and and and", compression_ratio=4.0),
        segment(9.0, 9.5, " Thanks for watching!"),  # begins after the window
    ]
    monkeypatch.setattr("whisper.transcribe", lambda *arguments, **options: {"segments": heard})
    spans = transcriber.transcribe_window(tone(20), (10 * SAMPLE_RATE_HZ, 14 * SAMPLE_RATE_HZ), "en")
    assert spans == [SpeechSpan(10.0, 11.5, "The boat comes home."), SpeechSpan(11.5, 14.0, "Two cats wait.")]


def test_the_language_is_told_among_those_expected(transcriber: WhisperTranscriber) -> None:
    samples, window = tone(3), (0, 3 * SAMPLE_RATE_HZ)
    assert transcriber.language_of(samples, window, ["de"]) == "de"
    assert transcriber.language_of(samples, window, ["zh", "fr"]) in {"zh", "fr"}
    anything = transcriber.language_of(samples, window, [])
    assert transcriber.language_of(samples, window, ["klingon"]) == anything, "unknown codes are passed over"
    assert transcriber.language_of(samples, window, [anything, "de", "en"]) == anything


def test_progress_counts_windows_and_a_cancel_falls_between_them(
    transcriber: WhisperTranscriber, spoken: np.ndarray
) -> None:
    cancel = CancelToken()
    cancel.cancel()
    progress: list[tuple[int, int]] = []
    with pytest.raises(Cancelled):
        transcriber.transcribe(spoken, on_window=lambda done, total: progress.append((done, total)), cancel=cancel)
    assert progress == []
    assert transcriber.transcribe(tone(3), on_window=lambda done, total: None, cancel=CancelToken()) == []


@pytest.fixture(scope="module")
def host(settings: Settings) -> Iterator[SpeechHost]:
    host = SpeechHost(settings)
    yield host
    host.close()


def test_a_recording_without_speech_has_no_spans(host: SpeechHost, tmp_path: Path) -> None:
    for name, samples in (("tone", tone(4)), ("empty", np.zeros(0, np.float32))):
        pcm = tmp_path / name
        samples.astype("<f4").tofile(pcm)
        assert host.transcribe(pcm) == []


def test_samples_that_are_gone_or_cut_are_named(host: SpeechHost, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="decoded sound") as caught:
        host.transcribe(tmp_path / "gone")
    assert caught.value.path == str(tmp_path / "gone")
    (tmp_path / "odd").write_bytes(b"\0" * 7)
    with pytest.raises(UnreadableError):
        map_samples(tmp_path / "odd")
