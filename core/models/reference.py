"""A model's towers as plain torch modules in float32, with the tokeniser and the preprocessing that feed them.

They are what every other back-end is made from and compared with.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer, models

from core.errors import ModelError
from core.models.catalogue import Form
from core.models.clip import load_open_clip
from core.models.failures import one_line
from core.models.installed import InstalledModel
from core.models.pictures import FILTERS, RESIZE_MODES, decode, pixels_of
from core.models.prepared import TOKENISER
from core.models.specs import Cleaning, PictureSpec, TokeniserKind, TokeniserSpec, Tower
from core.models.text import load_sentence_transformer
from core.models.tokenise import Tokeniser

logger = logging.getLogger(__name__)

_OWN_ATOL = 1e-5  # two ways through the same float32 arithmetic
_PIXEL_ATOL = 1e-6
_CHECKED_AT_ONCE = 64

IdsOf = Callable[[list[str]], NDArray[np.int64]]  # the model's own tokenizer: texts to padded rows


class SentenceModule(torch.nn.Module):
    """ids and attention mask, both (n, length), to unit rows: transformer, pooling and what else the folder names."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows = self.encoder({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
        return torch.nn.functional.normalize(rows, dim=-1)


class PictureModule(torch.nn.Module):
    """Pixels of shape (n, 3, size, size) to unit rows."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.clip.encode_image(pixels, normalize=True)
        return rows


class WordsModule(torch.nn.Module):
    """ids of shape (n, context) to unit rows."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.clip.encode_text(ids, normalize=True)
        return rows


class ShortWordsModule(torch.nn.Module):
    """``WordsModule`` for ids that are only as wide as the longest text.

    Nothing behind the end of a text reaches its vector in a tower with a causal mask, so a query of eight tokens need
    not be computed as 77. open_clip adds all its positions whatever the width is, so they are cut to it here.
    """

    def __init__(self, words: WordsModule, owner: Any) -> None:
        """``owner`` is the part of the model that holds the positions and the mask."""
        super().__init__()
        self.words = words
        self.positions: torch.Tensor
        self.causal: torch.Tensor
        self.owner: torch.nn.Module
        self.register_buffer("positions", owner.positional_embedding.detach().clone())
        self.register_buffer("causal", owner.attn_mask.detach().clone())
        self.__dict__["owner"] = owner  # past torch's own bookkeeping: it is part of ``words`` already

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        width = ids.shape[1]
        with _replaced(self.owner, positional_embedding=self.positions[:width], attn_mask=self.causal[:width, :width]):
            rows: torch.Tensor = self.words(ids)
        return rows


@dataclass(frozen=True)
class Reference:
    """A loaded model, taken apart."""

    towers: dict[Tower, torch.nn.Module]
    tokeniser: TokeniserSpec | None  # None when only the model's own tokenizer cuts its texts right
    pictures: PictureSpec | None  # None when only the model's own preprocessing makes its pixels right

    def run(self, tower: Tower) -> Callable[..., NDArray[np.float32]]:
        return run_module(self.towers[tower])


