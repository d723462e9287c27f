"""A Whisper checkpoint in OpenAI's format to the files that CTranslate2 and faster-whisper read.

CTranslate2 converts Whisper from Hugging Face's layout only. OpenAI's has the same tensors under other names, so they
are put straight into CTranslate2's specification; nothing is fetched and no copy in a third layout is made. The
tokenizer is written too, because faster-whisper otherwise asks the hub for one.

Sources: ``ctranslate2.converters.transformers.WhisperLoader`` (which tensor goes where), ``whisper.model`` and
``whisper.tokenizer`` (names, special tokens, ids).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core.errors import ModelError
from core.models.failures import load_failure, one_line

if TYPE_CHECKING:
    from ctranslate2.specs import WhisperSpec
    from tokenizers import Tokenizer as FastTokenizer
    from torch import Tensor
    from whisper.tokenizer import Tokenizer

CONVERTER_VERSION = 1  # raise it when the converted files come out differently

AUDIO_CONTEXT = 1500  # positions of the encoder: faster-whisper always gives it 30 s

# Whisper's own sizes of vocabulary, by which CTranslate2 tells English-only checkpoints and counts the languages.
ENGLISH_VOCABULARY = 51864
MULTILINGUAL_VOCABULARIES = (51865, 51866)

Weights = Mapping[str, "Tensor"]


class Arithmetic(StrEnum):
    """What the converted model computes in, the fastest first."""

    INT8 = "int8"
    FLOAT32 = "float32"


# How the weights are stored for it. None keeps them as the checkpoint has them (float16 in OpenAI's own): CTranslate2
# widens them when it loads, and nothing is rounded.
QUANTISATION = {Arithmetic.INT8: "int8", Arithmetic.FLOAT32: None}


class Dimensions(msgspec.Struct, frozen=True):
    """``dims`` of a checkpoint, under OpenAI's names."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    @property
    def is_multilingual(self) -> bool:
        return self.n_vocab != ENGLISH_VOCABULARY

    @property
    def num_languages(self) -> int:
        return self.n_vocab - 51765 - int(self.is_multilingual)


def convert_whisper(checkpoint: Path, folder: Path, arithmetic: Arithmetic) -> None:
    """Write the converted checkpoint into ``folder``, which must exist.

    Raises ``ModelError`` when the checkpoint cannot be read or has a shape that CTranslate2 does not know. ``OSError``
    passes through when the files cannot be written.
    """
    dims, weights = read_checkpoint(checkpoint)
    if dims.n_audio_ctx != AUDIO_CONTEXT:
        raise ModelError(
            f"only Whisper models that hear 30 s can be converted, not {dims.n_audio_ctx}", path=checkpoint
        )
    if dims.n_vocab not in (ENGLISH_VOCABULARY, *MULTILINGUAL_VOCABULARIES):
        raise ModelError(f"a Whisper vocabulary of {dims.n_vocab} is not known", path=checkpoint)
    tokenizer = openai_tokenizer(dims)
    try:
        spec = _specification(dims, weights, tokenizer)
        spec.validate()
        spec.optimize(quantization=QUANTISATION[arithmetic])
    except (KeyError, ValueError) as error:
        raise ModelError(f"not the tensors of a Whisper model: {one_line(error)}", path=checkpoint) from error
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(fast_tokenizer(tokenizer).to_str(), "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": dims.n_mels}), "utf-8")
    (folder / "dims.json").write_bytes(msgspec.json.encode(dims))


def read_checkpoint(checkpoint: Path) -> tuple[Dimensions, dict[str, Tensor]]:
    """Dimensions and tensors, mapped from the file where its format allows. Raises ``ModelError``.

    Unpickled with ``weights_only=True``, which builds tensors and plain containers only.
    """
    import torch

    try:
        document: Any = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return msgspec.convert(document["dims"], Dimensions), dict(document["model_state_dict"])
    except Exception as error:
        raise load_failure("whisper", error, checkpoint) from error


def read_dimensions(folder: Path) -> Dimensions:
    """The dimensions of a converted checkpoint. ``OSError`` and ``msgspec.ValidationError`` pass through."""
    return msgspec.json.decode((folder / "dims.json").read_bytes(), type=Dimensions)


def openai_tokenizer(dims: Dimensions) -> Tokenizer:
    from whisper.tokenizer import get_tokenizer

    return get_tokenizer(dims.is_multilingual, num_languages=dims.num_languages)


