"""Builds the demo library's recordings and videos: `python -m tests.demo.make_recordings`.

All sentences are ones that the demo's Whisper never heard in training, and no two speak of
the same thing in the same colour, so that words have one right answer. Scenes of the videos
are likewise new to the demo's CLIP, and other than those of the library's pictures.
recordings.toml tells what is said or shown where. The same files come out every time.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import tomlkit
from numpy.typing import NDArray

from tests.demo import make_library, speech
from tests.demo.make_library import DEMO
from tests.demo.speech import SAMPLE_RATE, Voice
from tests.demo.world import STYLES, Scene, combinations, draw, is_held_out

SEED = 11

# Longer than the silence at which a transcriber cuts, so that every sentence is a window of its own.
_PAUSE_S = (2.7, 3.5)
_LEAD_S = 0.6
_TAIL_S = 0.8

_FRAMES_PER_S = 8
_FRAME_SIZE = (320, 240)


@dataclass(frozen=True)
class Codec:
    """How a container with this suffix is written."""

    container: str
    encoder: str
    bit_rate: int | None
    sample_format: str
    sample_rate: int = SAMPLE_RATE


CODECS = {
    ".wav": Codec("wav", "pcm_s16le", None, "s16"),
    ".flac": Codec("flac", "flac", None, "s16"),
    ".mp3": Codec("mp3", "libmp3lame", 32_000, "fltp"),
    ".m4a": Codec("ipod", "aac", 32_000, "fltp"),
    ".ogg": Codec("ogg", "libopus", 24_000, "flt", 48_000),
    ".mp4": Codec("mp4", "aac", 32_000, "fltp"),
    ".mkv": Codec("matroska", "libopus", 24_000, "flt", 48_000),
}


@dataclass(frozen=True)
class Recording:
    """A sound file: so many sentences of which all contain one of the `about` phrases."""

    path: str
    sentences: int
    about: tuple[str, ...]
    voice: Voice
    title: str | None = None
    artist: str | None = None


@dataclass(frozen=True)
class Video:
    """A video: so many scenes of so many seconds, with or without somebody speaking."""

    path: str
    scenes: int
    scene_s: float
    places: tuple[str, ...]
    sentences: int = 0
    voice: Voice | None = None
    title: str | None = None


@dataclass(frozen=True)
class Moment:
    """What is said or shown from `start_s` to `end_s`."""

    text: str
    start_s: float
    end_s: float


RECORDINGS = (
    Recording("Recordings/Voice memos/Memo 001.m4a", 1, ("on the sea",), Voice("en-gb", "m3", 160, 45)),
    Recording("Recordings/Voice memos/Memo 002.m4a", 2, ("in the city",), Voice("en-us", "f2", 170, 55)),
    Recording("Recordings/Voice memos/Memo 003.m4a", 1, ("in the snow",), Voice("en-us", "m1", 150, 40)),
    Recording("Recordings/Voice memos/Memo 004.m4a", 3, ("elephant", "mountain"), Voice("en-gb-x-rp", "f3", 165, 60)),
    Recording("Recordings/Voice memos/2023-05-20 12.14.ogg", 2, ("in a meadow",), Voice("en-gb", "f1", 175, 50)),
    Recording("Recordings/Voice memos/2023-05-20 18.40.ogg", 1, ("at sunset",), Voice("en-gb", "f1", 175, 50)),
    Recording("Recordings/Voice memos/2024-02-03 09.05.ogg", 2, ("butterfl",), Voice("en-us", "m7", 155, 45)),
    Recording("Recordings/Voice memos/2024-11-30 21.17.ogg", 1, ("at night",), Voice("en-029", "m2", 160, 50)),
    Recording(
        "Recordings/Travel diary/01 Harbour.mp3",
        *(4, ("on the sea",), Voice("en-gb", "m2", 155, 50)),
        title="Harbour weekend, day one",
        artist="Travel diary",
    ),
    Recording(
        "Recordings/Travel diary/02 Desert.mp3",
        *(4, ("in the desert",), Voice("en-gb", "m2", 155, 50)),
        title="Under the desert sky",
        artist="Travel diary",
    ),
    Recording(
        "Recordings/Travel diary/03 Forest.mp3",
        *(3, ("in the forest",), Voice("en-gb", "m2", 155, 50)),
        title="A walk in the woods",
        artist="Travel diary",
    ),
    Recording(
        "Recordings/Travel diary/04 Snow.mp3",
        *(3, ("in the snow",), Voice("en-gb", "m2", 155, 50)),
        title="Three days of snow",
        artist="Travel diary",
    ),
    Recording(
        "Recordings/Travel diary/05 Everything in one go.mp3",
        *(11, ("the", "a", "two"), Voice("en-gb", "m2", 160, 50)),
        title="The whole journey",
        artist="Travel diary",
    ),
    Recording("Recordings/Interviews/Railway museum.m4a", 9, ("train", "bicycle"), Voice("en-us", "m6", 155, 45)),
    Recording(
        "Recordings/Interviews/Street musician.mp3",
        *(5, ("guitar", "city"), Voice("en-us-nyc", "f5", 165, 55)),
        title="The street musician",
    ),
    Recording("Recordings/Archive/tape_03_side_a.flac", 2, ("rabbit",), Voice("en-gb-scotland", "m4", 150, 40)),
    Recording("Recordings/Archive/tape_03_side_b.flac", 1, ("umbrella",), Voice("en-gb-scotland", "m4", 150, 40)),
    Recording("Recordings/Archive/dictation.wav", 1, ("by day",), Voice("en-gb-x-gbcwmd", "f3", 165, 50)),
    Recording("Recordings/Archive/test.wav", 1, ("balloon",), Voice("en-us", "m8", 150, 45)),
    Recording("Recordings/Shopping list.m4a", 2, ("banana",), Voice("en-us", "f1", 165, 60)),
)

VIDEOS = (
    Video("Videos/MOV_0117.mp4", 4, 2.5, ("in a meadow", "in the forest")),
    Video(
        "Videos/Market day.mkv",
        *(4, 4.0, ("in the city", "on the sea")),
        sentences=3,
        voice=Voice("en-us", "f3", 160, 55),
        title="Market day by the sea",
    ),
)


def choose_sentences(rng: random.Random) -> list[list[str]]:
    """The sentences of each recording, then of each video, no thing and colour twice.

    Raises ValueError where the grammar has too few.
    """
    pool = speech.held_out_sentences()
    rng.shuffle(pool)
    wanted = [(one.sentences, one.about) for one in RECORDINGS] + [(one.sentences, one.places) for one in VIDEOS]
    order = sorted(range(len(wanted)), key=lambda index: -_rarity(wanted[index][1], pool))
    seen: set[frozenset[str]] = set()
    chosen: list[list[str]] = [[] for _ in wanted]
    for index in order:
        count, about = wanted[index]
        for text in pool:
            if len(chosen[index]) == count:
                break
            subject = subject_of(text)
            if subject not in seen and any(phrase in text for phrase in about):
                seen.add(subject)
                chosen[index].append(text)
        if len(chosen[index]) < count:
            raise ValueError(f"too few sentences about {', '.join(about)}")
    return chosen


def subject_of(text: str) -> frozenset[str]:
    """The thing (singular) and the colour that a sentence speaks of."""
    return frozenset(speech.SUBJECTS[word] for word in speech.words(text) if word in speech.SUBJECTS)


def choose_scenes(rng: random.Random) -> list[list[Scene]]:
    """The scenes of each video: by day or at sunset, and of things and colours that no picture shows.

    Raises ValueError where there are too few.
    """
    pictured = make_library.choose_scenes(random.Random(make_library.SEED))
    seen = {(scene.thing.en, scene.colour.en) for _, scene in pictured}
    pool = [combination for combination in combinations() if is_held_out(*combination)]
    rng.shuffle(pool)
    chosen: list[list[Scene]] = []
    for video in VIDEOS:
        scenes: list[Scene] = []
        for combination in pool:
            thing, colour, _, place, weather, time = combination
            clear = weather.en == "in clear weather" and time.en != "at night" and place.en in video.places
            if clear and (thing.en, colour.en) not in seen and len(scenes) < video.scenes:
                seen.add((thing.en, colour.en))
                scenes.append(Scene(*combination, rng.choice(STYLES), rng.getrandbits(32)))
        if len(scenes) < video.scenes:
            raise ValueError(f"too few scenes for {video.path}")
        chosen.append(scenes)
    return chosen


def speak(texts: Iterable[str], voice: Voice, rng: random.Random) -> tuple[NDArray[np.float32], list[Moment]]:
    """The sentences one after the other with pauses; returns mono samples at 16 kHz, and when each is said."""
    parts, moments = [_silence(_LEAD_S)], []
    length = len(parts[0])
    for text in texts:
        utterance = speech.synthesise(text, voice)
        at_s = length / SAMPLE_RATE
        moments.append(Moment(text, round(at_s + utterance.start_s, 2), round(at_s + utterance.end_s, 2)))
        parts += [utterance.samples, _silence(rng.uniform(*_PAUSE_S))]
        length += len(parts[-2]) + len(parts[-1])
    parts[-1] = _silence(_TAIL_S)
    samples = np.concatenate(parts)
    return samples * np.float32(0.7 / np.abs(samples).max()), moments


def write_recording(path: Path, samples: NDArray[np.float32], recording: Recording) -> None:
    """Encode `samples` as the path's suffix says."""
    tags = {"title": recording.title, "artist": recording.artist}
    with _open(path, tags) as container:
        write_sound = _sound_writer(container, CODECS[path.suffix])
        write_sound(samples)