def run_module(
    module: torch.nn.Module, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Callable[..., NDArray[np.float32]]:
    """The module as a function of arrays; it is moved to the device and the precision."""
    moved = module.to(device=device, dtype=dtype).eval()
    takes = 2 if isinstance(module, SentenceModule) else 1

    def run(*arrays: NDArray[Any]) -> NDArray[np.float32]:
        tensors = [torch.from_numpy(array).to(device) for array in arrays[:takes]]
        inputs = [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]
        with torch.inference_mode():
            return np.asarray(torch.nn.functional.normalize(moved(*inputs).float(), dim=-1).cpu().numpy())

    return run


def load_reference(model: InstalledModel, folder: Path, check_texts: Sequence[str]) -> Reference:
    """Load the model in float32 and take it apart; its ``tokenizer.json`` is written into ``folder``.

    The tokeniser is left out when it cuts one of ``check_texts`` otherwise than the model's own does, and so is the
    preprocessing. Raises ``ModelError``.
    """
    match model.manifest.form:
        case Form.SENTENCE_TRANSFORMERS:
            return _sentence_reference(model, folder, list(check_texts))
        case Form.OPEN_CLIP:
            return _clip_reference(model, folder, list(check_texts))
        case Form.WHISPER:
            raise ModelError(f'"{model.name}" makes no vectors')


def load_module(model: InstalledModel, tower: Tower) -> torch.nn.Module:
    """The tower that encodes for the index, nothing compared and nothing written. Raises ``ModelError``."""
    if tower is Tower.PASSAGES:
        return SentenceModule(load_sentence_transformer(model.folder)).eval()
    clip, _, _ = load_open_clip(model.folder)
    return PictureModule(clip).eval()


def _sentence_reference(model: InstalledModel, folder: Path, check_texts: list[str]) -> Reference:
    encoder = load_sentence_transformer(model.folder)
    module = SentenceModule(encoder).eval()
    tokenizer = encoder.tokenizer
    spec = TokeniserSpec(
        TokeniserKind.TOKENIZERS,
        Cleaning.NONE,
        int(encoder.max_seq_length or tokenizer.model_max_length),
        fixed=False,
        pad_id=int(tokenizer.pad_token_id or 0),
    )

    def ids_of(texts: list[str]) -> NDArray[np.int64]:
        cut = tokenizer(texts, padding=True, truncation=True, max_length=spec.context, return_tensors="np")
        return np.asarray(cut["input_ids"], np.int64)

    tokeniser = None
    if _write_fast_tokenizer(tokenizer, folder):
        tokeniser = _agreeing(spec, folder, check_texts, ids_of)
    if tokeniser is not None:
        few = check_texts[:8]
        own = encoder.encode(few, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        if not np.allclose(run_module(module)(*tokeniser.pad(tokeniser.rows(few))), own, atol=_OWN_ATOL):
            logger.info("%s does more to its texts than its modules say", model.name)
            tokeniser = None
    return Reference({Tower.PASSAGES: module}, tokeniser.spec if tokeniser else None, None)


def _clip_reference(model: InstalledModel, folder: Path, check_texts: list[str]) -> Reference:
    clip, preprocess, tokenize = load_open_clip(model.folder)
    words: torch.nn.Module = WordsModule(clip).eval()

    def ids_of(texts: list[str]) -> NDArray[np.int64]:
        return np.asarray(tokenize(texts).numpy(), np.int64)

    spec = clip_tokeniser(tokenize, folder)
    tokeniser = _agreeing(spec, folder, check_texts, ids_of) if spec else None
    if tokeniser is not None:
        short = _short_words(clip, tokeniser, check_texts)
        if short is not None:
            words, spec = short, replace(tokeniser.spec, fixed=False)
    towers = {Tower.PICTURES: PictureModule(clip).eval(), Tower.WORDS: words}
    return Reference(towers, spec if tokeniser else None, _picture_spec(clip, preprocess))


def clip_tokeniser(tokenize: Any, folder: Path) -> TokeniserSpec | None:
    """What one of open_clip's tokenizers does, with its ``tokenizer.json`` in ``folder``; None for an unknown kind."""
    from open_clip import tokenizer as own

    cleaning = next((way for way in list(Cleaning)[1:] if own.get_clean_fn(way) is tokenize.clean_fn), None)
    if cleaning is None:
        return None
    if isinstance(tokenize, own.SimpleTokenizer) and tokenize.reduction_fn is None:
        pairs = models.BPE(tokenize.encoder, list(tokenize.bpe_ranks), end_of_word_suffix="</w>")
        (folder / TOKENISER).write_text(Tokenizer(pairs).to_str(), "utf-8")
        special = tuple((tokenize.decoder[number], int(number)) for number in tokenize.all_special_ids)
        return TokeniserSpec(
            TokeniserKind.CLIP,
            cleaning,
            int(tokenize.context_length),
            fixed=True,
            pattern=tokenize.pat.pattern,
            special=special,
        )
    if isinstance(tokenize, own.HFTokenizer) and not tokenize.tokenizer_mode:
        inner = tokenize.tokenizer
        if not _write_fast_tokenizer(inner, folder):
            return None
        return TokeniserSpec(
            TokeniserKind.TOKENIZERS,
            cleaning,
            int(tokenize.context_length),
            fixed=True,
            pad_id=int(inner.pad_token_id or 0),
            blank_id=inner.sep_token_id if tokenize.strip_sep_token else None,
        )
    return None


def _write_fast_tokenizer(tokenizer: Any, folder: Path) -> bool:
    """As it is after transformers has read all that lies beside ``tokenizer.json``; False for one in Python."""
    if not getattr(tokenizer, "is_fast", False):
        return False
    (folder / TOKENISER).write_text(tokenizer.backend_tokenizer.to_str(), "utf-8")
    return True


def _agreeing(spec: TokeniserSpec, folder: Path, texts: list[str], ids_of: IdsOf) -> Tokeniser | None:
    """The tokeniser, if it cuts every text as the model's own does."""
    tokeniser = Tokeniser(spec, folder / TOKENISER)
    for start in range(0, len(texts), _CHECKED_AT_ONCE):
        some = texts[start : start + _CHECKED_AT_ONCE]
        ids, _ = tokeniser.pad(tokeniser.rows(some))
        own = ids_of(some)
        if ids.shape != own.shape or not np.array_equal(ids, own):
            logger.info("the tokeniser in %s differs from the model's own", folder)
            return None
    return tokeniser


def _short_words(clip: Any, tokeniser: Tokeniser, texts: list[str]) -> torch.nn.Module | None:
    """The words' tower for rows that are not padded to the context, if it gives the same vectors."""
    owner = _owner_of_positions(clip)
    full = WordsModule(clip).eval()
    # Without such an owner the tower is one of transformers, which takes rows of any width.
    short = full if owner is None else ShortWordsModule(full, owner).eval()
    rows = sorted(tokeniser.rows(texts[:_CHECKED_AT_ONCE]), key=len)[:8]
    ids, _ = tokeniser.pad(rows)
    width = max(1, *(len(row) for row in rows))
    try:
        same = np.allclose(run_module(short)(ids[:, :width]), run_module(full)(ids), atol=_OWN_ATOL, equal_nan=True)
    except (RuntimeError, IndexError) as error:  # a tower that insists on its width
        logger.debug("texts are padded to the context: %s", one_line(error))
        return None
    return short if same else None


def _owner_of_positions(clip: Any) -> Any | None:
    """The part of an open_clip model that holds a text tower's positions and its causal mask."""
    for owner in (clip, getattr(clip, "text", None)):
        positions, mask = getattr(owner, "positional_embedding", None), getattr(owner, "attn_mask", None)
        if isinstance(positions, torch.Tensor) and isinstance(mask, torch.Tensor):
            return owner
    return None


def _picture_spec(clip: Any, preprocess: Callable[[Image.Image], torch.Tensor]) -> PictureSpec | None:
    """open_clip's settings, if pictures come out equal to its own preprocessing; None where they do not."""
    settings = getattr(clip.visual, "preprocess_cfg", None)
    if not settings or settings["resize_mode"] not in RESIZE_MODES:
        return None
    sides = settings["size"] if isinstance(settings["size"], (list, tuple)) else (settings["size"],) * 2
    if sides[0] != sides[1] or settings["interpolation"] not in FILTERS:
        return None
    levels = {name: tuple(float(level) for level in settings[name]) for name in ("mean", "std")}
    fields = {"size": int(sides[0]), **levels, **{name: settings[name] for name in ("interpolation", "resize_mode")}}
    spec = msgspec.convert(fields, PictureSpec)
    jpegs = sample_jpegs()
    own = torch.stack([preprocess(decode(jpeg, 1)) for jpeg in jpegs]).numpy()
    return spec if np.allclose(pixels_of(jpegs, spec), own, atol=_PIXEL_ATOL) else None


def sample_jpegs() -> list[bytes]:
    """Pictures of several shapes, with coarse and fine structure, that no camera took."""
    rng = np.random.default_rng(0)
    jpegs = []
    for width, height in ((512, 384), (384, 512), (512, 512), (512, 171), (97, 300), (40, 30)):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height))
        fine = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        stream = io.BytesIO()
        Image.blend(coarse, fine, 0.2).save(stream, "JPEG", quality=90)
        jpegs.append(stream.getvalue())
    return jpegs


@contextlib.contextmanager
def _replaced(module: torch.nn.Module, **tensors: torch.Tensor) -> Iterator[None]:
    """Parameters and buffers of a module stand aside for plain tensors."""
    aside = [(table, name) for table in (module._parameters, module._buffers) for name in tensors if name in table]
    kept = [(table, name, table.pop(name)) for table, name in aside]
    module.__dict__.update(tensors)
    try:
        yield
    finally:
        for name in tensors:
            del module.__dict__[name]
        for table, name, tensor in kept:
            table[name] = tensor  # type: ignore[assignment]  # into the table that it came from
