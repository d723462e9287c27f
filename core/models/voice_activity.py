"""Where somebody speaks in a recording, by the Silero voice-activity detector.

The detector gives every 32 ms a probability of speech, one after another. Asking it block by block instead finds the
same regions seven to eight times as fast: silero-vad brings its network in a form that reads many frames in one call
(``silero_vad.sequence_vad``), and OpenVINO, which runs the other models too, reads it as it is.
"""

from __future__ import annotations

import functools
import logging
import mmap
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.models.base import SAMPLE_RATE_HZ
from core.models.failures import one_line
from core.models.runtime import import_openvino
from core.models.windows import WINDOW_S, Window

logger = logging.getLogger(__name__)

FRAME = 512  # samples that get one probability: 32 ms
CONTEXT = 64  # samples before a frame that the network sees as well
FRAMES_PER_BLOCK = 512  # 16 s: a recording of hours is mapped, and copied no more than a block at a time
BLOCKS_KEPT = 64  # 17 minutes, 67 MB: how much of a mapped recording may be in memory at a time
MEMORY = (1, 1, 128)  # shape of each of the two states that the network carries from block to block

# Silero's defaults, but for regions that a window can hold.
OPTIONS: dict[str, Any] = {"sampling_rate": SAMPLE_RATE_HZ, "max_speech_duration_s": WINDOW_S - 1}

Samples = NDArray[np.float32]


def speech_regions(samples: Samples) -> list[Window]:
    """First sample of each stretch of speech and one past its last, in order; mono samples at ``SAMPLE_RATE_HZ``."""
    threads = torch.get_num_threads()
    import silero_vad

    torch.set_num_threads(threads)  # importing silero-vad leaves torch with one
    try:
        probabilities = _block_detector().probabilities(samples)
    except (ImportError, OSError, RuntimeError) as error:
        logger.warning("speech is looked for frame by frame, which is slow: %s", one_line(error))
        return regions_by_frames(samples)
    regions = silero_vad.get_speech_timestamps_from_probs(
        probabilities.tolist(), audio_length_samples=len(samples), **OPTIONS
    )
    return _bounds(regions)


def regions_by_frames(samples: Samples) -> list[Window]:
    """The same, as silero-vad does it by default: through TorchScript, a call for every frame."""
    import silero_vad

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so little work for each call that two threads only wait for each other
    try:
        with torch.inference_mode():
            detector = silero_vad.load_silero_vad()
            return _bounds(silero_vad.get_speech_timestamps(torch.from_numpy(samples), detector, **OPTIONS))
    finally:
        torch.set_num_threads(threads)


class BlockDetector:
    """Silero's network in the form that reads many frames in one call."""

    def __init__(self) -> None:
        """Raises ``OSError`` with a silero-vad that does not bring that form, ``ImportError`` without OpenVINO."""
        openvino = import_openvino()
        with as_file(files("silero_vad.data") / "silero_vad_16k_sequence.onnx") as path:
            if not path.is_file():
                raise FileNotFoundError(f"{path.name} is not part of this silero-vad")
            # One thread: the memory makes every frame wait for the one before.
            options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
            self._request = openvino.Core().compile_model(path, "CPU", options).create_infer_request()

    def probabilities(self, samples: Samples) -> NDArray[np.float32]:
        """The probability of speech in each frame of ``FRAME`` samples, shape (frames,)."""
        from silero_vad.sequence_vad import frame_blocks

        hidden, cell = np.zeros(MEMORY, np.float32), np.zeros(MEMORY, np.float32)
        parts = [np.zeros(0, np.float32)]
        for number, block in enumerate(frame_blocks(samples, FRAME, CONTEXT, FRAMES_PER_BLOCK), 1):
            found = self._request.infer({"input": block, "h": hidden, "c": cell})
            parts.append(np.array(found["speech_probs"], np.float32).reshape(-1))
            hidden, cell = np.array(found["hn"]), np.array(found["cn"])
            if number % BLOCKS_KEPT == 0:
                _give_back(samples)
        return np.concatenate(parts)


@functools.cache
def _block_detector() -> BlockDetector:
    """Made once: it holds 2 MB, and is made as long as it takes to read a minute of sound."""
    return BlockDetector()


def _give_back(samples: Samples) -> None:
    """Drop the pages of a mapped file that were read: otherwise an hour counts as 230 MB of this process's memory."""
    mapped: object = samples.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # Windows has none, and trims by itself
        mapped.madvise(mmap.MADV_DONTNEED)


def _bounds(regions: list[dict[str, int]]) -> list[Window]:
    return [(region["start"], region["end"]) for region in regions]