def write_video(path: Path, scenes: Sequence[Scene], scene_s: float, title: str | None, sound: Any = None) -> None:
    """Encode still scenes one after the other, and mono 16 kHz `sound` beside them where given."""
    with _open(path, {"title": title}) as container:
        video = container.add_stream("libx264", rate=_FRAMES_PER_S, options={"crf": "27", "preset": "slow"})
        video.width, video.height = _FRAME_SIZE
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1  # with more, the output depends on the machine
        write_sound = _sound_writer(container, CODECS[path.suffix]) if sound is not None else None
        for scene in scenes:
            picture = av.VideoFrame.from_image(draw(scene, _FRAME_SIZE))
            for _ in range(round(scene_s * _FRAMES_PER_S)):
                container.mux(video.encode(picture.reformat(format="yuv420p")))
        container.mux(video.encode(None))
        if write_sound is not None:
            write_sound(sound)


def make(library: Path) -> list[dict[str, Any]]:
    """Write all recordings and videos into the library folder; returns the entries of recordings.toml."""
    for part in ("Recordings", "Videos"):
        shutil.rmtree(library / part, ignore_errors=True)
    rng = random.Random(SEED)
    sentences = choose_sentences(rng)
    entries = []
    for recording, texts in zip(RECORDINGS, sentences, strict=False):
        samples, moments = speak(texts, recording.voice, rng)
        write_recording(library / recording.path, samples, recording)
        entries.append(_entry(recording.path, len(samples) / SAMPLE_RATE, recording.title, moments, ()))
    for video, texts, scenes in zip(VIDEOS, sentences[len(RECORDINGS) :], choose_scenes(rng), strict=True):
        duration_s = video.scenes * video.scene_s
        sound, moments = speak(texts, video.voice, rng) if video.voice else (None, [])
        write_video(library / video.path, scenes, video.scene_s, video.title, sound)
        shown = [
            Moment(_describe(scene), index * video.scene_s, (index + 1) * video.scene_s)
            for index, scene in enumerate(scenes)
        ]
        entries.append(_entry(video.path, duration_s, video.title, moments, shown))
    return entries


