"""The encoders of the model child: each tower on the back-end that was kept for it, loaded when it is first asked.

What was not prepared, or no longer fits, runs as the model came: torch in float32 through the model's own library.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.cpu import threads_here
from core.errors import ModelError
from core.models.base import ImageEncoder, TextEncoder
from core.models.installed import InstalledModel, check_unchanged
from core.models.prepared import TOKENISER, Prepared, read_prepared, require_unchanged
from core.models.specs import Backend, Tower
from core.models.threads import use_allotted_threads
from core.models.tokenise import Tokeniser
from core.models.towers import PictureTower, Run, TextTower, picture_tower, text_tower
from core.types import EmbeddingSpace, Matrix

if TYPE_CHECKING:
    from core.models.clip import OpenClipEncoder

logger = logging.getLogger(__name__)


def image_encoder(model: InstalledModel, folder: Path | None) -> ImageEncoder:
    """``folder`` is what was prepared for the model. Raises ``ModelError`` when the model cannot be used."""
    prepared = _usable(model, folder)
    if folder is None or prepared is None:
        return _plain_photo(model)
    return PreparedImageEncoder(model, folder, prepared)


def text_encoder(model: InstalledModel, folder: Path | None) -> TextEncoder:
    """``folder`` is what was prepared for the model. Raises ``ModelError`` when the model cannot be used."""
    prepared = _usable(model, folder)
    if folder is not None and prepared is not None:
        tower = _passages(model, folder, prepared)
        if tower is not None:
            return PreparedTextEncoder(model, tower)
    from core.models.text import SentenceEncoder

    _ready_for_torch(model)
    return SentenceEncoder(model)


class PreparedTextEncoder:
    """A ``TextEncoder`` over one prepared tower."""

    def __init__(self, model: InstalledModel, tower: TextTower) -> None:
        self.space: EmbeddingSpace = model.space
        self._manifest = model.manifest
        self._tower = tower

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        return self._tower.encode([self._manifest.passage_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._tower.encode([self._manifest.query_prefix + text for text in texts])


class PreparedImageEncoder:
    """An ``ImageEncoder`` whose two towers are loaded apart: indexing needs the one, searching the other."""

    def __init__(self, model: InstalledModel, folder: Path, prepared: Prepared) -> None:
        self.space: EmbeddingSpace = model.space
        self._model = model
        self._folder = folder
        self._prepared = prepared
        self._encode_images: Callable[[Sequence[bytes]], Matrix] | None = None
        self._encode_texts: Callable[[Sequence[str]], Matrix] | None = None
        self._plain: OpenClipEncoder | None = None

    def encode_images(self, jpegs: Sequence[bytes]) -> Matrix:
        """Raises ``UnreadableError`` when one of them is no picture."""
        if self._encode_images is None:
            tower = _pictures(self._model, self._folder, self._prepared)
            self._encode_images = self._own().encode_images if tower is None else tower.encode
        return self._encode_images(jpegs)

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        if self._encode_texts is None:
            tower = text_tower(self._model, self._folder, self._prepared, Tower.WORDS, threads=threads_here())
            self._encode_texts = self._own().encode_texts if tower is None else tower.encode
        return self._encode_texts(texts)

    def _own(self) -> OpenClipEncoder:
        if self._plain is None:
            self._plain = _plain_photo(self._model)
        return self._plain


def _usable(model: InstalledModel, folder: Path | None) -> Prepared | None:
    prepared = None if folder is None else read_prepared(folder, model)
    if folder is None or prepared is None:
        return None
    try:
        require_unchanged(folder, prepared)
    except ModelError as error:
        logger.warning("the prepared files of %s are not used: %s", model.name, error)
        return None
    return prepared


def _plain_photo(model: InstalledModel) -> OpenClipEncoder:
    from core.models.clip import OpenClipEncoder

    _ready_for_torch(model)
    return OpenClipEncoder(model)


def _pictures(model: InstalledModel, folder: Path, prepared: Prepared) -> PictureTower | None:
    kept = prepared.kept(Tower.PICTURES)
    if kept.on_openvino:
        return picture_tower(model, folder, prepared, threads=threads_here())
    if kept is Backend.TORCH_FP32 or prepared.pictures is None:
        return None
    return PictureTower(model.space, prepared.pictures, _torch_tower(model, Tower.PICTURES, kept))


def _passages(model: InstalledModel, folder: Path, prepared: Prepared) -> TextTower | None:
    kept = prepared.kept(Tower.PASSAGES)
    if kept.on_openvino:
        return text_tower(model, folder, prepared, Tower.PASSAGES, threads=threads_here())
    if kept is Backend.TORCH_FP32 or prepared.tokeniser is None:
        return None
    tokeniser = Tokeniser(prepared.tokeniser, folder / TOKENISER)
    return TextTower(model.space, tokeniser, _torch_tower(model, Tower.PASSAGES, kept))


def _torch_tower(model: InstalledModel, tower: Tower, kept: Backend) -> Run:
    from core.models.reference import load_module
    from core.models.trials import load_torch

    _ready_for_torch(model)
    return load_torch(load_module(model, tower), kept)


def _ready_for_torch(model: InstalledModel) -> None:
    """The weights are compared with what was installed before torch reads them. Raises ``ModelError``."""
    check_unchanged(model)
    use_allotted_threads()
