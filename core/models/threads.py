"""How many threads torch uses in a model child."""

from __future__ import annotations

from core.cpu import threads_here


def use_allotted_threads() -> None:
    """Give torch the threads that this process was started with.

    Set again after every load, because importing silero-vad sets the number to one.
    """
    import torch

    torch.set_num_threads(threads_here())
