"""Measures a CLIP bundle on held-out drawings of the demo world, through open_clip's own loading.

    python -m tests.demo.evaluate_clip DIR [--scenes N]

prints one line of JSON. No held-out combination of attributes is ever drawn for training.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import replace
from pathlib import Path

import open_clip
import torch
from PIL import Image
from torch import Tensor

from tests.demo.canvas import STYLES
from tests.demo.captions import caption_en, caption_zh
from tests.demo.vocabulary import THINGS
from tests.demo.world import Scene, draw, sample_scenes

EVALUATION_SEED = 20_240_601
DRAWN_SIZE = 224  # unlike the training's, so that the preprocessing's resize takes part


def held_out_scenes(count: int) -> list[Scene]:
    """`count` scenes of different combinations that training never sees."""
    return sample_scenes(count, EVALUATION_SEED, held_out=True)


def in_another_style(scene: Scene, rng: random.Random) -> Scene:
    """The same scene drawn again, by another hand."""
    others = [style for style in STYLES if style != scene.style]
    return replace(scene, style=rng.choice(others), seed=rng.getrandbits(32))


def recall(queries: Tensor, items: Tensor, k: int) -> float:
    """The share of queries (N, D) whose own item, of the same row in (N, D), is among the first `k`."""
    nearest = (queries @ items.T).topk(k, dim=1).indices
    return (nearest == torch.arange(len(queries))[:, None]).any(dim=1).float().mean().item()


def evaluate(bundle: Path, count: int = 240) -> dict[str, float]:
    """Recall at 1 and 5, words to picture in both languages and picture to picture.

    `en_named` and `zh_named` are how often the bare name of the shown thing, one word among
    those of all things, is the nearest to its picture.
    """
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{bundle}", require_pretrained=True)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{bundle}")
    model.eval()
    rng = random.Random(EVALUATION_SEED)
    scenes = held_out_scenes(count)
    again = [in_another_style(scene, rng) for scene in scenes]

    def encode_pictures(pictures: list[Image.Image]) -> Tensor:
        return model.encode_image(torch.stack([preprocess(picture) for picture in pictures]), normalize=True)

    def encode_texts(texts: list[str]) -> Tensor:
        return model.encode_text(tokenizer(texts), normalize=True)

    with torch.inference_mode():
        pictures = encode_pictures([draw(scene, DRAWN_SIZE) for scene in scenes])
        copies = encode_pictures([draw(scene, DRAWN_SIZE) for scene in again])
        english = encode_texts([caption_en(scene, rng, full=True).text for scene in scenes])
        chinese = encode_texts([caption_zh(scene, rng, full=True).text for scene in scenes])
        named_en = encode_texts([thing.en for thing in THINGS])
        named_zh = encode_texts([thing.zh for thing in THINGS])
    shown = torch.tensor([THINGS.index(scene.thing) for scene in scenes])
    return {
        "scenes": count,
        **{
            f"{name}_r{k}": round(recall(queries, pictures, k), 3)
            for name, queries in (("en", english), ("zh", chinese), ("picture", copies))
            for k in (1, 5)
        },
        **{
            f"{name}_named": round(((pictures @ words.T).argmax(dim=1) == shown).float().mean().item(), 3)
            for name, words in (("en", named_en), ("zh", named_zh))
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--scenes", type=int, default=240)
    arguments = parser.parse_args()
    print(json.dumps(evaluate(arguments.bundle, arguments.scenes)))


if __name__ == "__main__":
    main()
