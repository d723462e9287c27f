"""The progress bar of a terminal, and Ctrl-C that stops the work instead of breaking it.

What draws bars is imported where one is drawn: a search waits for every import and draws none.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.cancel import CancelToken
from core.cli.wording import clock, file_size, printable
from core.types import PauseReason, Progress, Stage

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_STAGES = {
    Stage.NAME: "names and dates",
    Stage.CONTENT: "contents",
    Stage.TEXT: "texts",
    Stage.PHOTO: "photos",
    Stage.SPEECH: "speech",
}

_PAUSED = {
    PauseReason.BATTERY: "waiting: on battery",
    PauseReason.BUSY: "waiting: the computer is busy",
    PauseReason.NO_ROOM: "paused: the disk is full",
    PauseReason.DISK: "paused: the disk of the index does not answer",
    PauseReason.PREPARING: "choosing how a model runs fastest here",
}

OnProgress = Callable[[Progress], None]
OnBytes = Callable[[int, int | None], None]
OnSteps = Callable[[int, int, str], None]


class Stop:
    """A signal handler that cancels its token, and remembers which signal it was."""

    def __init__(self) -> None:
        self.token = CancelToken()
        self._signal = signal.SIGINT

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal ended: 130 after Ctrl-C."""
        return 128 + self._signal

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.token.cancelled and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: do not wait for the next cancel point
        self._signal = signal.Signals(number)
        self.token.cancel()


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM cancel the token; a second Ctrl-C breaks off."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def index_bar(console: Console) -> Iterator[OnProgress | None]:
    """A callback that draws the engine's progress on a terminal; None where ``console`` is none."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("looking", total=None, rate="", left="")
        yield lambda progress: _draw(bar, task, progress)


def _draw(bar: Bar, task: TaskID, progress: Progress) -> None:
    if progress.paused is not None:
        bar.update(task, description=_paused(progress, progress.paused), rate="", left="")
        return
    if progress.stage is None:
        bar.update(task, description="up to date", total=progress.done, completed=progress.done, rate="", left="")
        return
    bar.update(
        task,
        **_how_far(progress, progress.stage),
        rate=f"{progress.per_s:.1f}/s" if progress.per_s else "",
        left="" if progress.left_s is None else f"{clock(progress.left_s)} left",
    )


def _how_far(progress: Progress, stage: Stage) -> dict[str, Any]:
    """What is done and how much of it, as the bar takes it. A new model's work is counted by itself."""
    if progress.scanning:
        return {"description": "looking", "total": None, "completed": progress.done}
    filling = next((one for one in progress.filling.values() if one.role.name == stage.name), None)
    if filling is not None:
        return {"description": f"new {filling.role} model", "total": filling.total, "completed": filling.done}
    return {"description": _STAGES[stage], "total": progress.total, "completed": progress.done}


def _paused(progress: Progress, reason: PauseReason) -> str:
    if progress.short is not None:
        return f"paused: only {file_size(progress.short.free_bytes)} free on {printable(progress.short.folder)}"
    return _PAUSED[reason]


@contextmanager
def download_bar(console: Console, name: str) -> Iterator[OnBytes | None]:
    """A callback that draws a download on a terminal; None where ``console`` is none."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def steps_bar(console: Console) -> Iterator[OnSteps | None]:
    """A callback that draws steps of named work on a terminal; None where ``console`` is none."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
