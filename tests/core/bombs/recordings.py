"""Recordings and films whose headers and clocks say what cannot be."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.core.bombs import Maker, patched, write
from tests.core.media_maker import RATE_HZ, tone, write_film, write_sound


def wav_bytes(channels: int, rate_hz: int, bits: int, size: int) -> bytes:
    """A header, and a little of the ``size`` bytes of sound that it declares."""
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, (rate_hz * frame) & 0xFFFFFFFF, frame & 0xFFFF, bits)
    return (
        b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + bytes(2000)
    )


def _wav(name: str, channels: int, rate_hz: int, bits: int = 16, size: int = 0xFFFFFFFF) -> Maker:
    def make(folder: Path) -> Path:
        return write(folder / f"{name}.wav", wav_bytes(channels, rate_hz, bits, size))

    make.__name__ = name
    return make


def flac(folder: Path) -> Path:
    """Twelve days at 655 kHz on eight channels, it says."""
    path = write_sound(folder / "a.flac", tone(0.2), "flac")
    stated = (655_350 << 44) | (7 << 41) | (15 << 36) | (2**36 - 1)
    return write(path, patched(path.read_bytes(), b"fLaC", 14, stated.to_bytes(8, "big")))


def mp4(folder: Path) -> Path:
    """A duration of 300,000 years."""
    path = write_film(folder / "a.mp4", [Image.new("RGB", (64, 48), "red")] * 5)
    data = path.read_bytes()
    for box, at in ((b"mvhd", 16), (b"mdhd", 16)):
        data = patched(data, box, at, b"\x7f\xff\xff\xfe")
    return write(path, patched(patched(data, b"mvhd", 12, struct.pack(">I", 1)), b"mdhd", 12, struct.pack(">I", 1)))


def avi(folder: Path) -> Path:
    """Frames of 65,520 x 65,520 pixels."""
    path = write_film(folder / "a.avi", [Image.new("RGB", (64, 48), "red")] * 5)
    data = patched(path.read_bytes(), b"avih", 36, struct.pack("<II", 65520, 65520))
    return write(path, patched(data, b"strf", 8, struct.pack("<ii", 65520, 65520)))


def mpeg(folder: Path) -> Path:
    """A stream whose every picture declares 16,383 x 16,383 pixels."""
    path = write_film(folder / "a.mpg", [Image.new("RGB", (64, 48), "red")] * 5, "mpeg2video", per_s=25)
    data = path.read_bytes().replace(b"\0\0\1\xb3\x04\x00\x30", b"\0\0\1\xb3\xff\xff\xff")
    return write(path, data)


def gaps(folder: Path) -> Path:
    """A second of sound whose clock runs on by nine minutes after each of its packets: a week of silence."""
    path = folder / "gaps.mka"
    with av.open(path, "w", format="matroska") as out:
        stream = out.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for number in range(1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 44), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, number * RATE_HZ * 590
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


SOUNDS: tuple[Maker, ...] = (
    _wav("channels", 65535, 48_000), _wav("rate", 1, 4_294_967_295), _wav("both", 512, 2_000_000_000, 32),
    _wav("bits", 2, 48_000, 65528), _wav("none", 0, 0, 0), _wav("long", 1, 1), flac, gaps,
)  # fmt: skip
FILMS: tuple[Maker, ...] = (mp4, avi, mpeg)
