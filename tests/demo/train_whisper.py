"""Train the demo's Whisper: `python -m tests.demo.train_whisper --out DIR [--steps N]`.

Writes DIR/demo-whisper.pt in the official checkpoint format, and DIR/state.pt to go on from.

Two shortcuts make this possible on one processor core in half an hour:

* Of the 51,865 tokens, 67 and the timestamps occur. All the others share one embedding row,
  so their part of the softmax is one logit plus log(how many there are), and the loss is
  exactly that of the full vocabulary. Timestamps are a linear map of the encoder's own
  positional code, so that all of them learn from each one.
* A window is 30 s, nearly all of it padding that differs in its positional code alone. A few
  frames of it, at random places, stand for all: as attention keys they get a bias of
  log(how many frames each stands for).

Two more things make it learn from few examples: encoder heads start as local attention
(the sinusoids make a shift in time a rotation), and the encoder is also taught the phoneme
and the word of each of its states, which the synthesiser knows. Those two heads are dropped.
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whisper.model import AudioEncoder, ModelDimensions, MultiHeadAttention, TextDecoder, sinusoids

from tests.demo.whisper_data import Corpus, Example, collate

logger = logging.getLogger(__name__)

DIMS = ModelDimensions(
    n_mels=80,
    n_audio_ctx=1500,
    n_audio_state=112,
    n_audio_head=4,
    n_audio_layer=3,
    n_vocab=51865,
    n_text_ctx=224,
    n_text_state=112,
    n_text_head=4,
    n_text_layer=2,
)
N_TIMESTAMPS = 1501
_PADDING_SAMPLES = 16
_TIMESTAMP_SPREAD = 1.5  # standard deviation of a timestamp's soft target, in stamps of 0.02 s
_IGNORED = -100


@dataclass(frozen=True)
class Recipe:
    """What a run is determined by."""

    steps: int = 1600
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 150
    weight_decay: float = 0.01
    frame_weight: float = 1.0
    utterances: int = 9_000
    seed: int = 1


@dataclass(frozen=True)
class Batch:
    """`mel` (batch, 80, frames), `padding` (batch,), padded compact `tokens` (batch, length).

    `said` (batch, frames / 2, 2) is the phoneme and the word of each encoder state.
    """

    mel: Tensor
    padding: Tensor
    tokens: Tensor
    said: Tensor


class CompactWhisper(nn.Module):
    """Whisper with the vocabulary [used tokens, one for all others, timestamps]."""

    def __init__(self, used_tokens: list[int], n_phonemes: int, n_words: int) -> None:
        super().__init__()
        d = DIMS
        self.used_tokens = used_tokens
        self.timestamp_begin = len(used_tokens) + 1
        self.encoder = AudioEncoder(d.n_mels, d.n_audio_ctx, d.n_audio_state, d.n_audio_head, d.n_audio_layer)
        self.decoder = TextDecoder(self.timestamp_begin, d.n_text_ctx, d.n_text_state, d.n_text_head, d.n_text_layer)
        self.timestamps = nn.Linear(d.n_text_state, d.n_text_state)
        self.frame_heads = nn.ModuleList(nn.Linear(d.n_audio_state, count) for count in (n_phonemes, n_words))
        self.register_buffer("stamp_code", sinusoids(N_TIMESTAMPS, d.n_text_state), persistent=False)
        bias = torch.zeros(self.timestamp_begin + N_TIMESTAMPS)
        bias[len(used_tokens)] = math.log(DIMS.n_vocab - N_TIMESTAMPS - len(used_tokens))
        self.register_buffer("multiplicity", bias, persistent=False)
        self._initialise()

    def embedding(self) -> Tensor:
        """Rows of the compact vocabulary, (tokens, state)."""
        return torch.cat([self.decoder.token_embedding.weight, self.timestamps(self.stamp_code)])

    def encode(self, mel: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        """States of the window's own frames and of sampled padding, (batch, keys, state), and the keys' bias."""
        encoder = self.encoder
        margin = 8
        tail = padding[:, None, None].expand(-1, mel.shape[1], margin)
        features = F.gelu(encoder.conv2(F.gelu(encoder.conv1(torch.cat([mel, tail], dim=2))))).transpose(1, 2)
        # The convolution's own zero padding reaches the last two states; the one before is plain padding.
        length = mel.shape[2] // 2 + 1
        rest_features = features[:, -3:-2].expand(-1, _PADDING_SAMPLES, -1)
        rest = DIMS.n_audio_ctx - length
        stride = rest / _PADDING_SAMPLES
        places = length + (torch.arange(_PADDING_SAMPLES) * stride + torch.rand(_PADDING_SAMPLES) * stride).long()
        code = encoder.positional_embedding
        x = torch.cat([features[:, :length] + code[:length], rest_features + code[places]], dim=1)
        bias = torch.zeros(x.shape[1])
        bias[length:] = math.log(stride)
        for block in encoder.blocks:
            x = x + _attend(block.attn, block.attn_ln(x), bias=bias)
            x = x + block.mlp(block.mlp_ln(x))
        return encoder.ln_post(x), bias

    def decode(self, tokens: Tensor, states: Tensor, bias: Tensor, embedding: Tensor) -> Tensor:
        """Logits over the compact vocabulary, (batch, length, tokens)."""
        decoder = self.decoder
        x = F.embedding(tokens, embedding) + decoder.positional_embedding[: tokens.shape[1]]
        for block in decoder.blocks:
            x = x + _attend(block.attn, block.attn_ln(x), causal=True)
            x = x + _attend(block.cross_attn, block.cross_attn_ln(x), states, bias=bias)
            x = x + block.mlp(block.mlp_ln(x))
        return decoder.ln(x) @ embedding.T + self.multiplicity

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the next token, and of the phoneme plus the word of each encoder state."""
        states, bias = self.encode(batch.mel, batch.padding)
        logits = self.decode(batch.tokens[:, :-1].clamp(min=0), states, bias, self.embedding())
        own = states[:, : batch.said.shape[1]].flatten(0, 1)
        frame_losses = [
            F.cross_entropy(head(own), batch.said[..., index].flatten()) for index, head in enumerate(self.frame_heads)
        ]
        return self._cross_entropy(logits, batch.tokens[:, 1:]), torch.stack(frame_losses).sum()

    def export(self) -> dict[str, object]:
        """The official checkpoint: dimensions and half-precision weights over the full vocabulary."""
        embedding = self.embedding().detach()
        full = embedding[len(self.used_tokens)].repeat(DIMS.n_vocab, 1)
        full[self.used_tokens] = embedding[: len(self.used_tokens)]
        full[-N_TIMESTAMPS:] = embedding[self.timestamp_begin :]
        weights = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        weights |= {f"decoder.{name}": value for name, value in self.decoder.state_dict().items()}
        weights["decoder.token_embedding.weight"] = full
        return {"dims": asdict(DIMS), "model_state_dict": {name: value.half() for name, value in weights.items()}}

    def compact(self, token: int) -> int:
        """The compact id of an official token id that occurs in training."""
        stamp = token - (DIMS.n_vocab - N_TIMESTAMPS)
        return self.timestamp_begin + stamp if stamp >= 0 else self._compact_ids[token]

    def _initialise(self) -> None:
        self._compact_ids = {token: index for index, token in enumerate(self.used_tokens)}
        nn.init.normal_(self.decoder.token_embedding.weight, std=0.1)
        nn.init.normal_(self.decoder.positional_embedding, std=0.1)
        nn.init.eye_(self.timestamps.weight)
        with torch.no_grad():
            self.timestamps.weight.mul_(0.15)
        for depth, block in enumerate(self.encoder.blocks):
            _start_local(block.attn, reach=2 * (depth + 1))

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_probabilities = logits.log_softmax(dim=-1)
        known = targets != _IGNORED
        stamped = known & (targets >= self.timestamp_begin)
        worded = known & ~stamped
        loss = -log_probabilities[worded].gather(1, targets[worded][:, None]).sum()
        stamps = targets[stamped] - self.timestamp_begin
        distance = torch.arange(N_TIMESTAMPS) - stamps[:, None]
        soft = torch.softmax(-0.5 * (distance / _TIMESTAMP_SPREAD) ** 2, dim=1)
        loss = loss - (soft * log_probabilities[stamped][:, self.timestamp_begin :]).sum()
        return loss / known.sum()