def _specification(dims: Dimensions, weights: Weights, tokenizer: Tokenizer) -> WhisperSpec:
    from ctranslate2.specs import WhisperSpec

    spec = WhisperSpec(dims.n_audio_layer, dims.n_audio_head, dims.n_text_layer, dims.n_text_head)
    for name in ("conv1", "conv2"):
        _set_linear(getattr(spec.encoder, name), weights, f"encoder.{name}")
    spec.encoder.position_encodings.encodings = weights["encoder.positional_embedding"]
    _set_norm(spec.encoder.layer_norm, weights, "encoder.ln_post")
    spec.decoder.embeddings.weight = weights["decoder.token_embedding.weight"]
    spec.decoder.projection.weight = weights["decoder.token_embedding.weight"]
    spec.decoder.position_encodings.encodings = weights["decoder.positional_embedding"]
    _set_norm(spec.decoder.layer_norm, weights, "decoder.ln")
    for tower, layers in (("encoder", spec.encoder.layer), ("decoder", spec.decoder.layer)):
        for number, layer in enumerate(layers):
            _set_block(layer, weights, f"{tower}.blocks.{number}", crossed=tower == "decoder")
    spec.register_vocabulary(_vocabulary(tokenizer))
    _configure(spec, dims, tokenizer)
    return spec


def _set_block(layer: Any, weights: Weights, name: str, *, crossed: bool) -> None:
    _set_attention(layer.self_attention, weights, f"{name}.attn", fused=(("query", "key", "value"),))
    if crossed:
        _set_attention(layer.attention, weights, f"{name}.cross_attn", fused=(("query",), ("key", "value")))
    _set_linear(layer.ffn.linear_0, weights, f"{name}.mlp.0")
    _set_linear(layer.ffn.linear_1, weights, f"{name}.mlp.2")
    _set_norm(layer.ffn.layer_norm, weights, f"{name}.mlp_ln")


def _set_attention(spec: Any, weights: Weights, name: str, fused: tuple[tuple[str, ...], ...]) -> None:
    """CTranslate2 multiplies by the matrices of one group at once; where one has no bias (the key's), it is zero."""
    import torch

    for linear, group in zip(spec.linear, fused, strict=False):  # the one left over is the output's
        matrices = [weights[f"{name}.{part}.weight"] for part in group]
        biases = [weights.get(f"{name}.{part}.bias", torch.zeros_like(matrices[0][:, 0])) for part in group]
        linear.weight, linear.bias = torch.cat(matrices), torch.cat(biases)
    _set_linear(spec.linear[-1], weights, f"{name}.out")
    _set_norm(spec.layer_norm, weights, f"{name}_ln")


def _set_linear(spec: Any, weights: Weights, name: str) -> None:
    spec.weight, spec.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _set_norm(spec: Any, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _configure(spec: WhisperSpec, dims: Dimensions, tokenizer: Tokenizer) -> None:
    """What Hugging Face's generation configuration says: the tokens that may not come, and where languages lie."""
    never = (
        *tokenizer.non_speech_tokens,
        *(tokenizer.transcribe, tokenizer.translate, tokenizer.sot, tokenizer.sot_prev, tokenizer.sot_lm),
        tokenizer.no_speech,
    )
    spec.config.suppress_ids = sorted(never)
    spec.config.suppress_ids_begin = [*tokenizer.encode(" "), tokenizer.eot]
    spec.config.lang_ids = list(tokenizer.all_language_tokens)
    # For times of single words, which are not asked for: whisper's own default, the upper half of the layers.
    layers = range(dims.n_text_layer // 2, dims.n_text_layer)
    spec.config.alignment_heads = list(itertools.product(layers, range(dims.n_text_head)))


def _byte_letters() -> dict[int, str]:
    """A printable letter for every byte, as GPT-2 and the ``tokenizers`` library write byte-level tokens.

    Printable Latin-1 stands for itself; what is left, in order, for the letters from U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _ranks(tokenizer: Tokenizer) -> dict[bytes, int]:
    """The ordinary tokens and their ids, which are also the order in which they were merged."""
    count = tokenizer.eot  # the first special token
    return {tokenizer.encoding.decode_single_token_bytes(index): index for index in range(count)}


def _specials(tokenizer: Tokenizer) -> list[str]:
    """The special tokens in the order of their ids, which follow the ordinary ones without a gap."""
    return sorted(tokenizer.special_tokens, key=lambda token: tokenizer.special_tokens[token])


def _vocabulary(tokenizer: Tokenizer) -> list[str]:
    letters = _byte_letters()
    return ["".join(letters[byte] for byte in token) for token in _ranks(tokenizer)] + _specials(tokenizer)


def fast_tokenizer(tokenizer: Tokenizer) -> FastTokenizer:
    """The same tokenizer for the ``tokenizers`` library.

    tiktoken always joins the two neighbours that make the token of the lowest rank. So every way to cut a token into
    two tokens is a merge of that token's rank.
    """
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as FastTokenizer

    letters = _byte_letters()
    ranks = _ranks(tokenizer)
    written = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = [
        (written[token[:cut]], written[token[cut:]])
        for token in ranks  # in order of rank
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    ]
    fast = FastTokenizer(models.BPE(vocab={written[token]: rank for token, rank in ranks.items()}, merges=merges))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)  # GPT-2's expression
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _specials(tokenizer)])
    return fast
