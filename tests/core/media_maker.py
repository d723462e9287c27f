"""Makes small recordings and films for the tests, through PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

RATE_HZ = 44_100


def tone(seconds: float, hertz: float = 440.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Float32 samples of shape (n,), at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def write_sound(
    path: Path,
    samples: np.ndarray,
    codec: str,
    *,
    layout: str = "mono",
    rate_hz: int = RATE_HZ,
    tags: dict[str, str] | None = None,
    form: str | None = None,
) -> Path:
    """Samples of shape (n,), the same on every channel, encoded into the container that the name asks for."""
    with av.open(path, "w", format=form) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.codec_context.bit_rate = 128_000  # some encoders have no rate of their own choice
        encode_sound(container, stream, samples)
    return path


def encode_sound(container: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray) -> None:
    context = stream.codec_context
    wanted = context.format.name if context.format is not None else "s16"
    resampler = av.AudioResampler(format=wanted, layout=context.layout, rate=context.sample_rate, frame_size=1024)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, :]), format="flt", layout="mono")
    frame.sample_rate = context.sample_rate
    frame.pts = 0
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def write_film(
    path: Path,
    pictures: Iterable[Image.Image],
    codec: str = "mpeg4",
    *,
    per_s: int = 10,
    sound: np.ndarray | None = None,
    sound_codec: str = "aac",
    tags: dict[str, str] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Pictures of one size as a film, with a sound track on request."""
    pictures = list(pictures)
    with av.open(path, "w", options={"movflags": "use_metadata_tags"} if path.suffix == ".mov" else {}) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=per_s, options=options or {})
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        track = container.add_stream(sound_codec, rate=RATE_HZ, layout="mono") if sound is not None else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, per_s)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            encode_sound(container, track, sound)
    return path