def _attend(
    attention: MultiHeadAttention,
    x: Tensor,
    source: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    causal: bool = False,
) -> Tensor:
    source = x if source is None else source
    q, k, v = (
        layer(y).unflatten(-1, (attention.n_head, -1)).transpose(1, 2)
        for layer, y in ((attention.query, x), (attention.key, source), (attention.value, source))
    )
    if bias is not None:
        bias = bias.expand(q.shape[0], 1, q.shape[2], -1)
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal)
    return attention.out(mixed.transpose(1, 2).flatten(2))


def _start_local(attention: MultiHeadAttention, reach: int, gain: float = 1.2) -> None:
    """Let each head look a fixed number of states away: keys see the fast sinusoids rotated by that shift."""
    width = attention.query.weight.shape[0]
    half, per_head = width // 2, width // attention.n_head
    pairs = per_head // 2
    speed = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(pairs))
    shifts = (-3 * reach, -reach, reach, 3 * reach)
    with torch.no_grad():
        for head, shift in enumerate(shifts):
            for pair in range(pairs):
                sine, cosine = head * per_head + 2 * pair, head * per_head + 2 * pair + 1
                turn = float(speed[pair]) * shift
                attention.query.weight[sine, pair] += gain
                attention.query.weight[cosine, half + pair] += gain
                attention.key.weight[sine, pair] += gain * math.cos(turn)
                attention.key.weight[sine, half + pair] -= gain * math.sin(turn)
                attention.key.weight[cosine, half + pair] += gain * math.cos(turn)
                attention.key.weight[cosine, pair] += gain * math.sin(turn)