def write_index(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """recordings.toml: one table a file, with what is said (`sentence`) and shown (`scene`) in it."""
    document = tomlkit.document()
    document.add(tomlkit.comment("What is said and shown in the recordings and videos; times in seconds."))
    document.add(tomlkit.comment("Written by tests/demo/make_recordings.py."))
    tables = tomlkit.aot()
    for entry in entries:
        tables.append(tomlkit.item(entry))
    document.add("file", tables)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def _rarity(about: Sequence[str], pool: Sequence[str]) -> float:
    return 1 - sum(any(phrase in text for phrase in about) for text in pool) / len(pool)


def _silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def _open(path: Path, tags: dict[str, str | None]) -> av.container.OutputContainer:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Bit-exact muxers leave out random serial numbers and the libraries' versions.
    container = av.open(str(path), "w", format=CODECS[path.suffix].container, container_options={"fflags": "+bitexact"})
    container.metadata.update({name: value for name, value in tags.items() if value})
    return container


def _sound_writer(container: av.container.OutputContainer, codec: Codec) -> Callable[[NDArray[np.float32]], None]:
    """Adds a sound stream now, before anything is written; returns what encodes the samples into it."""
    stream = container.add_stream(codec.encoder, rate=codec.sample_rate, options={"flags": "+bitexact"})
    stream.codec_context.layout = "mono"
    stream.codec_context.format = codec.sample_format
    if codec.bit_rate:
        stream.codec_context.bit_rate = codec.bit_rate

    def write(samples: NDArray[np.float32]) -> None:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = 0
        resampler = av.AudioResampler(
            codec.sample_format, "mono", codec.sample_rate, frame_size=stream.codec_context.frame_size or 0
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))

    return write


def _describe(scene: Scene) -> str:
    noun = scene.thing.en if scene.count.en == "one" else scene.thing.plural
    return f"{scene.count.en} {scene.colour.en} {noun} {scene.place.en} {scene.time.en}"


def _entry(
    path: str, duration_s: float, title: str | None, said: Sequence[Moment], shown: Sequence[Moment]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": path, "duration_s": round(duration_s, 2)}
    if title:
        entry["title"] = title
    for name, moments in (("sentence", said), ("scene", shown)):
        if moments:
            entry[name] = [{"text": one.text, "start_s": one.start_s, "end_s": one.end_s} for one in moments]
    return entry


def main() -> None:
    """Write everything into the demo's folder and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEMO, help="folder that holds library/")
    out = parser.parse_args().out
    entries = make(out / "library")
    write_index(out / "recordings.toml", entries)
    sizes = [(out / "library" / entry["path"]).stat().st_size for entry in entries]
    print(f"{len(sizes)} files, {sum(sizes) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
