"""Foreign exceptions to one line for a person."""

from __future__ import annotations

import pickle
from pathlib import Path

from core.errors import ModelError


def one_line(error: BaseException) -> str:
    """The first line of a foreign exception's text, or its type where it has none."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def load_failure(library: str, error: Exception, path: Path) -> ModelError:
    """Why ``library`` did not load a model."""
    if _refused_pickle(error):
        return ModelError(
            "its weights are a pickle that holds more than numbers; it was not loaded, because that could run a "
            "program hidden in it",
            path=path,
        )
    return ModelError(f"cannot be loaded by {library}: {one_line(error)}", path=path)


def _refused_pickle(error: BaseException | None) -> bool:
    """Whether ``weights_only`` refused a file, at whatever depth the library wrapped that."""
    while error is not None:
        if isinstance(error, pickle.UnpicklingError):
            return True
        error = error.__cause__ or error.__context__
    return False
