"""Trains the demo's tiny bilingual CLIP on drawings of the demo world.

    python -m tests.demo.train_clip --out DIR [--steps N]

The pictures are drawn once and kept beside the checkpoint; captions are made anew for every
step. A run that is cut off goes on from its last checkpoint. The result is a bundle that
`open_clip.create_model_and_transforms("local-dir:DIR")` reads: `open_clip_config.json` and
`open_clip_model.safetensors` in float16.

Method: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision" (symmetric InfoNCE over a batch), with four changes for a closed world:
captions that also describe another picture of the batch are no negatives for it; only the
rows of the token table that the captions use are trained, and every other row becomes one of
a set of learned "unknown word" rows; every picture is also held against the bare names of all
things, which would otherwise be learned last; sentences of unknown words are negatives for every
picture, so that a query from outside this world stays far from all of it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from tests.demo.captions import CONTEXT_TOKENS, Caption, caption_en, caption_zh, name_of
from tests.demo.evaluate_clip import evaluate
from tests.demo.vocabulary import THINGS
from tests.demo.world import Scene, draw, sample_scenes

IMAGE_SIZE = 96
DRAWN_SIZE = 104  # leaves room for random crops
FULL_VOCABULARY = 49408
MEAN, STD = 0.5, 0.25
UNKNOWN_ROWS = 256
UNKNOWN_SENTENCES = 24  # per batch
EMPTY_WORDS = ("a", "the", "of", "in", "on", "at", "by", "is", "2", "3", "a picture of", "a photo of", "一", "的", "有")
NAMING_WEIGHT = 0.5
UNKNOWN_WEIGHT = 2.0
START, END = 49406, 49407

MODEL_CFG: dict[str, Any] = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": IMAGE_SIZE, "layers": [1, 2, 2, 1], "width": 16, "patch_size": None},
    "text_cfg": {
        "context_length": CONTEXT_TOKENS,
        "vocab_size": FULL_VOCABULARY,
        "width": 64,
        "heads": 4,
        "layers": 3,
    },
}


class CompactVocabulary:
    """Maps the tokenizer's 49,408 ids onto the few that captions use, and back.

    Order is kept, so the end-of-text id stays the largest: CLIP pools at the arg max.
    """

    def __init__(self, known: np.ndarray) -> None:
        self.known = known[(known != START) & (known != END)]
        self.size = len(self.known) + UNKNOWN_ROWS + 2
        self._compact = np.empty(FULL_VOCABULARY, dtype=np.int64)
        ids = np.arange(FULL_VOCABULARY)
        self._compact[:] = len(self.known) + ids % UNKNOWN_ROWS
        self._compact[self.known] = np.arange(len(self.known))
        self._compact[START], self._compact[END] = self.size - 2, self.size - 1

    def compact(self, ids: np.ndarray) -> np.ndarray:
        """Ids of the tokenizer, any shape, as row numbers of the compact table."""
        rows: np.ndarray = self._compact[ids]
        return rows

    def random_unknown(self, rng: random.Random) -> int:
        """The row number of some unknown word."""
        return len(self.known) + rng.randrange(UNKNOWN_ROWS)

    def expand(self, table: Tensor) -> Tensor:
        """The compact table (size, width) spread over all ids: (49408, width)."""
        return table[torch.from_numpy(self._compact)]


@dataclass
class Data:
    """The training pictures and what they show."""

    scenes: list[Scene]
    pictures: np.ndarray  # (N, DRAWN_SIZE, DRAWN_SIZE, 3) uint8
    vocabulary: CompactVocabulary
    tokenizer: SimpleTokenizer


def load_data(folder: Path, count: int, seed: int) -> Data:
    """Draws `count` training pictures, or takes those that an earlier run left in `folder`."""
    scenes = sample_scenes(count, seed, held_out=False)
    path = folder / f"pictures-{count}-{seed}.npy"
    if not path.exists():
        started = time.monotonic()
        partial = path.with_suffix(".part.npy")
        shape = (count, DRAWN_SIZE, DRAWN_SIZE, 3)
        pictures = np.lib.format.open_memmap(partial, "w+", dtype=np.uint8, shape=shape)
        for index, scene in enumerate(scenes):
            pictures[index] = np.asarray(draw(scene, DRAWN_SIZE))
        pictures.flush()
        partial.rename(path)
        print(f"drew {count} pictures in {time.monotonic() - started:.0f} s", flush=True)
    tokenizer = SimpleTokenizer(context_length=CONTEXT_TOKENS)
    rng = random.Random(seed)
    used: set[int] = {0}
    for scene in sample_scenes(40_000, seed + 1, held_out=False):
        used.update(tokenizer.encode(caption_en(scene, rng).text))
        used.update(tokenizer.encode(caption_zh(scene, rng).text))
    vocabulary = CompactVocabulary(np.array(sorted(used)))
    print(f"{len(scenes)} pictures, {len(used)} known tokens", flush=True)
    return Data(scenes, np.load(path), vocabulary, tokenizer)


def new_model(vocabulary_size: int) -> CLIP:
    """The untrained network with the compact token table."""
    text_cfg = {**MODEL_CFG["text_cfg"], "vocab_size": vocabulary_size}
    model = CLIP(MODEL_CFG["embed_dim"], MODEL_CFG["vision_cfg"], text_cfg)
    return model.to(memory_format=torch.channels_last)


def encode_captions(model: CLIP, ids: Tensor) -> Tensor:
    """Unit text embeddings (B, D) of ids (B, L), with L cut to the batch's longest caption.

    The same computation as `CLIP.encode_text`, which insists on the full context length:
    under the causal mask the cut-off padding cannot reach the end-of-text position.
    """
    length = ids.shape[1]
    x = model.token_embedding(ids) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(ids)), ids.argmax(dim=1)]
    return F.normalize(x @ model.text_projection, dim=-1)


def to_ids(sentences: list[list[int]]) -> Tensor:
    """Compact token rows, padded with row 0 to the longest."""
    longest = max(len(sentence) for sentence in sentences)
    ids = torch.zeros(len(sentences), longest, dtype=torch.long)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor(sentence)
    return ids


def token_rows(data: Data, texts: list[str], strew: random.Random | None = None) -> Tensor:
    """Tokenised texts; with `strew`, unknown words stand in some of them, which must not matter."""
    sentences = []
    for text in texts:
        rows = data.vocabulary.compact(np.array(data.tokenizer.encode(text))).tolist()
        if strew is not None and strew.random() < 0.15:
            for _ in range(strew.randint(1, 2)):
                rows.insert(strew.randint(0, len(rows)), data.vocabulary.random_unknown(strew))
        rows = rows[: CONTEXT_TOKENS - 2]
        sentences.append([data.vocabulary.size - 2, *rows, data.vocabulary.size - 1])
    return to_ids(sentences)


def unknown_ids(data: Data, rng: random.Random) -> Tensor:
    """Sentences about nothing in this world: unknown words, among them words that name nothing.

    A third are random Chinese characters. Their bytes are partly those of known ones, so that
    they must be told apart by their order.
    """
    compact = data.vocabulary.compact
    sentences = []
    for number in range(UNKNOWN_SENTENCES):
        words: list[int] = []
        if number % 3 == 0:
            characters = "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(rng.randint(1, 7)))
            words += compact(np.array(data.tokenizer.encode(characters))).tolist()
        else:
            for _ in range(rng.randint(1, 7)):
                if rng.random() < 0.25:
                    words += compact(np.array(data.tokenizer.encode(rng.choice(EMPTY_WORDS)))).tolist()
                words.append(data.vocabulary.random_unknown(rng))
        sentences.append([data.vocabulary.size - 2, *words, data.vocabulary.size - 1])
    return to_ids(sentences)


def augmented(pictures: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Normalised model input (B, 3, 96, 96): one crop and scale for the batch, light and mirror per picture."""
    height, width = (int(rng.integers(92, DRAWN_SIZE + 1)) for _ in range(2))
    top, left = int(rng.integers(0, DRAWN_SIZE - height + 1)), int(rng.integers(0, DRAWN_SIZE - width + 1))
    batch = torch.from_numpy(pictures[:, top : top + height, left : left + width].astype(np.float32) / 255.0)
    batch = batch.permute(0, 3, 1, 2)
    batch = F.interpolate(batch, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True)
    count = len(pictures)
    mirrored = torch.from_numpy(rng.random(count) < 0.5)
    batch[mirrored] = batch[mirrored].flip(-1)
    contrast = torch.from_numpy(rng.uniform(0.8, 1.2, (count, 1, 1, 1)).astype(np.float32))
    light = torch.from_numpy(rng.uniform(-0.08, 0.08, (count, 1, 1, 1)).astype(np.float32))
    cast = torch.from_numpy(rng.uniform(0.95, 1.05, (count, 3, 1, 1)).astype(np.float32))
    batch = ((batch - MEAN) * contrast + MEAN + light) * cast
    batch = batch + float(rng.uniform(0.0, 0.03)) * torch.randn(batch.shape)
    return ((batch.clamp(0.0, 1.0) - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def also_true(captions: list[Caption], attributes: np.ndarray) -> Tensor:
    """(pictures, captions) bool: captions of another picture that describe this one too."""
    allows = np.array([caption.allows for caption in captions], dtype=np.int64)  # 38 things need 38 bits
    true = ((allows[None, :, :] >> attributes[:, None, :]) & 1).all(axis=2)
    np.fill_diagonal(true, False)
    return torch.from_numpy(true)


def contrastive_loss(pictures: Tensor, texts: Tensor, unknown: Tensor, scale: Tensor, masked: Tensor) -> Tensor:
    """Symmetric InfoNCE of unit embeddings (B, D); `masked` pairs count neither way.

    `unknown` (U, D) are sentences that are wrong for every picture.
    """
    logits = (scale * pictures @ texts.T).masked_fill(masked, float("-inf"))
    wrong = scale * pictures @ unknown.T
    target = torch.arange(len(pictures))
    by_picture = F.cross_entropy(torch.cat([logits, wrong], dim=1), target)
    by_text = F.cross_entropy(logits.T, target)
    return (by_picture + by_text) / 2


def make_optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW that decays matrices only."""
    decayed = [p for n, p in model.named_parameters() if p.ndim >= 2 and "embedding" not in n]
    plain = [p for n, p in model.named_parameters() if p.ndim < 2 or "embedding" in n]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up over 100 steps, then a cosine down to a hundredth of the peak."""
    if step < 100:
        return peak * (step + 1) / 100
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - 100) / max(1, steps - 100))))


