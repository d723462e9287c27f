"""The back-ends that can run a model here, each made to run whether or not it would pass the gate of fidelity."""

from __future__ import annotations

import io
import shutil
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from core.models.fidelity import MIN_SAMPLE
from core.models.installed import InstalledModel
from core.models.prepare import Sample, probe_backends
from core.models.prepared import (
    FOLDER,
    TOKENISER,
    VERSION,
    Prepared,
    machine_id,
    openvino_version,
    prepared_folder,
    read_prepared,
    write_prepared,
)
from core.models.specs import Backend, Tower, Trial
from core.types import ModelRole
from tests.benchmarks import homes, inputs
from tests.benchmarks.harness import Bench, Size

_PREPARED = "prepared.msgpack"


def sample(role: ModelRole, count: int = 100) -> Sample:
    """What stands for the user's own files: pictures, or paragraphs."""
    if role is ModelRole.TEXT:
        return Sample(passages=inputs.paragraphs(2 * count))
    pictures = []
    for seed in range(count):
        out = io.BytesIO()
        inputs.photo(512, 384, seed).save(out, "JPEG", quality=85)
        pictures.append(out.getvalue())
    return Sample(pictures=pictures, texts=[text[:60] for text in inputs.paragraphs(count)])


def precision(kind: str) -> str:
    """``fp32``, ``bf16`` or ``int8``; what computes in int8 where it can and in bf16 elsewhere counts as int8."""
    return "int8" if "int8" in kind else kind.rsplit(" ", 1)[-1]


def photo_trials(bench: Bench) -> tuple[Trial, ...]:
    """Every back-end of the random ViT-B-32 with its rate; made once on a machine, with the graphs they run."""
    return _read(_probed(bench)).trials


def photo_backends(bench: Bench) -> list[str]:
    """The fastest back-end of each precision, float32 first; what is slower than float32 by half is left out."""
    if bench.size is Size.TINY:
        return [Backend.TORCH_FP32.value]  # making the others takes minutes
    rates = {
        trial.backend.value: trial.rate
        for trial in photo_trials(bench)
        if trial.tower is Tower.PICTURES and trial.rate is not None
    }
    best: dict[str, str] = {}
    for kind, rate in rates.items():
        known = best.get(precision(kind))
        if known is None or rate > rates[known]:
            best[precision(kind)] = kind
    fp32 = rates[best["fp32"]]
    return [best[name] for name in ("fp32", "bf16", "int8") if name in best and rates[best[name]] > fp32 / 2]


def models_fp32(bench: Bench) -> Path:
    """A models folder as ``findling models prepare`` would leave it for this photo model: float32, the faster way."""
    return models_with(bench, photo_backends(bench)[0])


def models_with(bench: Bench, kind: str) -> Path:
    """A models folder whose photo model runs on this back-end, gate or no gate."""
    if bench.size is Size.TINY:
        return homes.models_folder(bench)
    model = homes.photo_model(bench)
    probed = _probed(bench)

    def make(folder: Path) -> None:
        (folder / homes.PHOTO_MODEL).symlink_to(model.folder.resolve(), target_is_directory=True)
        target = folder / FOLDER / prepared_folder(homes.settings_at(bench.scratch / "nowhere"), model).name
        target.mkdir(parents=True)
        for path in probed.iterdir():
            if path.suffix in (".xml", ".bin", ".blob") or path.name == TOKENISER:
                shutil.copyfile(path, target / path.name)
        found = _read(probed)
        chosen = tuple(
            replace(
                trial, kept=trial.backend.value == (kind if trial.tower is Tower.PICTURES else Backend.OPENVINO_FP32)
            )
            for trial in found.trials
        )
        write_prepared(target, replace(found, trials=chosen))

    return bench.kept(f"models-{_version(model)}-{kind.replace(' ', '-')}", make)


def photo_core_seconds(bench: Bench, kind: str, jpegs: Sequence[bytes]) -> float:
    """Processor time of encoding previews with one thread, which waits for no other."""
    settings = homes.settings_at(bench.scratch / f"core-{kind.replace(' ', '-')}", models_with(bench, kind))
    model = homes.photo_model(bench)
    folder = prepared_folder(settings, model)
    prepared = read_prepared(folder, model)
    if Backend(kind).on_openvino and prepared is not None:
        from core.models.towers import picture_tower

        tower = picture_tower(model, folder, prepared, threads=1)
        if tower is None:
            raise RuntimeError(f"{kind} has no graph")
        tower.encode(jpegs[:8])
        started = time.process_time()
        tower.encode(jpegs)
        return time.process_time() - started
    return _torch_core_seconds(model, kind, jpegs)


def _torch_core_seconds(model: InstalledModel, kind: str, jpegs: Sequence[bytes]) -> float:
    import torch

    from core.models.clip import OpenClipEncoder

    encoder = OpenClipEncoder(model)
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


def _read(probed: Path) -> Prepared:
    return msgspec.msgpack.decode((probed / _PREPARED).read_bytes(), type=Prepared)


def _version(model: InstalledModel) -> str:
    return f"{zlib.crc32(f'{VERSION} {openvino_version()} {machine_id()} {model.weights_id}'.encode()):08x}"


def _probed(bench: Bench) -> Path:
    """The work folder of a probe of the photo model: graphs, tokeniser, and what the trials found."""
    model = homes.photo_model(bench)

    def make(folder: Path) -> None:
        from core.models.trials import Trials

        own = sample(ModelRole.PHOTO, MIN_SAMPLE)
        trials = probe_backends(model, own, folder, seconds=bench.pick(0.2, 2.0))
        apart = Trials(model, folder)  # says how inputs are made, which a graph does not
        prepared = Prepared(
            VERSION, model.name, model.weights_id, openvino_version(), machine_id(), MIN_SAMPLE, trials, (),
            apart.tokeniser, apart.pictures,
        )  # fmt: skip
        apart.compile_ahead(Tower.WORDS, Backend.OPENVINO_FP32)
        (folder / _PREPARED).write_bytes(msgspec.msgpack.encode(prepared))

    return bench.kept(f"probed-{_version(model)}", make)
