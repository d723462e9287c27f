"""The sample on its way to the child in which a model is prepared."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_FILE = "sample.msgpack"  # in the work folder: too much for a pipe to carry with every request


@dataclass(frozen=True)
class SampleFiles:
    """What the back-ends are tried on."""

    pictures: list[bytes]  # JPEG previews
    passages: list[str]
    words: list[str]  # what a person might type, for a photo model's texts
