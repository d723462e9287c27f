"""Which readers read a file, as one number."""

from __future__ import annotations

import functools
import zlib


@functools.cache
def extractor_version() -> int:
    """Changes when any extractor's version does; what was read under another one is read again.

    Asked by who indexes: importing all extractors takes a tenth of a second, which a search does not wait for.
    """
    from core.extract.registry import EXTRACTORS

    return zlib.crc32(" ".join(sorted(f"{reader.name}={reader.version}" for reader in EXTRACTORS)).encode())
