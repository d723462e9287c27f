"""The seam between the sandbox and the formats: what a format's reader promises."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from core.cancel import CancelToken
from core.types import Extraction


class Extractor(Protocol):
    """Reads one family of formats. It returns a value and touches nothing else."""

    name: str
    version: int  # raised when a change of ours should make files be read again

    media_types: frozenset[str]
    """The media types, judged by content, that this extractor reads."""

    def extract(self, path: Path, media_type: str) -> Extraction:
        """Read ``path``. Runs in the sandbox child only.

        Raises ``UnreadableError`` with a person's reason for a broken file; any other exception is caught by
        the sandbox and told as one.
        """
        ...


class Reader(Protocol):
    """What the engine sees of the sandbox children."""

    @property
    def parallel(self) -> int:
        """How many files it reads at a time; more calls than that wait for each other."""
        ...

    def extract(self, path: bytes, cancel: CancelToken | None = None) -> Extraction:
        """Read one file.

        Raises ``UnreadableError`` with a person's reason when it is broken, hangs past its deadline, or kills the
        child twice; ``SkippedError`` when its format is one that is not read; ``ReaderError`` when nothing can be
        read at all, which is no file's fault; ``Cancelled``.
        """
        ...

    def decode_audio(self, path: bytes, pcm: Path, cancel: CancelToken | None = None) -> float:
        """Decode the first sound track to raw little-endian float32 mono at 16 kHz in ``pcm``; its length in seconds.

        Raises ``UnreadableError`` as ``extract`` does, also when there is no sound track.
        """
        ...

    def close(self) -> None: ...