def train_step(model: CLIP, data: Data, step: int, batch: int, seed: int) -> Tensor:
    """The loss of one batch; everything random in it follows from `seed` and `step`."""
    rng = random.Random(seed * 1_000_003 + step)
    numbers = np.random.default_rng([seed, step])
    torch.manual_seed(seed * 1_000_003 + step)
    picked = numbers.choice(len(data.scenes), size=batch, replace=False)
    scenes = [data.scenes[index] for index in picked]
    attributes = np.array([scene.attributes() for scene in scenes])
    pictures = F.normalize(model.encode_image(augmented(data.pictures[picked], numbers)), dim=-1)
    unknown = encode_captions(model, unknown_ids(data, rng))
    scale = model.logit_scale.exp()
    losses = []
    for say in (caption_en, caption_zh):
        captions = [say(scene, rng) for scene in scenes]
        texts = encode_captions(model, token_rows(data, [caption.text for caption in captions], rng))
        losses.append(contrastive_loss(pictures, texts, unknown, scale, also_true(captions, attributes)))
    names = encode_captions(model, token_rows(data, [name_of(thing, rng) for thing in THINGS]))
    naming = F.cross_entropy(scale * pictures @ names.T, torch.from_numpy(attributes[:, 0]))
    # Beyond ranking last, a sentence about nothing must be near no picture: a search that
    # asks for it can then be answered with nothing.
    nearness = F.relu(pictures @ unknown.T).mean()
    return torch.stack(losses).mean() + NAMING_WEIGHT * naming + UNKNOWN_WEIGHT * nearness


