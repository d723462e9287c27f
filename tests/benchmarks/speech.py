"""Speech to text: the reference and the fast way on the same windows, and finding where somebody speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.models.base import SAMPLE_RATE_HZ
from tests.benchmarks import inputs, machine
from tests.benchmarks.harness import Bench, Report, Sample, at_least, interleave, seconds
from tests.core.whisper_shapes import make_whisper_of

TITLE = "Speech to text"
ABOUT = (
    "Plain: openai-whisper in float32. Ours: CTranslate2 in int8 on the checkpoint that was converted here. Both hear "
    "the same windows of espeak-ng's speech, greedily. The base architecture has random weights made so that "
    "both decode 100 tokens of each window, as half a minute of speech takes; the demo's checkpoint is trained."
)
MINUTES = 3.0

Samples = NDArray[np.float32]
DEMO = Path(__file__).resolve().parents[2] / "resources" / "demo" / "models" / "demo-whisper" / "demo-whisper.pt"


def run(bench: Bench) -> Report:
    from core.models.speech import find_speech
    from core.models.voice_activity import regions_by_frames, speech_regions

    report = Report(TITLE, ABOUT)
    samples = _samples(inputs.spoken(bench, bench.pick(0.5, 4, 20)))
    windows = [samples[start:end] for start, end in find_speech(samples)]
    shape = bench.pick("tiny", "base")
    heard = windows[: bench.pick(1, 3, len(windows))]
    bench.say(f"random weights: {len(heard)} windows")
    _compare(bench, report, f"{shape} architecture, random weights", _checkpoint(bench, shape), heard, greedy=True)
    if DEMO.is_file():
        bench.say("the demo's checkpoint")
        trained = _demo_windows(bench.pick(2, 12, 60))
        _compare(bench, report, "the demo's checkpoint", DEMO, trained, greedy=False)
    bench.say("voice activity")
    import torch

    torch.set_num_threads(1)  # as importing silero-vad itself sets it: its steps are too small for more
    length_s = len(samples) / SAMPLE_RATE_HZ
    regions: dict[str, list[tuple[int, int]]] = {}

    def detect(name: str, find: Callable[[Samples], list[tuple[int, int]]]) -> float:
        def work() -> None:
            regions[name] = find(samples)

        return length_s / seconds(work)

    speech_regions(samples[: 2 * SAMPLE_RATE_HZ])
    figures = interleave(
        {"plain": partial(detect, "plain", regions_by_frames), "ours": partial(detect, "ours", speech_regions)},
        bench.rounds,
    )
    report.add(
        "finding speech (Silero: TorchScript, one call for 32 ms; block by block through OpenVINO)", "times real time",
        figures["ours"], figures["plain"], more_is_better=True, note=_agreement(regions["plain"], regions["ours"]),
    )  # fmt: skip
    return report


def _compare(
    bench: Bench, report: Report, name: str, checkpoint: Path, windows: Sequence[Samples], *, greedy: bool
) -> None:
    from core.models.fast_speech import FastTranscriber
    from core.models.installed import InstalledModel
    from core.models.speech import WhisperTranscriber
    from core.models.transcription import TEMPERATURES
    from core.models.whisper_conversion import Arithmetic, convert_whisper

    temperatures = (0.0,) if greedy else TEMPERATURES
    length_s = sum(len(window) for window in windows) / SAMPLE_RATE_HZ
    with bench.temporary("converted") as folder:
        started = time.perf_counter()
        convert_whisper(checkpoint, folder, Arithmetic.INT8)
        converted_s = time.perf_counter() - started
        reference = WhisperTranscriber(_as_installed(checkpoint, InstalledModel), temperatures=temperatures)
        fast = FastTranscriber("fast", folder, Arithmetic.INT8, threads=machine.cores(), temperatures=temperatures)
        words: dict[str, list[str]] = {}
        sides: dict[str, Callable[[], float]] = {
            "plain": partial(_hear_all, reference, windows, words, "plain"),
            "ours": partial(_hear_all, fast, windows, words, "ours"),
        }
        for transcriber in (reference, fast):
            transcriber.hear(windows[0][: 2 * SAMPLE_RATE_HZ], "en")
        took = interleave(sides, bench.rounds)
    rates = {side: Sample(tuple(length_s / value for value in sample.values)) for side, sample in took.items()}
    note = f"{length_s:.0f} s of speech, converted in {converted_s:.1f} s"
    if not greedy:
        from tests.demo.evaluate_whisper import alignment

        different = len(alignment(words["plain"], words["ours"]))
        note += f"; {different} of {len(words['plain'])} words differ"
    report.add(
        name, "times real time", rates["ours"], rates["plain"], more_is_better=True,
        wanted=at_least(1.7, "ratio") if greedy else None, note=note,
    )  # fmt: skip


def _hear_all(transcriber: object, windows: Sequence[Samples], words: dict[str, list[str]], side: str) -> float:
    from core.models.transcription import WindowTranscriber

    assert isinstance(transcriber, WindowTranscriber)
    texts: list[str] = []
    started = time.perf_counter()
    for window in windows:
        texts += [heard.text for heard in transcriber.hear(window, "en")]
    took_s = time.perf_counter() - started
    words[side] = " ".join(texts).split()
    return took_s


def _as_installed(checkpoint: Path, model: type) -> object:
    from core.models.catalogue import ROLE_OF_FORM, Form
    from core.models.installed import Manifest

    manifest = Manifest(
        name=checkpoint.stem, role=ROLE_OF_FORM[Form.WHISPER], form=Form.WHISPER, title="", licence="", languages="",
        preprocessing="1", weights=checkpoint.name, source="", files=(),
    )  # fmt: skip
    return model(checkpoint.parent, manifest, "unknown")


def _checkpoint(bench: Bench, shape: str) -> Path:
    """An official checkpoint's shape with random weights, of which every window becomes 100 tokens."""

    def make(folder: Path) -> None:
        make_whisper_of(folder / "random.pt", shape)

    return bench.kept(f"whisper-{shape}-100", make) / "random.pt"


def _demo_windows(count: int) -> list[Samples]:
    """Windows of up to 25 s full of sentences that the demo's checkpoint knows the words of."""
    from tests.demo import speech

    random = np.random.default_rng(5)
    sentences = speech.held_out_sentences()
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    windows: list[Samples] = []
    for _ in range(count):
        parts: list[Samples] = []
        while sum(map(len, parts)) < 20 * SAMPLE_RATE_HZ:
            text = sentences[int(random.integers(len(sentences)))]
            voice = speech.draw_voice(random, held_out=False)
            parts += [np.asarray(speech.synthesise(text, voice).samples, np.float32), pause]
        windows.append(np.concatenate(parts))
    return windows


def _samples(path: Path) -> Samples:
    import wave

    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def _agreement(plain: list[tuple[int, int]], ours: list[tuple[int, int]]) -> str:
    length = max((end for _, end in plain + ours), default=1)
    marks = np.zeros((2, length), bool)
    for row, regions in zip(marks, (plain, ours), strict=True):
        for start, end in regions:
            row[start:end] = True
    same = float((marks[0] == marks[1]).mean())
    return f"{len(plain)} and {len(ours)} stretches of speech, {same:.2%} of the samples judged alike"
