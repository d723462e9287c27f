"""How the encoder child's memory stands over 50,000 inputs: part of ``guest`` where the long runs are asked for.

The models are small, so that it takes minutes; the libraries, their allocators, and the child with its limits are the
real ones. Pictures have many sizes and texts many lengths, since each new shape of a batch is what allocators grow by.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import psutil

from core.config import Settings
from core.models.fidelity import MIN_SAMPLE
from core.models.host import EncoderHost
from core.models.library import import_model, use_model
from core.models.prepare import Sample, prepare_model
from core.models.specs import Tower
from core.types import ModelRole
from tests.benchmarks import homes, inputs
from tests.benchmarks.harness import Bench, Report, at_most
from tests.benchmarks.harness import Sample as Figures

T = TypeVar("T")

EVERY = 500  # inputs between two looks at the child
_FLAT_MB = 50.0  # a fifth of what a child may grow before it is started afresh
_BATCH = 32  # of pictures and of texts, in turns
_SETTLED = 2_000  # inputs after which its size is what the later ones are compared with


def add_memory_over_many_inputs(bench: Bench, report: Report) -> None:
    """Rows for the child with models as they came and with prepared ones; the raw rounds hold every look in order."""
    count = bench.pick(200, 0, 50_000)
    if not count:
        return
    with bench.temporary("memory") as folder:
        settings = _two_small_models(folder)
        _add(bench, report, settings, count, "torch")
        if bench.pick(False, True):  # preparing takes a minute
            _add(bench, report, settings, count, _prepared(settings))


def _add(bench: Bench, report: Report, settings: Settings, count: int, on: str) -> None:
    bench.say(f"the encoder child over {count:,} inputs, {on}")
    host = EncoderHost(settings)
    try:
        most, starts = _followed(host, count)
    finally:
        host.close()
    sizes_mb = {seen: size / 1e6 for seen, size in most.items()}
    settled_mb = max(size for seen, size in sizes_mb.items() if seen <= _SETTLED)
    report.add(f"resident memory of the encoder child, {on}, over {count:,} pictures and texts", "MB",
               Figures(tuple(sizes_mb.values())))  # fmt: skip
    report.add(f"the same: the most beyond that of the first {_SETTLED:,}", "MB",
               max(sizes_mb.values()) - settled_mb, wanted=at_most(_FLAT_MB))  # fmt: skip
    told = ", ".join(
        f"{seen:,}: {size:.0f}" for seen, size in sizes_mb.items() if seen in (EVERY, _SETTLED) or seen % 5_000 == 0
    )
    report.remarks.append(f"encoder child, {on}: MB after so many inputs: {told}; children started: {starts}")


def _followed(host: EncoderHost, count: int) -> tuple[dict[int, int], int]:
    """Feed the child; the most that it held in each part of ``EVERY`` inputs, and how many children were started."""
    pictures, texts = _endless(_jpegs()), _endless(inputs.paragraphs(4_000))
    most: dict[int, int] = {}
    pids = set()
    chance = random.Random(2)
    for seen in range(0, count, 2 * _BATCH):
        host.encode_images([next(pictures) for _ in range(_BATCH)])
        host.encode_passages([_cut(next(texts), chance) for _ in range(_BATCH)])
        pid = host.pid
        if pid is None:
            continue  # it had grown, and goes on as another one
        pids.add(pid)
        part = (seen // EVERY + 1) * EVERY
        most[part] = max(most.get(part, 0), psutil.Process(pid).memory_info().rss)
    return most, len(pids)


def _endless(things: list[T]) -> Iterator[T]:
    """All of them again and again, each time in another order."""
    chance = random.Random(1)
    while True:
        chance.shuffle(things)
        yield from things


def _cut(text: str, chance: random.Random) -> str:
    """Of most texts a few words, of some all: a tower's time goes by the words, its shapes by the lengths."""
    words = text.split()
    return text if chance.random() < 0.1 else " ".join(words[: chance.randrange(1, 30)])


def _jpegs() -> list[bytes]:
    """Small pictures of many sizes and shapes."""
    chance = random.Random(3)
    made = []
    for seed in range(200):
        out = io.BytesIO()
        inputs.photo(chance.randrange(64, 257), chance.randrange(64, 257), seed).save(out, "JPEG", quality=85)
        made.append(out.getvalue())
    return made


def _two_small_models(folder: Path) -> Settings:
    """A home with a CLIP and a text encoder of one layer each, loaded as real ones are."""
    from tests.core.model_bundles import make_clip, make_sentence_transformer

    settings = homes.settings_at(folder / "home")
    for make in (make_clip, make_sentence_transformer):
        bundle = make(folder / make.__name__.removeprefix("make_"))
        settings = use_model(settings, import_model(settings, bundle).name)
    return settings


def _prepared(settings: Settings) -> str:
    """Prepare both models; the back-ends that were kept for them."""
    sample = Sample(pictures=_jpegs()[:MIN_SAMPLE], passages=inputs.paragraphs(2 * MIN_SAMPLE))
    towers = {ModelRole.PHOTO: Tower.PICTURES, ModelRole.TEXT: Tower.PASSAGES}
    kept = [prepare_model(settings, settings.models[role], sample).kept(tower) for role, tower in towers.items()]
    return " and ".join(dict.fromkeys(kept))
