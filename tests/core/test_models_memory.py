"""The encoder child's memory over thousands of inputs, with real libraries and small real models."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.models.host import EncoderHost
from tests.core.test_models_demo import demo_settings
from tests.demo.world import draw, sample_scenes

PICTURES = 2000
BATCH = 32
MOST_BYTES = 1_500_000_000  # resident, the pages of torch's libraries included
FLAT_BYTES = 100_000_000  # of one batch's temporary memory, which comes and goes


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EncoderHost]:
    host = EncoderHost(demo_settings(tmp_path, "demo-clip"))
    yield host
    host.close()


def jpegs() -> list[bytes]:
    """Pictures of many sizes: each makes the decoder and the allocator find room of another size."""
    chance = random.Random(1)
    made = []
    for scene in sample_scenes(64, 1, held_out=False):
        stream = io.BytesIO()
        draw(scene, chance.randrange(200, 513)).save(stream, "JPEG", quality=85)
        made.append(stream.getvalue())
    return made


@pytest.mark.slow
def test_its_memory_stays_flat(host: EncoderHost) -> None:
    chance = random.Random(2)
    pictures = jpegs()
    sizes: list[int] = []
    for _ in range(0, PICTURES, BATCH):
        host.encode_images([chance.choice(pictures) for _ in range(BATCH)])
        host.encode_passages([" ".join(["harbour"] * chance.randrange(1, 200)) for _ in range(4)])
        assert host.pid is not None
        sizes.append(psutil.Process(host.pid).memory_info().rss)
    settled, later = sizes[: len(sizes) // 4], sizes[len(sizes) // 4 :]
    assert max(later) <= max(settled) + FLAT_BYTES
    assert max(sizes) <= MOST_BYTES
