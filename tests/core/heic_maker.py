"""Writes HEIC pictures for the tests: an HEVC key frame from PyAV inside the boxes of ISO/IEC 23008-12."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
from PIL import Image


def box(name: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + name + data


def full_box(name: bytes, version: int, *content: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def write_heic(path: Path, picture: Image.Image, *, quarter_turns: int = 0) -> Path:
    """One picture with sides divisible by 16; ``quarter_turns`` counter-clockwise are left to whoever shows it."""
    configuration, sample = _hevc(picture)
    properties = [configuration, full_box(b"ispe", 0, struct.pack(">II", *picture.size))]
    if quarter_turns:
        properties.append(box(b"irot", bytes((quarter_turns,))))
    associations = bytes(0x80 | index for index in range(1, len(properties) + 1))
    ftyp = box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(offset: int) -> bytes:
        return full_box(
            b"meta",
            0,
            full_box(b"hdlr", 0, bytes(4), b"pict", bytes(12), b"\0"),
            full_box(b"pitm", 0, struct.pack(">H", 1)),
            full_box(b"iloc", 0, b"\x44\0", struct.pack(">HHHHII", 1, 1, 0, 1, offset, len(sample))),
            full_box(b"iinf", 0, struct.pack(">H", 1), full_box(b"infe", 2, struct.pack(">HH", 1, 0), b"hvc1\0")),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full_box(b"ipma", 0, struct.pack(">IHB", 1, 1, len(associations)), associations),
            ),
        )

    path.write_bytes(ftyp + meta(len(ftyp) + len(meta(0)) + 8) + box(b"mdat", sample))
    return path


def _hevc(picture: Image.Image) -> tuple[bytes, bytes]:
    """The decoder's configuration box and the key frame, as MP4 stores both."""
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx265", rate=1, options={"x265-params": "log-level=none:keyint=1", "crf": "12"}
        )
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    data = film.getvalue()
    at = data.index(b"hvcC") - 4
    film.seek(0)
    with av.open(film) as container:
        sample = bytes(next(container.demux(video=0)))
    return data[at : at + int.from_bytes(data[at : at + 4], "big")], sample
