"""Opens recordings and films through FFmpeg's libraries, which PyAV binds."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UnreadableError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Only formats that hold their own data. FFmpeg also opens playlists, scripts and device names (hls, dash, concat,
# sdp, lavfi), through which a hostile file could make it read other files or the network.
_DEMUXERS = (
    "aac,ac3,eac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,dtshd,dv,flac,flv,live_flv,h264,hevc,ivf,loas,m4v,"
    "matroska,webm,matroska\\,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nsv,nut,ogg,opus,"
    "qcp,rm,spx,tak,tta,voc,w64,wav,wv,wtv"
)
_DAMAGED = "damaged, or not a recording of a known form"
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "pipe"}


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """A recording or film, open for reading. Raises ``UnreadableError`` where FFmpeg cannot make sense of it.

    FFmpeg gets an open file instead of a path: a path may be no UTF-8, and in one it would look for protocols.
    """
    import av

    with path.open("rb") as file:
        try:
            with av.open(file, "r", container_options=_OPTIONS, metadata_errors="replace") as container:
                yield container
        except MemoryError:  # FFmpeg's own among them
            raise
        except av.FFmpegError as error:
            raise UnreadableError(_DAMAGED) from error
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):
                raise  # the disk's
            raise UnreadableError(_DAMAGED) from error  # it leads to places that no file has


def sound_track(container: InputContainer) -> AudioStream | None:
    """The sound track that a player would choose; None where there is none that can be decoded."""
    stream = container.streams.best("audio")
    if stream is None or stream.type != "audio" or stream.codec_context is None:
        return None
    return stream  # type: ignore[return-value]


def film_track(container: InputContainer) -> VideoStream | None:
    """The first track of moving pictures; a cover picture inside a recording is none."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            return stream
    return None


def cover(container: InputContainer) -> VideoStream | None:
    """The cover picture of a recording."""
    from av.stream import Disposition

    return next((s for s in container.streams.video if s.disposition & Disposition.attached_pic), None)


def duration_s(container: InputContainer) -> float | None:
    """As the container or its longest track states it; None where neither does."""
    if container.duration is not None and container.duration > 0:
        return float(container.duration) / 1_000_000
    stated = [float(s.duration * s.time_base) for s in container.streams if s.duration and s.time_base]
    return max(stated, default=None)
