"""A small library that search tests share: every kind of file, read and indexed by the real pipeline."""

from __future__ import annotations

import os
import shutil
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from core.config import Settings, folders_under
from core.engine import Engine
from core.models.base import SAMPLE_RATE_HZ
from tests.fakes import COLOURS, FakeEncoders, FakeSpeech

SENTENCES = {440: "we took the old boat to the island", 880: "remember to buy bread and cheese"}

HARBOUR = """The harbour log of the winter.

The old boat left at sunset and nobody saw it again. The harbour master wrote it down.

Nothing else of note happened on that day, except that it rained until the evening.
"""


def draw(path: Path, *colours: str, size: tuple[int, int] = (320, 240)) -> Path:
    """A picture in vertical bands of the named colours, with a fine pattern that depends on them."""
    picture = Image.new("RGB", size)
    width = size[0] // len(colours)
    for at, colour in enumerate(colours):
        picture.paste(COLOURS[colour], (at * width, 0, (at + 1) * width, size[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=95)
    return path


def speak(path: Path, *pitches: int, seconds: float = 10.0) -> Path:
    """A recording of tones, each as long as a window of ``FakeSpeech``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    samples = np.concatenate([np.sin(2 * np.pi * pitch * times) * 0.5 for pitch in pitches])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def write(path: Path, text: str, day: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    if day is not None:
        noon_s = np.datetime64(f"{day}T12:00:00").astype("datetime64[s]").astype(int)
        os.utime(path, (int(noon_s), int(noon_s)))
    return path


def make_library(folder: Path) -> Path:
    """Twelve files of all kinds in ``folder``."""
    write(folder / "Notes" / "harbour.txt", HARBOUR, "2021-03-04")
    write(folder / "Notes" / "tax.txt", "Income tax return for 2021, with receipts.", "2022-05-06")
    write(folder / "Notes" / "北京.txt", "我们在北京看到红色的船。天气很好。")
    write(folder / "Notes" / "saga.txt", "\n\n".join(_chapter(number) for number in range(8)))
    draw(folder / "Pictures" / "IMG_0412.jpg", "red")
    draw(folder / "Pictures" / "IMG_0413.jpg", "blue")
    draw(folder / "Pictures" / "IMG_0414.jpg", "green")
    draw(folder / "Pictures" / "trip" / "IMG_0500.jpg", "red", "blue")
    draw(folder / "Pictures" / "trip" / "beach_sunset.jpg", "yellow", "brown")
    shutil.copyfile(folder / "Pictures" / "IMG_0412.jpg", folder / "Pictures" / "trip" / "again.jpg")
    speak(folder / "Recordings" / "memo.wav", 880, 440)
    return folder


def open_engine(home: Path, encoders: FakeEncoders | None = None, speech: FakeSpeech | None = None) -> Engine:
    return Engine.open(
        Settings(folders_under(home)), encoders=encoders or FakeEncoders(), speech=speech or FakeSpeech(SENTENCES)
    )


def _chapter(number: int) -> str:
    """Enough words that each chapter is a passage of its own, all about one lighthouse."""
    filler = " ".join(f"word{number}x{at}" for at in range(150))
    return f"Chapter {number}. The lighthouse keeper lit the lighthouse lamp. {filler}."
