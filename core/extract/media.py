"""Recordings and films: which of the two a file is, its tracks decide."""

from __future__ import annotations

from pathlib import Path

from core.errors import UnreadableError
from core.extract import audio, video
from core.extract import media_types as mt
from core.extract.container import film_track, open_container, sound_track
from core.extract.image import render
from core.types import Extraction, Kind


class MediaExtractor:
    """Everything with a sound or film track; the same container may hold either."""

    name = "media"
    version = 1
    media_types = frozenset(mt.SOUNDS) | frozenset(mt.FILMS)

    def extract(self, path: Path, media_type: str) -> Extraction:
        with open_container(path) as container:
            film = film_track(container)
            if film is not None:
                picture, rotation = video.telling_picture(container, film)
                rendering = render(picture) if picture is not None else None
                return Extraction(
                    kind=Kind.VIDEO,
                    media_type=media_type,
                    metadata=video.facts(container, film, rotation),
                    thumbnail=rendering.thumbnail if rendering else None,
                    preview=rendering.preview if rendering else None,
                    note=None if rendering else "none of its pictures can be decoded",
                )
            if sound_track(container) is None:
                raise UnreadableError("holds neither sound nor pictures that can be decoded")
            return Extraction(
                kind=Kind.AUDIO,
                media_type=media_type,
                metadata=audio.tags(path, container),
                thumbnail=audio.cover_thumbnail(container),
            )
