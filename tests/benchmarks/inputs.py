"""Inputs that are made, not brought: photos, texts, vectors, folders and speech; the same ones at every run."""

from __future__ import annotations

import ast
import io
import os
import re
import shutil
import sys
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.benchmarks.harness import Bench

SIZES_PX = {12: (4000, 3000), 3: (2048, 1536), 1: (1280, 960)}  # by megapixels
JPEG_QUALITY = 90
_SCENES = 12  # distinct pictures; the other files repeat them with other bytes, which costs a reader the same
_VOCABULARY = 30_000
COMMON, RARE = "harbour", "zeppelin"  # in half of all texts, and in one of ten thousand


def photos(bench: Bench, megapixels: int, count: int) -> list[Path]:
    """Photo-like JPEGs (12 MP: about 4 MB each), every one with a content hash of its own."""
    width, height = SIZES_PX[megapixels]

    def make(folder: Path) -> None:
        for seed in range(min(_SCENES, count)):
            photo(width, height, seed).save(folder / f"scene-{seed:02}.jpg", quality=JPEG_QUALITY)

    scenes = sorted(bench.kept(f"scenes-{megapixels}mp-{min(_SCENES, count)}", make).iterdir())

    def copy(folder: Path) -> None:
        for number in range(count):
            data = scenes[number % len(scenes)].read_bytes()
            # A comment right after the first marker: another file, the same picture, the same work.
            text = f"number {number}".encode()
            comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
            (folder / f"IMG_{number:05}.jpg").write_bytes(data[:2] + comment + data[2:])

    return sorted(bench.kept(f"photos-{megapixels}mp-{count}", copy).iterdir())


