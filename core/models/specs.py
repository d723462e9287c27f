"""The words of a prepared model: its towers, what may run them, how their inputs are made. No library is imported."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tower(StrEnum):
    """One side of a model, converted and chosen by itself."""

    PICTURES = "pictures"
    WORDS = "words"  # a photo model's texts
    PASSAGES = "passages"  # a text model's texts, queries too


class Backend(StrEnum):
    """What runs a tower, and in which precision."""

    TORCH_FP32 = "torch fp32"  # the reference
    TORCH_BF16 = "torch bf16"
    TORCH_CUDA = "torch cuda fp16"
    TORCH_MPS = "torch mps fp16"
    OPENVINO_FP32 = "openvino fp32"
    OPENVINO_BF16 = "openvino bf16"
    OPENVINO_INT8 = "openvino int8"
    OPENVINO_INT8_BF16 = "openvino int8 bf16"

    @property
    def on_openvino(self) -> bool:
        return self.value.startswith("openvino")

    @property
    def in_int8(self) -> bool:
        return "int8" in self.value

    @property
    def in_bf16(self) -> bool:
        return self.value.endswith("bf16")

    def graph_of(self, tower: Tower) -> str:
        """The file of a tower's graph; bf16 is a way to run one, not another graph."""
        return f"{tower}-{'int8' if self.in_int8 else 'fp32'}.xml"


@dataclass(frozen=True)
class Trial:
    """How one back-end did with one tower."""

    tower: Tower
    backend: Backend
    rate: float | None = None  # inputs per second; None when it could not be run
    cosine: float | None = None  # mean to the reference, None when the gate was not asked
    overlap: float | None = None  # share of the reference's ten nearest; None as well where the sample is too small
    passed: bool = False
    kept: bool = False
    note: str = ""  # why it has no rate or was not judged


class TokeniserKind(StrEnum):
    TOKENIZERS = "tokenizers"  # whatever tokenizer.json says
    CLIP = "clip"  # CLIP's words by a regular expression, then its byte pairs


class Cleaning(StrEnum):
    """What open_clip does to a text before it is cut into tokens; its names."""

    NONE = "none"
    WHITESPACE = "whitespace"
    LOWER = "lower"
    CANONICALIZE = "canonicalize"


@dataclass(frozen=True)
class TokeniserSpec:
    """How texts become the rows that one model reads."""

    kind: TokeniserKind
    cleaning: Cleaning
    context: int  # the most tokens that it reads, the special ones included
    fixed: bool  # every row is padded to ``context``, because what follows the text changes its vector
    pad_id: int = 0
    blank_id: int | None = None  # a token that becomes 0, as SigLIP's tokenizers do with the separator
    pattern: str = ""  # CLIP: what is a word
    special: tuple[tuple[str, int], ...] = ()  # CLIP: words that are one token, the first and last of a text first


@dataclass(frozen=True)
class PictureSpec:
    """How a picture becomes one model's input; the fields of open_clip's ``preprocess_cfg``."""

    size: int  # pixels, both sides
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str  # a key of Pillow's filters: bicubic, bilinear
    resize_mode: str  # shortest: the shorter side fits and the middle is taken; squash: both sides fit
