"""Pictures and words in one space, through open_clip."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from core.errors import ModelError
from core.models.failures import load_failure, one_line
from core.models.installed import InstalledModel
from core.models.pictures import decode
from core.types import EmbeddingSpace, Matrix

CONFIG = "open_clip_config.json"
TEXT_BATCH = 32


class OpenClipEncoder:
    """An ``ImageEncoder`` over a folder that open_clip's ``local-dir:`` schema reads.

    Source: Radford et al. 2021 (CLIP); Zhai et al. 2023 for SigLIP. Weights of any precision run in float32.
    """

    def __init__(self, model: InstalledModel) -> None:
        """Loads the model. Raises ``ModelError`` when the folder is not one that can be used."""
        self.space: EmbeddingSpace = model.space
        self._model, self._preprocess, self._tokenize = load_open_clip(model.folder)
        self.encode_texts(["a"])  # a model that loads and cannot run is found here, by name

    def encode_images(self, jpegs: Sequence[bytes]) -> Matrix:
        """Raises ``UnreadableError`` when one of them is no picture."""
        if not jpegs:
            return np.zeros((0, self.space.dim), np.float32)
        pixels = torch.stack([self._preprocess(decode(jpeg, place)) for place, jpeg in enumerate(jpegs, 1)])
        with torch.inference_mode():
            return self._rows(self._model.encode_image(pixels, normalize=True))

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        parts = [np.zeros((0, self.space.dim), np.float32)]
        for start in range(0, len(texts), TEXT_BATCH):
            tokens = self._tokenize(list(texts[start : start + TEXT_BATCH]))
            with torch.inference_mode():
                parts.append(self._rows(self._model.encode_text(tokens, normalize=True)))
        return np.concatenate(parts)

    def _rows(self, vectors: torch.Tensor) -> Matrix:
        if vectors.shape[1] != self.space.dim:
            raise ModelError(f'"{self.space.model}" gives {vectors.shape[1]} numbers instead of {self.space.dim}')
        return vectors.float().cpu().numpy()


def load_open_clip(folder: Path) -> tuple[Any, Callable[[Image.Image], torch.Tensor], Callable[[list[str]], Any]]:
    """The model in evaluation mode, its picture preprocessing and its tokenizer, from the folder alone.

    Weights are required: open_clip otherwise starts a random model with a warning only. A text tower that comes from
    transformers is built from the configuration in the same folder, since its name alone would be asked of the hub.
    Raises ``ModelError``.
    """
    import open_clip

    overrides: dict[str, Any] = {}
    try:
        text_config = json.loads((folder / CONFIG).read_text("utf-8"))["model_cfg"]["text_cfg"]
        if "hf_model_name" in text_config:
            overrides["text_cfg"] = {**text_config, "hf_model_name": str(folder), "hf_model_pretrained": False}
        model, preprocess = open_clip.create_model_from_pretrained(
            f"local-dir:{folder}", device="cpu", weights_only=True, **overrides
        )
        tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    except Exception as error:
        raise load_failure("open_clip", error, folder) from error
    return model.eval(), preprocess, tokenize


def measure_dim(model: InstalledModel) -> int:
    """Encode a grey picture and a word; the width of both vectors. Raises ``ModelError``."""
    clip, preprocess, tokenize = load_open_clip(model.folder)
    try:
        with torch.inference_mode():
            picture = clip.encode_image(preprocess(Image.new("RGB", (64, 64), "grey")).unsqueeze(0))
            words = clip.encode_text(tokenize(["a"]))
    except Exception as error:
        raise ModelError(f"loads, but cannot encode: {one_line(error)}", path=model.folder) from error
    if picture.shape != words.shape:
        raise ModelError("its pictures and words have vectors of different width", path=model.folder)
    return int(picture.shape[1])
