"""OpenVINO, imported without its telemetry, and graphs that it runs.

``import openvino`` reports itself: it asks the name server for a host, sends to it and leaves a client id in the home
folder, unless ``CI`` is set. Both it and nncf fall back to a stub when the telemetry package cannot be imported, so it
is made unimportable first. Nothing in Findling imports OpenVINO or nncf but through this module.
"""

from __future__ import annotations

import io
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import private
from core.errors import ModelError
from core.models.failures import one_line
from core.types import Matrix

logger = logging.getLogger(__name__)

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"


def block_telemetry() -> None:
    """Make OpenVINO's telemetry unimportable in this process; to be called before anything imports OpenVINO."""
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's own way to say: not to be imported


def block_converter() -> None:
    """Make ``import openvino`` pass over its converter of models in this process, which is a fifth of that import.

    To be called before anything imports OpenVINO, where nothing is converted. OpenVINO does without it by itself.
    """
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]


def has_openvino() -> bool:
    """Whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def has_nncf() -> bool:
    """Whether nncf, which makes the int8 form, is installed, without importing it."""
    return find_spec("nncf") is not None


def import_openvino() -> Any:
    """The module ``openvino``. ``ImportError`` passes through."""
    block_telemetry()
    import openvino

    return openvino


def import_nncf() -> Any:
    """The module ``nncf``, its log off. ``ImportError`` passes through."""
    block_telemetry()
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf


def capabilities() -> frozenset[str]:
    """What OpenVINO finds the processor able to do, such as ``BF16``; empty without OpenVINO."""
    if not has_openvino():
        return frozenset()
    return frozenset(import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def ahead_of(graph: Path) -> Path:
    """Where ``compile_ahead`` leaves what it makes of a graph."""
    return graph.with_suffix(".blob")


def compile_ahead(path: Path, *, bf16: bool) -> None:
    """Write down how a graph was compiled for single small inputs, so that ``Graph`` need not do it again.

    It holds OpenVINO's plan of the graph and no weights, which stay in the ``.bin``, so that it is small. It is good
    for this version of OpenVINO on this processor alone. Raises ``ModelError``; ``OSError`` passes through.
    """
    options = {**_options(latency=True, bf16=bf16), **_WITHOUT_WEIGHTS}
    try:
        planned = import_openvino().Core().compile_model(path, "CPU", options).export_model()
    except (ImportError, RuntimeError) as error:
        raise ModelError(f"OpenVINO cannot compile it ahead: {one_line(error)}", path=path) from error
    private.replace_file(ahead_of(path), planned.getvalue())


def _options(*, latency: bool, bf16: bool) -> dict[str, Any]:
    return {
        "NUM_STREAMS": 1,  # one request at a time, all threads on it
        "PERFORMANCE_HINT": "LATENCY" if latency else "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "ENABLE_CPU_PINNING": False,  # the sandbox, the window and others want the cores too
        # Windows does not let go of a mapped file, and preparing again puts new ones in its place.
        "ENABLE_MMAP": sys.platform != "win32",
    }


_WITHOUT_WEIGHTS = {"CACHE_MODE": "OPTIMIZE_SIZE"}


class Graph:
    """A compiled model with one output of shape (n, dim). For one thread at a time."""

    def __init__(self, path: Path, *, threads: int, latency: bool = False, bf16: bool = False) -> None:
        """Compile ``path`` (OpenVINO's ``.xml`` with its ``.bin`` beside it) for the processor.

        ``threads`` 0 leaves the number to OpenVINO. ``latency`` tunes for single small inputs, otherwise for batches,
        and takes what ``compile_ahead`` left, in half the time; ``bf16`` lets it compute in bfloat16, float32 is kept
        otherwise. Raises ``ModelError``.
        """
        options = _options(latency=latency, bf16=bf16)
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            core = import_openvino().Core()
            compiled = _taken_ahead(core, path, options) if latency else None
            compiled = compiled or core.compile_model(path, "CPU", options)
        except (ImportError, RuntimeError) as error:
            raise ModelError(f"OpenVINO cannot use it: {one_line(error)}", path=path) from error
        self.inputs = len(compiled.inputs)
        self._request = compiled.create_infer_request()

    def __call__(self, *arrays: NDArray[Any]) -> Matrix:
        """One batch; inputs that the graph does not have are left out."""
        result = self._request.infer(list(arrays[: self.inputs]), share_inputs=True)
        return np.array(result[0], np.float32)


def _taken_ahead(core: Any, path: Path, options: dict[str, Any]) -> Any | None:
    """The graph as ``compile_ahead`` left it; None where it left nothing, or nothing that OpenVINO takes."""
    try:
        planned = ahead_of(path).read_bytes()
    except OSError:
        return None
    options = {**options, **_WITHOUT_WEIGHTS, "WEIGHTS_PATH": str(path.with_suffix(".bin"))}
    try:
        return core.import_model(io.BytesIO(planned), "CPU", options)
    except RuntimeError as error:
        logger.warning("%s is compiled anew: %s", path.name, one_line(error))
        return None