def photo(width: int, height: int, seed: int) -> Image.Image:
    """A picture with the statistics of a photo: smooth light (noise over octaves), edges, and fine texture."""
    random = np.random.default_rng(seed)
    light = np.zeros((height, width), np.float32)
    for octave in range(2, 9):
        cells = random.normal(0, 1, (3 * 2**octave // 4, 2**octave)).astype(np.float32)
        grown = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        light += np.asarray(grown) * (70 / octave**1.5)
    tint = random.normal(0, 1, (6, 8, 3)).astype(np.float32)
    colours = np.stack(
        [np.asarray(Image.fromarray(tint[..., k]).resize((width, height), Image.Resampling.BICUBIC)) for k in range(3)],
        axis=-1,
    )
    pixels = 128 + light[..., None] + 25 * colours
    rough = np.clip(light / 30, 0, 1) * 12 + 3.0  # grass and foliage here, sky there
    pixels += (random.normal(0, 1, (height, width)).astype(np.float32) * rough)[..., None]
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        reach = int(random.integers(width // 60, width // 9))
        corners = [
            (x + int(dx), y + int(dy)) for dx, dy in random.integers(-reach, reach, (int(random.integers(3, 7)), 2))
        ]
        pen.polygon(corners, fill=tuple(int(value) for value in random.integers(0, 255, 3)))
    return picture


def formats(bench: Bench, megapixels: int) -> dict[str, Path]:
    """One picture in every format that phones and cameras write, by the format's name."""
    width, height = SIZES_PX[megapixels]

    def make(folder: Path) -> None:
        from tests.core.heic_maker import write_heic
        from tests.core.test_extract_image import dng

        picture = photo(width, height, 1)
        picture.save(folder / "JPEG.jpg", quality=JPEG_QUALITY)
        picture.save(folder / "PNG.png", compress_level=6)
        picture.save(folder / "WebP.webp", quality=85)
        picture.save(folder / "AVIF.avif", quality=75, speed=9)
        cropped = picture.crop((0, 0, width // 16 * 16, height // 16 * 16))
        write_heic(folder / "HEIC.heic", cropped)
        raw = dng(width, height)
        (folder / "RAW, nothing embedded.dng").write_bytes(raw)
        (folder / "RAW, preview embedded.dng").write_bytes(with_preview(raw, picture))

    return {path.stem: path for path in sorted(bench.kept(f"formats-{megapixels}mp", make).iterdir())}


def with_preview(raw: bytes, picture: Image.Image) -> bytes:
    """A DNG in whose first directory a JPEG preview of 1,620 pixels stands, and the sensor's data in a second one.

    That is how cameras write it; the chain of directories (TIFF 6.0) is walked by LibRaw as by everything else.
    """
    preview = picture.copy()
    preview.thumbnail((1620, 1620))
    out = io.BytesIO()
    preview.save(out, "JPEG", quality=85)
    jpeg = out.getvalue()
    entries = [
        (254, 4, 1, 1), (256, 4, 1, preview.width), (257, 4, 1, preview.height), (258, 3, 1, 8), (259, 3, 1, 7),
        (262, 3, 1, 6), (273, 4, 1, None), (277, 3, 1, 3), (278, 4, 1, preview.height), (279, 4, 1, len(jpeg)),
    ]  # fmt: skip
    at = len(raw) + len(raw) % 2
    table_bytes = 2 + 12 * len(entries) + 4
    table = len(entries).to_bytes(2, "little")
    for tag, kind, count, value in entries:
        number = at + table_bytes if value is None else value
        table += b"".join(
            (
                tag.to_bytes(2, "little"),
                kind.to_bytes(2, "little"),
                count.to_bytes(4, "little"),
                number.to_bytes(4, "little"),
            )
        )
    table += (0).to_bytes(4, "little")
    # Appended, and named by the first directory as the next one: no offset inside the raw part moves.
    first = 8
    entries_there = int.from_bytes(raw[first : first + 2], "little")
    link = first + 2 + 12 * entries_there
    return raw[:link] + at.to_bytes(4, "little") + raw[link + 4 :].ljust(at - link - 4, b"\0") + table + jpeg


def paragraphs(count: int) -> list[str]:
    """Real English prose in pieces of very different length: the standard library's documentation strings.

    They are on every machine that runs Python. A piece has 5 to 200 words, as the passages of a document have.
    """
    return list(_first(_docstrings(), count))


def sentences(count: int) -> list[str]:
    """Real English sentences of 4 to 30 words, from the same source."""
    found: dict[str, None] = {}
    for text in _docstrings():
        for piece in re.split(r"(?<=[.;:])\s", text):
            if 4 <= len(piece.split()) <= 30:
                found[piece] = None
        if len(found) >= count:
            break
    return list(found)[:count]


def _docstrings() -> Iterator[str]:
    seen: set[str] = set()
    library = Path(os.__file__).parent
    for path in sorted(library.rglob("*.py")):
        if {"site-packages", "test", "tests"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError):
            continue  # deliberately broken files of the library's own tools
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                words = re.sub(r"[>.]{3}|[-=*~]{3,}", " ", ast.get_docstring(node) or "").split()[:200]
                text = " ".join(words)
                if len(words) >= 5 and text not in seen:
                    seen.add(text)
                    yield text


def _first(items: Iterator[str], count: int) -> Iterator[str]:
    for _, item in zip(range(count), items, strict=False):
        yield item


class Words:
    """Texts whose words are as frequent as in a language (Zipf), with one word in half of all and one rare word."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        syllables = [onset + vowel for onset in "bdfghklmnprstvw" for vowel in ("a", "e", "i", "o", "u", "ai", "ou")]
        picks = self._random.integers(0, len(syllables), (_VOCABULARY, 3))
        self._vocabulary = ["".join(syllables[at] for at in row) for row in picks]
        weights = 1.0 / np.arange(1, _VOCABULARY + 1)
        self._bounds = np.cumsum(weights / weights.sum())

    def word(self, rank: int) -> str:
        return self._vocabulary[rank]

    def texts(self, count: int, words: int = 40) -> list[str]:
        ranks = np.searchsorted(self._bounds, self._random.random((count, words))).clip(0, _VOCABULARY - 1)
        common = self._random.random(count) < 0.5
        rare = self._random.random(count) < 1e-4
        vocabulary = self._vocabulary
        made = []
        for row, has_common, has_rare in zip(ranks.tolist(), common.tolist(), rare.tolist(), strict=True):
            text = " ".join([vocabulary[rank] for rank in row])
            made.append(text + (f" {COMMON}" if has_common else "") + (f" {RARE}" if has_rare else ""))
        return made


def vectors(count: int, dim: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Unit rows in blocks of at most 20,000: clusters around a common mean, as encoders' vectors lie."""
    random = np.random.default_rng(seed)
    mean = random.normal(0, 1, dim).astype(np.float32) * 0.6
    centres = random.normal(0, 1, (400, dim)).astype(np.float32) * 0.8
    for start in range(0, count, 20_000):
        size = min(20_000, count - start)
        rows = random.standard_normal((size, dim), np.float32)
        rows += mean + centres[random.integers(0, len(centres), size)]
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)


def many_files(bench: Bench, count: int) -> Path:
    """A folder with ``count`` empty files, a hundred in each sub-folder."""

    def make(folder: Path) -> None:
        words = Words()
        for start in range(0, count, 100):
            below = folder / f"{start // 10_000:02}" / f"{words.word(start // 100 % 5000)}-{start // 100:05}"
            below.mkdir(parents=True)
            for number in range(start, min(start + 100, count)):
                (below / f"{words.word(number % 7919)}_{number:06}.jpg").touch()

    return bench.kept(f"files-{count}", make)


def spoken(bench: Bench, minutes: float) -> Path:
    """A recording at 16 kHz by espeak-ng: sentences with pauses between, and a long silence now and then.

    Raises ``RuntimeError`` where espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise RuntimeError("espeak-ng is not installed")

    def make(folder: Path) -> None:
        import subprocess

        from core.models.base import SAMPLE_RATE_HZ

        parts: list[NDArray[np.int16]] = []
        length = 0
        sentences = paragraphs(2000)
        for number, sentence in enumerate(sentences):
            found = subprocess.run(
                [program, "-v", ("en-gb", "en-us")[number % 2], "-s", "150", "--stdout", sentence[:300]],
                capture_output=True, check=True,
            )  # fmt: skip
            with wave.open(io.BytesIO(_with_length(found.stdout))) as file:
                rate = file.getframerate()
                sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
            steps = np.arange(0, len(sound) - 1, rate / SAMPLE_RATE_HZ)
            spoken_part = np.interp(steps, np.arange(len(sound)), sound).astype(np.int16)
            pause = np.zeros(int(SAMPLE_RATE_HZ * (8.0 if number % 5 == 4 else 0.8)), np.int16)
            parts += [spoken_part, pause]
            length += len(spoken_part) + len(pause)
            if length > minutes * 60 * SAMPLE_RATE_HZ:
                break
        samples = np.concatenate(parts)[: int(minutes * 60 * SAMPLE_RATE_HZ)]
        with wave.open(str(folder / "speech.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(samples.tobytes())

    return bench.kept(f"speech-{minutes:g}min", make) / "speech.wav"


def _with_length(data: bytes) -> bytes:
    """A WAV file from a pipe, whose header says no length, with the length it has."""
    data_at = data.index(b"data") + 8
    return data[: data_at - 4] + (len(data) - data_at).to_bytes(4, "little") + data[data_at:]


def link_all(paths: Sequence[Path], folder: Path) -> Path:
    """Hard links (copies where there are none) to files in a folder of their own: inputs are made once, used often."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        try:
            os.link(path, folder / path.name)
        except OSError:
            shutil.copyfile(path, folder / path.name)
    return folder


if sys.byteorder != "little":
    raise SystemExit("these inputs are written for little-endian machines")