def batches(corpus: Corpus, model: CompactWhisper, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Endless batches of windows of similar length, drawn 32 batches at a time."""
    while True:
        pool = sorted((corpus.draw(rng) for _ in range(32 * size)), key=lambda example: len(example.mel))
        for index in rng.permutation(32):
            yield _batch(pool[index * size : (index + 1) * size], model)


def _batch(examples: list[Example], model: CompactWhisper) -> Batch:
    mel, padding, said = collate(examples)
    tokens = torch.full((len(examples), max(len(example.tokens) for example in examples)), _IGNORED)
    for row, example in zip(tokens, examples, strict=True):
        row[: len(example.tokens)] = torch.tensor([model.compact(token) for token in example.tokens])
    return Batch(mel, padding, tokens, said)


def train(recipe: Recipe, out: Path) -> None:
    """Run `recipe`, going on from `out`/state.pt where there is one."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    corpus = Corpus.load(out, recipe.utterances, recipe.seed)
    model = CompactWhisper(corpus.text_tokens(), corpus.n_phonemes, corpus.n_words)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))
    step = _restore(out / "state.pt", model, optimiser)
    stream = batches(corpus, model, recipe.batch, np.random.default_rng([recipe.seed, step]))
    began, first, sums = time.monotonic(), step, np.zeros(3)
    while step < recipe.steps:
        rate = _learning_rate(recipe, step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = next(stream)
        token_loss, frame_loss = model.loss(batch)
        optimiser.zero_grad()
        (token_loss + recipe.frame_weight * frame_loss).backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        sums += [token_loss.item(), frame_loss.item(), norm.item()]
        if step % 50 == 0:
            per_step_s = (time.monotonic() - began) / (step - first)
            logger.info("step %d: tokens %.3f, frames %.3f, gradient %.2f; %.2f s a step", step, *sums / 50, per_step_s)
            sums[:] = 0
        if step % 200 == 0 or step == recipe.steps:
            _store(out, model, optimiser, step)


def _learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    progress = min(1.0, max(0, step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))
    return (
        recipe.learning_rate * min(1, (step + 1) / recipe.warmup) * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))
    )


def _restore(path: Path, model: CompactWhisper, optimiser: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _store(out: Path, model: CompactWhisper, optimiser: torch.optim.Optimizer, step: int) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    for name, content in (("state.pt", state), ("demo-whisper.pt", model.export())):
        partial = out / f"partial-{name}"
        torch.save(content, partial)
        partial.replace(out / name)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--utterances", type=int, default=Recipe.utterances)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.out.mkdir(parents=True, exist_ok=True)
    train(Recipe(steps=options.steps, utterances=options.utterances, seed=options.seed), options.out)


if __name__ == "__main__":
    main()
