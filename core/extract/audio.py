"""Recordings: their tags, and their sound as the speech model hears it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from core.errors import UnreadableError
from core.extract.container import cover, duration_s, open_container, sound_track
from core.extract.dates import iso_wall_clock
from core.extract.image import read_picture, render
from core.types import Metadata

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

RATE_HZ = 16_000
MAX_DURATION_S = 12 * 3600  # 2.8 GB of samples; what is longer is a surveillance log, and is cut
_UNDECODABLE = "its sound cannot be decoded"
_SILENCE = np.zeros(RATE_HZ, "<f4")
_GAP_S = (0.1, 600.0)  # a shorter gap between frames is rounding; a longer one is a broken clock, not silence
_MAX_SILENCE_S = 3600.0  # in all: a tiny file with a clock that leaps would fill hours with what nobody recorded
_MAX_DAMAGED_PACKETS = 2000  # in a row


def tags(path: Path, container: InputContainer) -> Metadata:
    """Title, artist, album and date from the tags, duration from the tracks."""
    from tinytag import TinyTag, TinyTagException

    stored = {key.lower(): value for key, value in _stored_tags(container)}
    title, artist, album, day = (stored.get(key) for key in ("title", "artist", "album", "date"))
    try:
        with path.open("rb") as file:
            tag = TinyTag.get(filename=path.name, file_obj=file, duration=False)
    except (TinyTagException, OSError, ValueError, KeyError, IndexError, ArithmeticError):
        pass  # not a format that it knows, or damaged tags: what the container states is what there is
    else:
        title, artist, album = tag.title or title, tag.artist or tag.albumartist or artist, tag.album or album
        day = tag.year or day
    return Metadata(
        title=_line(title),
        author=_line(artist),
        album=_line(album),
        taken_at=iso_wall_clock(day) or iso_wall_clock(stored.get("creation_time")),  # a year alone is no day
        duration_s=duration_s(container),
        has_audio=True,
    )


def cover_thumbnail(container: InputContainer) -> bytes | None:
    """The cover picture as a thumbnail; a damaged one is none."""
    import av

    stream = cover(container)
    if stream is None:
        return None
    try:
        packet = next(container.demux(stream))
        small, _ = read_picture(io.BytesIO(bytes(packet)))
    except (StopIteration, av.FFmpegError, UnreadableError):
        return None
    return render(small).thumbnail


def decode_sound(path: Path, out: BinaryIO) -> float:
    """Decode the sound track to raw little-endian float32 mono samples at 16 kHz in ``out``; its length in seconds.

    Written as it is decoded, so that memory does not grow with length. Sample ``n`` is heard at ``n / 16000`` s
    of the recording: a track that starts late or pauses is filled with silence. Damaged packets are left out.
    Raises ``UnreadableError`` when there is no sound track or none of it can be decoded.
    """
    import av

    with open_container(path) as container:
        stream = sound_track(container)
        if stream is None:
            raise UnreadableError("no sound track")
        try:
            samples = _write(container, stream, out)
        except av.FFmpegError as error:  # a form of sound that no conversion takes
            raise UnreadableError(_UNDECODABLE) from error
    if samples == 0:
        raise UnreadableError(_UNDECODABLE)
    return samples / RATE_HZ


def _write(container: InputContainer, stream: AudioStream, out: BinaryIO) -> int:
    """Resample and write every frame; the number of samples written."""
    limit = MAX_DURATION_S * RATE_HZ
    origin_s = container.start_time / 1_000_000 if container.start_time is not None else 0.0
    written = 0
    silence_s = 0.0
    resampler = _resampler()
    for frame in _frames(container, stream):
        if frame.time is not None:
            late_s = frame.time - origin_s - written / RATE_HZ
            if late_s > min(_GAP_S[1], _MAX_SILENCE_S - silence_s):
                origin_s += late_s
            elif late_s > _GAP_S[0]:
                silence_s += late_s
                written += _write_silence(out, min(round(late_s * RATE_HZ), limit - written))
        frame.pts = None  # the resampler would mend gaps in its own way
        try:
            resampled = resampler.resample(frame)
        except ValueError:  # the format changed on the way
            written += _write_samples(out, resampler.resample(None), limit - written)
            resampler = _resampler()
            resampled = resampler.resample(frame)
        written += _write_samples(out, resampled, limit - written)
        if written >= limit:
            return written
    return written + (_write_samples(out, resampler.resample(None), limit - written) if written else 0)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """All frames that can be decoded. A file that was cut off ends early; that is not an error."""
    import av

    damaged = 0
    packets = container.demux(stream)
    while damaged < _MAX_DAMAGED_PACKETS:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.EOFError:
            return
        except av.FFmpegError:
            damaged += 1
            continue
        damaged = 0
        yield from frames


def _resampler() -> AudioResampler:
    from av.audio.resampler import AudioResampler

    return AudioResampler(format="flt", layout="mono", rate=RATE_HZ)


def _write_samples(out: BinaryIO, frames: list[AudioFrame], room: int) -> int:
    written = 0
    for frame in frames:
        samples = np.asarray(frame.to_ndarray(), np.float32).reshape(-1)[: room - written]
        if not np.isfinite(samples).all():  # float recordings may hold anything
            samples = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
        out.write(samples.astype("<f4", copy=False).tobytes())
        written += len(samples)
    return written


def _write_silence(out: BinaryIO, samples: int) -> int:
    for start in range(0, samples, len(_SILENCE)):
        out.write(_SILENCE[: samples - start].tobytes())
    return samples


def _stored_tags(container: InputContainer) -> Iterator[tuple[str, str]]:
    for stream in container.streams:
        yield from stream.metadata.items()
    yield from container.metadata.items()


def _line(value: str | None) -> str | None:
    return " ".join((value or "").split())[:500] or None
