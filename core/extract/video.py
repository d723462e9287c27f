"""Films: size, length, date and place, and one picture that shows what they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PIL import Image, ImageStat

from core.extract.container import duration_s, sound_track
from core.extract.dates import iso_wall_clock
from core.extract.exif import camera_name
from core.extract.image import MAX_PIXELS, PREVIEW_PX
from core.types import Metadata

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Where a telling picture is looked for, as parts of the duration: after the opening, and later where that is black.
_MOMENTS = (0.1, 0.3, 0.5, 0.75)
_MAX_FRAMES_DECODED = 100  # from a key frame towards the moment: about four seconds of film
_DARK = 20.0  # mean of 255
_FLAT = 8.0  # standard deviation of 255; a fade or a title card without a title
_ISO_6709 = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")


def facts(container: InputContainer, stream: VideoStream, rotation: int) -> Metadata:
    """What the file states; ``rotation`` in degrees, as its frames say, swaps width and height."""
    stated = {key.lower(): value for key, value in (*stream.metadata.items(), *container.metadata.items())}
    width, height = stream.codec_context.width, stream.codec_context.height
    if rotation % 180:
        width, height = height, width
    latitude, longitude = _place(stated)
    apple = "com.apple.quicktime."
    return Metadata(
        title=_line(stated.get("title") or stated.get(apple + "title")),
        author=_line(stated.get("artist") or stated.get("author")),
        taken_at=(
            iso_wall_clock(stated.get(apple + "creationdate"))  # with its place's offset: the clock as it was there
            or iso_wall_clock(stated.get("creation_time"))
            or iso_wall_clock(stated.get("date"))
        ),
        width=width or None,
        height=height or None,
        duration_s=duration_s(container),
        camera=camera_name(
            _line(stated.get(apple + "make") or stated.get("make") or stated.get("com.android.manufacturer")),
            _line(stated.get(apple + "model") or stated.get("model") or stated.get("com.android.model")),
        ),
        latitude=latitude,
        longitude=longitude,
        has_audio=sound_track(container) is not None,
    )


def telling_picture(container: InputContainer, stream: VideoStream) -> tuple[Image.Image | None, int]:
    """An upright RGB picture of the film and the rotation of its frames in degrees; None where none can be decoded.

    The first of a few moments that is neither dark nor flat, else the liveliest of them.
    """
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        return None, 0
    best: tuple[float, Image.Image, int] | None = None
    for frame in _candidates(container, stream):
        rotation = frame.rotation
        picture = _upright(frame)
        grey = ImageStat.Stat(picture.convert("L"))
        if grey.mean[0] > _DARK and grey.stddev[0] > _FLAT:
            return picture, rotation
        if best is None or grey.stddev[0] > best[0]:
            best = (grey.stddev[0], picture, rotation)
    return (best[1], best[2]) if best is not None else (None, 0)


def _candidates(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    length_s = duration_s(container)
    if length_s is None:
        frame = _frame_at(container, stream, None)
        if frame is not None:
            yield frame
        return
    for part in _MOMENTS:
        frame = _frame_at(container, stream, part * length_s)
        if frame is not None:
            yield frame


def _frame_at(container: InputContainer, stream: VideoStream, moment_s: float | None) -> VideoFrame | None:
    """The frame shown at a moment, or the last that was decoded on the way to it."""
    import av

    origin_s = container.start_time / 1_000_000 if container.start_time is not None else 0.0
    frame = None
    try:
        if moment_s is not None:
            container.seek(round((origin_s + moment_s) * 1_000_000))
        for count, frame in enumerate(container.decode(stream), 1):
            if count >= _MAX_FRAMES_DECODED or moment_s is None:
                break
            if frame.time is None or frame.time - origin_s >= moment_s:
                break
    except av.FFmpegError:
        return frame  # a damaged stretch: what came before it is as good
    return frame


def _upright(frame: VideoFrame) -> Image.Image:
    scale = min(1.0, PREVIEW_PX / max(frame.width, frame.height))
    small: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
        width=max(1, round(frame.width * scale)), height=max(1, round(frame.height * scale))
    )
    return small.rotate(frame.rotation, expand=True) if frame.rotation else small


def _place(stated: dict[str, str]) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees from ISO 6709 text such as ``+35.6586+139.7454/``."""
    for key in ("com.apple.quicktime.location.iso6709", "location", "location-eng"):
        match = _ISO_6709.match(stated.get(key, ""))
        if match:
            latitude, longitude = float(match.group(1)), float(match.group(2))
            if abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude or longitude):
                return latitude, longitude
    return None, None


def _line(value: str | None) -> str | None:
    return " ".join((value or "").split())[:500] or None
