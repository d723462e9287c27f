"""The machine: what it is, and how fast it multiplies matrices and reads memory, which bounds everything else."""

from __future__ import annotations

import os
import platform
import statistics
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.benchmarks.harness import Bench, Report

TITLE = "The machine"
ABOUT = "Peaks of matrix products and of reading memory, all cores together: the limits that the other tables name."
MINUTES = 0.3

_FLAGS = (
    "avx2",
    "f16c",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_tile",
    "asimd",
    "i8mm",
    "bf16",
)
_SIDE = 1536  # of the square matrices: large enough for the peak
_TRIAL_SIDE = 512


@dataclass(frozen=True)
class Peaks:
    """Measured limits; None where this processor or torch has no such form."""

    fp32_gflops: float
    bf16_gflops: float | None
    int8_gops: float | None
    read_gb_s: float


def describe() -> dict[str, Any]:
    """What the machine is, for the head of every JSON file."""
    flags, model = _cpu()
    return {
        "cpu": model,
        "cores": cores(),
        "flags": [flag for flag in _FLAGS if flag in flags],
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def cores() -> int:
    """The physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def busy_share(seconds: float = 1.0) -> float:
    """How much of the processor others use before a run begins, 0 to 1: above a tenth, figures are doubtful."""
    return psutil.cpu_percent(interval=seconds) / 100


@cache
def measure() -> Peaks:
    """The peaks, measured once in a process: about three seconds."""
    return Peaks(_gemm("float32"), _gemm("bfloat16"), _gemm_int8(), read_bandwidth())


@cache
def read_bandwidth() -> float:
    """GB/s of reading memory with all cores: the best of a few ways, since each alone may be bound by arithmetic."""
    block = np.ones(64 * 1024 * 1024, np.float32)  # 256 MB, far beyond any cache
    parts = np.array_split(block, cores())

    def summed() -> None:
        threads = [threading.Thread(target=part.sum) for part in parts]
        _run_all(threads)

    def dotted() -> None:
        threads = [threading.Thread(target=np.dot, args=(part, part)) for part in parts]
        _run_all(threads)

    ways: list[Callable[[], object]] = [summed, dotted]
    try:
        import torch

        tensor = torch.from_numpy(block)
        torch.set_num_threads(cores())
        ways.append(tensor.sum)
        ways.append(tensor.amax)
    except ImportError:
        pass
    return max(block.nbytes / 1e9 / _fastest(way) for way in ways)


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    peaks = measure()
    report.add("matrix product, float32", "Gflop/s", peaks.fp32_gflops, more_is_better=True)
    if peaks.bf16_gflops is not None:
        report.add("matrix product, bfloat16", "Gflop/s", peaks.bf16_gflops, more_is_better=True)
    if peaks.int8_gops is not None:
        report.add("matrix product, int8", "Gop/s", peaks.int8_gops, more_is_better=True)
    report.add("reading memory", "GB/s", peaks.read_gb_s, more_is_better=True)
    machine = describe()
    report.remarks.append(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {' '.join(machine['flags'])}"
    )
    return report


def _gemm(dtype: str) -> float:
    import torch

    torch.set_num_threads(cores())

    def product(side: int) -> Callable[[], object]:
        a = torch.randn(side, side).to(getattr(torch, dtype))
        return lambda: a @ a

    return _rate(product)


def _gemm_int8() -> float | None:
    """Through FBGEMM, the int8 kernels that torch carries for x86 (``torch._int_mm`` is a plain loop without VNNI)."""
    import torch

    def product(side: int) -> Callable[[], object]:
        left = torch.quantize_per_tensor(torch.randn(side, side), 0.05, 128, torch.quint8)
        right = torch.quantize_per_tensor(torch.randn(side, side), 0.05, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(right, None)
        return lambda: torch.ops.quantized.linear(left, packed, 1.0, 128)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # these tensors are to leave torch one day
        try:
            return _rate(product)
        except (RuntimeError, NotImplementedError):
            return None


def _rate(product: Callable[[int], Callable[[], object]]) -> float:
    """10^9 operations a second of square products; a form that is emulated gets small ones."""
    slow = 2 * _TRIAL_SIDE**3 / 1e9 / _fastest(product(_TRIAL_SIDE), times=2)
    side = _SIDE if slow > 20 else _TRIAL_SIDE
    return 2 * side**3 / 1e9 / _fastest(product(side), times=5)


def _fastest(work: Callable[[], object], times: int = 7) -> float:
    """Seconds of the fastest of a few runs: a peak is what is possible, not what is usual."""
    work()
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took) if len(took) < 3 else statistics.median(sorted(took)[:3])


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _cpu() -> tuple[set[str], str]:
    try:
        lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines())
        fields = {key.strip(): value.strip() for key, _, value in lines}
    except OSError:
        return set(), platform.processor() or platform.machine()
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return flags, fields.get("model name", platform.processor() or platform.machine())