def write_bundle(model: CLIP, vocabulary: CompactVocabulary, folder: Path) -> None:
    """The model as open_clip's `local-dir:` schema reads it, weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}
    state["token_embedding.weight"] = vocabulary.expand(state["token_embedding.weight"]).contiguous()
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    weights = folder / "open_clip_model.safetensors"
    save_file(half, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # save_file leaves it readable by its owner alone
    config = {
        "model_cfg": MODEL_CFG,
        "preprocess_cfg": {"size": IMAGE_SIZE, "mean": [MEAN] * 3, "std": [STD] * 3, "interpolation": "bicubic"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def train(arguments: argparse.Namespace) -> None:
    """Runs or resumes the training and leaves the bundle in `arguments.out`."""
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    data = load_data(work, arguments.pictures, arguments.seed)
    model = new_model(data.vocabulary.size)
    optimizer = make_optimizer(model, arguments.rate)
    checkpoint = work / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
        print(f"resumed at step {first}", flush=True)
    model.train()
    started, losses = time.monotonic(), []
    for step in range(first, arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps, arguments.rate)
        loss = train_step(model, data, step, arguments.batch, arguments.seed)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, math.log(100.0))
        losses.append(loss.item())
        done = step + 1
        if done % 25 == 0:
            pace = (time.monotonic() - started) / (done - first)
            print(f"step {done} loss {np.mean(losses[-25:]):.3f} {pace:.2f} s/step", flush=True)
        if done % arguments.save_every == 0 or done == arguments.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
            write_bundle(model, data.vocabulary, arguments.out)
            print(json.dumps({"step": done, **evaluate(arguments.out)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished bundle")
    parser.add_argument("--work", type=Path, help="folder of the checkpoint and the drawings (default: OUT/../work)")
    parser.add_argument("--steps", type=int, default=1700)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--pictures", type=int, default=24_000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=250)
    arguments = parser.parse_args()
    arguments.work = arguments.work or arguments.out.parent / "work"
    torch.set_num_threads(arguments.threads)
    train(arguments)


if __name__ == "__main__":
    main()
