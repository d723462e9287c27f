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


def convert_fp32(module: torch.nn.Module, example: Inputs, path: Path) -> None:
    """Trace the module on an example and write ``path`` (``.xml``, its ``.bin`` beside it). Raises ``ModelError``."""
    openvino = import_openvino()
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator has no counterpart there
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            tensors = tuple(torch.from_numpy(array) for array in example)
            graph = openvino.convert_model(module, example_input=tensors)
        openvino.save_model(graph, path, compress_to_fp16=False)
    except Exception as error:
        raise ModelError(f"OpenVINO cannot convert it: {one_line(error)}") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def quantise_int8(source: Path, batches: Sequence[Inputs], path: Path) -> None:
    """Quantise weights and activations of the graph ``source``, calibrated on the batches, and write ``path``.

    Raises ``ModelError``. Source: nncf's post-training quantisation for transformers, with SmoothQuant
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
        openvino.save_model(quantised, path, compress_to_fp16=False)
    except Exception as error:
        raise ModelError(f"nncf cannot quantise it: {one_line(error)}") from error
