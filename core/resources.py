"""Finds the shipped resources in a wheel (``core/_resources``) and in a checkout (``resources/`` beside ``core``)."""

from __future__ import annotations

from pathlib import Path

import core

_PACKAGE = Path(core.__file__).parent


def resource(*parts: str) -> Path:
    """The path of a shipped file or folder.

    Raises ``FileNotFoundError`` when it is not there: that is a broken installation.
    """
    for base in (_PACKAGE / "_resources", _PACKAGE.parent / "resources"):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError("/".join(("resources", *parts)))
