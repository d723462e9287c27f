"""A small valid file of every format that is read."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from tests.core.bombs import documents
from tests.core.heic_maker import write_heic
from tests.core.media_maker import tone, write_film, write_sound
from tests.core.pdf_maker import make_pdf

_PICTURES = (
    ("a.png", "PNG", {}), ("a.jpg", "JPEG", {"exif": True}), ("progressive.jpg", "JPEG", {"progressive": True}),
    ("a.gif", "GIF", {}), ("a.webp", "WEBP", {}), ("lossless.webp", "WEBP", {"lossless": True}),
    ("a.tif", "TIFF", {"compression": "tiff_lzw"}), ("deflate.tif", "TIFF", {"compression": "tiff_adobe_deflate"}),
    ("a.bmp", "BMP", {}), ("a.avif", "AVIF", {}), ("a.jp2", "JPEG2000", {}), ("a.ico", "ICO", {}), ("a.ppm", "PPM", {}),
    ("a.tga", "TGA", {"compression": "tga_rle"}), ("a.dds", "DDS", {}), ("a.sgi", "SGI", {}), ("a.pcx", "PCX", {}),
    ("a.icns", "ICNS", {}),
)  # fmt: skip
_SOUNDS = (
    ("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "mp3"), ("a.m4a", "aac"), ("a.ogg", "flac"),
    ("a.opus", "libopus"), ("a.aiff", "pcm_s16be"), ("a.wma", "wmav2"), ("a.mka", "ac3"),
)  # fmt: skip
_FILMS = (
    ("a.mp4", "libx264"), ("a.mov", "mpeg4"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4"),
    ("a.ts", "mpeg2video"), ("a.wmv", "wmv2"), ("a.flv", "flv"),
)  # fmt: skip
_TEXTS = {
    "a.txt": "The red boat lies by the lake.\n" * 20,
    "a.md": "# Boats\n\n```\ncode\n```\n\n- red\n- blue\n" * 5,
    "a.html": "<!doctype html><html><head><title>Boats</title></head><body><h1>Red</h1><table><tr><td>boat</td></tr>"
    "</table><p>by the <b>lake</b></p></body></html>",
    "a.rtf": r"{\rtf1\ansi{\fonttbl\f0 Arial;}{\info{\title Boats}}\f0 The red {\b boat} \'e9 \u8364? lies.\par}",
    "a.eml": "From: a@example.org\nTo: b@example.org\nSubject: =?utf-8?b?Ym9hdA==?=\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=utf-8\n'
    "Content-Transfer-Encoding: base64\n\ncmVkIGJvYXQ=\n--b\nContent-Type: text/html\n\n<p>red boat</p>\n--b--\n",
}


def write_samples(folder: Path) -> Iterator[Path]:
    """One file after another; what this build of FFmpeg cannot write is left out."""
    for name, form, options in _PICTURES:
        yield _written(folder / name, _picture(form, dict(options)))
    yield write_heic(folder / "a.heic", _motif())
    yield make_pdf(folder / "a.pdf", ["The red boat", "lies by the lake"], title="Boats", created="D:20240131120000")
    for name, text in _TEXTS.items():
        yield _written(folder / name, text.encode())
    yield from documents.xml_forms(folder, "", "on the lake")
    for name, codec in _SOUNDS:
        if codec not in av.codecs_available:
            continue
        yield write_sound(folder / name, tone(0.3, rate_hz=48_000), codec, rate_hz=48_000)
    frames = [_motif().rotate(angle) for angle in range(0, 60, 10)]
    for name, codec in _FILMS:
        if codec not in av.codecs_available:
            continue
        sound = None if name == "a.webm" else tone(0.3)  # its encoders take no rate of ours
        of_sound = {"a.ts": "mp2", "a.flv": "mp3"}.get(name, "aac")
        yield write_film(folder / name, frames, codec, per_s=25, sound=sound, sound_codec=of_sound)


def _motif() -> Image.Image:
    """96 x 64 pixels with shades and edges."""
    rows, columns = np.mgrid[0:64, 0:96]
    return Image.fromarray(np.dstack((rows * 4, columns * 2, (rows ^ columns) * 2)).astype(np.uint8))


def _picture(form: str, options: dict[str, object]) -> bytes:
    picture, out = _motif(), io.BytesIO()
    if options.pop("exif", None):
        exif = Image.Exif()
        exif[0x0110], exif[0x0112], exif[0x0132] = "A camera", 6, "2024:01:31 12:00:00"
        options["exif"] = exif.tobytes()
    if form == "ICNS":
        picture = picture.resize((128, 128))
    picture.save(out, form, **options)
    return out.getvalue()


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def misnamed(folder: Path, samples: list[Path]) -> Iterator[Path]:
    """Each sample under the name of the next one's format."""
    for path, other in zip(samples, samples[1:] + samples[:1], strict=True):
        yield _written(folder / f"{path.stem}-{path.suffix[1:]}{os.path.splitext(other.name)[1]}", path.read_bytes())  # noqa: PTH122
