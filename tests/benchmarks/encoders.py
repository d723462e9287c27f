"""Every back-end of the models, timed, with the gate of fidelity beside it."""

from __future__ import annotations

from collections.abc import Sequence

from core.models.installed import active_model
from core.models.prepare import Sample, probe_backends
from core.models.specs import Backend, Tower, Trial
from core.types import ModelRole
from tests.benchmarks import backends, homes, machine
from tests.benchmarks.harness import Bench, Report

TITLE = "Back-ends of the encoders"
ABOUT = (
    "What `findling models prepare` sees, each back-end timed whether or not it passes: the mean cosine to torch "
    "float32 (wanted 0.999) and the share of the ten nearest that stay (wanted 0.97). ViT-B-32 has random weights, "
    "which fail that gate by nature; all-MiniLM-L6-v2 has its own. Plain: torch float32."
)
MINUTES = 3.0

_VIT_B_32_GFLOP = 8.73  # one picture through the vision tower: 4.37 billion multiplications and as many additions


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    bench.say("ViT-B-32")
    _add(report, "ViT-B-32", backends.photo_trials(bench))
    bench.say("MiniLM")
    with bench.temporary("encoders") as folder:
        model = active_model(homes.settings_at(folder / "home"), ModelRole.TEXT)
        assert model is not None
        work = folder / "work"
        work.mkdir()
        own: Sample = backends.sample(ModelRole.TEXT, bench.pick(30, 250))
        _add(report, "MiniLM", probe_backends(model, own, work, seconds=bench.pick(0.2, 2.0)))
    return report


def _add(report: Report, name: str, trials: Sequence[Trial]) -> None:
    reference = {trial.tower: trial.rate for trial in trials if trial.backend is Backend.TORCH_FP32}
    for trial in trials:
        what = f"{name}, {trial.tower}: {trial.backend}"
        if trial.rate is None:
            report.remarks.append(f"{what} cannot run here: {trial.note}")
            continue
        report.add(
            what, "inputs/s", trial.rate, reference[trial.tower], more_is_better=True,
            peak=_peak(trial) if name == "ViT-B-32" else None, note=_gate(trial),
        )  # fmt: skip


def _peak(trial: Trial) -> float | None:
    """Pictures a second if every operation ran at the machine's measured peak for the precision."""
    if trial.tower is not Tower.PICTURES or not trial.backend.value.startswith(("torch fp", "torch bf", "openvino")):
        return None
    peaks = machine.measure()
    limit = {"fp32": peaks.fp32_gflops, "bf16": peaks.bf16_gflops, "int8": peaks.int8_gops}
    rate = limit[backends.precision(trial.backend.value)]
    if rate is None or rate < (peaks.fp32_gflops or 0.0):
        return None  # emulated: the processor has no instructions for it, and so no peak
    return rate / _VIT_B_32_GFLOP


def _gate(trial: Trial) -> str:
    cosine = f"cosine {trial.cosine:.5f}" if trial.cosine is not None else "cosine not judged"
    overlap = f"overlap {trial.overlap:.3f}" if trial.overlap is not None else "overlap not judged"
    verdict = "kept" if trial.kept else "passes" if trial.passed else "does not pass"
    return f"{cosine}, {overlap}, {verdict}" + (f" ({trial.note})" if trial.note else "")
