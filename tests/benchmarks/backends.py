"""The back-ends that can run a model here, each made to run whether or not it would pass the gate of fidelity."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import homes
from tests.benchmarks.harness import Bench

FP32 = "torch fp32"


def photo_backends(bench: Bench) -> list[str]:
    """The names of the back-ends to measure, the reference first."""
    return [FP32]


def models_with(bench: Bench, kind: str) -> Path:
    """A models folder whose photo model runs on this back-end."""
    return homes.models_folder(bench)


def photo_core_seconds(bench: Bench, kind: str, jpegs: Sequence[bytes]) -> float:
    """Processor time of encoding previews with one thread, which waits for no other."""
    import torch

    from core.models.clip import OpenClipEncoder

    encoder = OpenClipEncoder(homes.photo_model(bench))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        encoder.encode_images(jpegs[:8])
        started = time.process_time()
        for start in range(0, len(jpegs), 8):
            encoder.encode_images(jpegs[start : start + 8])
        return time.process_time() - started
    finally:
        torch.set_num_threads(threads)
