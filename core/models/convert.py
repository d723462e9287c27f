"""A tower's torch module to OpenVINO graphs: float32 by tracing, int8 by post-training quantisation."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from core.errors import ModelError
from core.models.failures import one_line
from core.models.runtime import import_nncf, import_openvino

Inputs = tuple[NDArray[Any], ...]

# Batches that the quantiser sees, twice, to learn the range of every activation. nncf's own default is 300 inputs; this
# is less than half of that, because a person waits for it.
CALIBRATION_BATCHES = 16

_TRIED_AT_ONCE = 1 << 20  # bytes


def convert_fp32(module: torch.nn.Module, example: Inputs, path: Path) -> None:
    """Trace the module on an example and write ``path`` (``.xml``, its ``.bin`` beside it).

    Raises ``ModelError``, and ``OSError`` where the disk is full.
    """
    openvino = import_openvino()
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator has no counterpart there
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            tensors = tuple(torch.from_numpy(array) for array in example)
            graph = openvino.convert_model(module, example_input=tensors)
    except Exception as error:
        raise ModelError(f"OpenVINO cannot convert it: {one_line(error)}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    _save(graph, path)


def quantise_int8(source: Path, batches: Sequence[Inputs], path: Path) -> None:
    """Quantise weights and activations of the graph ``source``, calibrated on the batches, and write ``path``.

    Raises ``ModelError``, ``OSError``. Source: nncf's post-training quantisation for transformers, with SmoothQuant
    (Xiao et al. 2023) and bias correction.
    """
    openvino, nncf = import_openvino(), import_nncf()
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
            quantised = nncf.quantize(
                openvino.Core().read_model(source),
                nncf.Dataset(list(batches)),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(batches),
            )
    except Exception as error:
        raise ModelError(f"nncf cannot quantise it: {one_line(error)}") from error
    _save(quantised, path)


def _save(graph: Any, path: Path) -> None:
    """Raises ``ModelError``, and ``OSError`` where the disk is full: OpenVINO says of any file that it is no good."""
    try:
        import_openvino().save_model(graph, path, compress_to_fp16=False)
    except Exception as error:
        _require_room(path, sum(part.get_byte_size() for part in graph.get_ops() if part.get_type_name() == "Constant"))
        raise ModelError(f"OpenVINO cannot write it: {one_line(error)}", path=path) from error


def _require_room(path: Path, size_bytes: int) -> None:
    """Write as much as a graph takes, and let the system say why that cannot be."""
    trial = path.with_suffix(".room")
    try:
        with trial.open("wb", buffering=0) as file:
            written = 0
            while written < size_bytes:
                written += file.write(bytes(min(_TRIED_AT_ONCE, size_bytes - written)))
    finally:
        trial.unlink(missing_ok=True)
