"""Photos end to end: files on the disk to vectors and thumbnails in the index."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from core.config import Settings
from tests.benchmarks import backends, homes, inputs, machine, plain
from tests.benchmarks.harness import Bench, Report, Sample, at_least, interleave, seconds

TITLE = "Indexing photos, end to end"
ABOUT = (
    "ViT-B-32 with random weights, photo-like JPEGs, models loaded before the clock runs. Plain: decode the whole "
    "picture, torch float32 in batches of eight, a row in SQLite. Ours: a fresh index, `Engine.index` from the scan of "
    "the folder to committed vectors, thumbnails, descriptors and hashes."
)
MINUTES = 5.0

_WARM_UP = 16  # photos that load the models and start the children before the clock runs

# Wanted ratios by megapixels and kind of back-end.
_WANTED = {
    (12, "fp32"): 2.3, (12, "bf16"): 3.5, (12, "int8"): 6.0,
    (3, "fp32"): 1.15, (3, "bf16"): 2.0, (3, "int8"): 3.5,
}  # fmt: skip


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    peer = plain.PlainPhotos(homes.photo_model(bench).folder, machine.cores())
    kinds = backends.photo_backends(bench)
    for megapixels in bench.pick((1,), (12, 3)):
        count = bench.pick(12, {12: 120, 3: 240}.get(megapixels, 24), {12: 480, 3: 960}.get(megapixels, 24))
        paths = inputs.photos(bench, megapixels, count + _WARM_UP)
        bench.say(f"{count} photos of {megapixels} MP: plain, {', '.join(kinds)}")
        sides: dict[str, Callable[[], float]] = {
            "plain": partial(_plain_rate, bench, peer, paths[: max(8, count // 4)], thumbnails=False),
            "plain, with thumbnails": partial(_plain_rate, bench, peer, paths[: max(8, count // 4)], thumbnails=True),
        }
        sides |= {kind: partial(_our_rate, bench, paths, kind) for kind in kinds}
        figures = interleave(sides, bench.rounds)
        for kind in kinds:
            least = _WANTED.get((megapixels, backends.precision(kind)))
            report.add(
                f"{megapixels} MP, {kind}", "photos/s", figures[kind], figures["plain"], more_is_better=True,
                wanted=at_least(least, "ratio") if least else None,
            )  # fmt: skip
        report.add(
            f"{megapixels} MP, {kinds[0]}, plain with thumbnails", "photos/s", figures[kinds[0]],
            figures["plain, with thumbnails"], more_is_better=True,
        )  # fmt: skip
        _add_overlap(bench, report, megapixels, paths, kinds[0], figures[kinds[0]])
    return report


def _plain_rate(bench: Bench, peer: plain.PlainPhotos, paths: Sequence[Path], *, thumbnails: bool) -> float:
    with bench.temporary("plain") as folder:
        work = partial(peer.index, paths, folder / "photos.db", thumbnails=folder if thumbnails else None)
        return len(paths) / seconds(work)


def _our_rate(bench: Bench, paths: Sequence[Path], kind: str) -> float:
    with bench.temporary("ours") as folder:
        settings = homes.settings_at(folder / "home", backends.models_with(bench, kind))
        warm = inputs.link_all(paths[:_WARM_UP], folder / "warm")
        photos = inputs.link_all(paths[_WARM_UP:], folder / "photos")
        with homes.opened(settings) as engine:
            engine.add_root(warm)
            engine.index()
            engine.add_root(photos)
            started = time.perf_counter()
            report = engine.index()
            took_s = time.perf_counter() - started
        count = len(paths) - _WARM_UP
        if report.indexed != count or report.encoded < count:
            raise RuntimeError(f"{report.indexed} of {count} photos were indexed, {report.encoded} encoded")
        return count / took_s


@dataclass(frozen=True)
class _Parts:
    """Core seconds that one photo takes in each part, measured alone."""

    read: float
    hash: float
    commit: float
    encode: float

    @property
    def total(self) -> float:
        return self.read + self.hash + self.commit + self.encode


def _add_overlap(bench: Bench, report: Report, megapixels: int, paths: Sequence[Path], kind: str, rate: Sample) -> None:
    """How near the pipeline comes to doing nothing but its parts' work on all cores at once."""
    parts = _parts(bench, paths[: bench.pick(8, 24)], kind)
    ideal = machine.cores() / parts.total
    report.add(
        f"{megapixels} MP, {kind}: rate of the pipeline beside all cores doing the parts' work alone",
        "photos/s",
        rate,
        more_is_better=True,
        peak=ideal,
        wanted=at_least(round(0.9 * ideal, 1)),
        note=f"core time a photo: read {parts.read * 1000:.1f} ms, hash {parts.hash * 1000:.1f}, "
        f"encode {parts.encode * 1000:.1f}, commit {parts.commit * 1000:.1f}",
    )


def _parts(bench: Bench, paths: Sequence[Path], kind: str) -> _Parts:
    from core.extract.registry import read
    from core.extract.version import extractor_version
    from core.index.hashing import hash_file
    from core.store.jobs import ModelState
    from core.store.store import Store, look_alike_space
    from core.store.vectors import NewVector
    from core.types import EmbeddingSpace, Stage

    extractions = [read(paths[0])]
    read_s = _core_seconds(lambda: extractions.__setitem__(slice(None), [read(path) for path in paths]))
    digests: list[bytes] = []
    hash_s = _core_seconds(lambda: digests.extend(hash_file(os.fsencode(path))[0] for path in paths))
    with bench.temporary("parts") as folder:
        settings = homes.settings_at(folder / "home")
        store = Store(settings.folders)
        try:
            file_ids = _known_files(store, settings, inputs.link_all(paths, folder / "photos"))
            space_id = store.vectors.space_id(EmbeddingSpace("parts", "1", homes.PHOTO_DIM, "1"))
            vector = np.full(homes.PHOTO_DIM, homes.PHOTO_DIM**-0.5, np.float32)

            def commit() -> None:
                for file_id, digest, extraction in zip(file_ids, digests, extractions, strict=True):
                    size = len(extraction.look_alike or b"") // 4
                    content_id = store.commit_content(
                        file_id, digest, extraction, extractor_version=extractor_version(),
                        look_alike=look_alike_space(size, extractor_version()), models=ModelState(None, space_id, None),
                    )  # fmt: skip
                    (segment,) = store.segments.of_content(content_id, list(_photo_kind()))
                    store.commit_vectors(file_id, Stage.PHOTO, space_id, [NewVector(segment.id, content_id, vector)])

            commit_s = _core_seconds(commit)
        finally:
            store.close()
    previews = [extraction.preview for extraction in extractions if extraction.preview is not None]
    encode_s = backends.photo_core_seconds(bench, kind, previews)
    return _Parts(*(part / len(paths) for part in (read_s, hash_s, commit_s, encode_s)))


def _photo_kind() -> tuple[object, ...]:
    from core.types import SegmentKind

    return (SegmentKind.PHOTO,)


def _known_files(store: object, settings: Settings, folder: Path) -> list[int]:
    """Files of a folder in the index, known by name only."""
    from core.store.store import Store
    from core.watch.scan import reconcile

    assert isinstance(store, Store)
    store.roots.add(os.fsencode(folder))
    (root,) = store.roots.all()
    reconcile(store, root)
    return [known.id for _, known in sorted(store.files.known(root.id).items())]


def _core_seconds(work: Callable[[], object]) -> float:
    """Processor time of this process, all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started
