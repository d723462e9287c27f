"""The small TOML files that lie beside models: written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from core import private


def write_toml(path: Path, value: Any) -> None:
    """Put what msgspec makes of ``value`` in the place of ``path``, without what is None.

    ``OSError`` passes through; what was there before stays then.
    """
    import tomlkit  # here, because a search reads these files and never writes one

    private.replace_file(path, tomlkit.dumps(_without_none(msgspec.to_builtins(value))).encode())


def _without_none(value: Any) -> Any:
    """TOML has no word for nothing."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in value]
    return value
