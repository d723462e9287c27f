"""Being a good guest: when indexing works, when it rests, and when it waits because somebody needs the computer.

``Governor`` is the rule: pure, fed with what was measured and the time. ``LoadMeter`` measures. ``Pace`` is what the
indexer calls between files and batches, and what the engine steers.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.cancel import CancelToken
from core.child import running_pids
from core.config import Settings
from core.types import CpuShare, PauseReason

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # how often battery and processor are looked at
_SLICE_S = 0.25  # of a wait: how soon "index anyway" and a cable that is plugged in are seen, at most ``LOOK_S`` later

_TELL_S = 1.0

# What others use of the processor is smoothed, so that a page that loads pauses nothing; the two limits are apart, so
# that work does not flap between going and waiting.
_HALF_LIFE_S = 6.0
_BUSY_FROM = 0.6  # of all cores: more than one program of one thread on two cores
_BUSY_UNTIL = 0.3
_LEAST_PAUSE_S = 10.0
_INSIST_S = 1800.0  # how long "index anyway" holds at least; then until its reason has gone once

# Quiet rests as long as it works. A rest is short, so that progress still moves; a long batch is not paid back whole.
_QUIET_REST = 1.0
_MOST_REST_S = 2.0


@dataclass(frozen=True)
class Load:
    """One look at the computer."""

    on_battery: bool
    others: float  # what other programs use, as a part (0 to 1) of all logical cores


class Governor:
    """Decides whether to wait, and why, from a sequence of looks. Knows no clock: times come with the looks."""

    def __init__(self) -> None:
        self._others = 0.0
        self._looked_s: float | None = None
        self._busy = False
        self._busy_since_s = float("-inf")
        self._insisted_s: dict[PauseReason, float] = {}
        self._present: frozenset[PauseReason] = frozenset()

    def insist(self, now_s: float) -> None:
        """A person wants the work done all the same: what holds it now holds it no longer.

        Not for good: half an hour later the first look that finds the reason gone makes it count again.
        """
        for reason in self._present:
            self._insisted_s[reason] = now_s

    def decide(self, load: Load, settings: Settings, now_s: float) -> PauseReason | None:
        """Why to wait now, None to work. ``settings`` say which reasons count."""
        self._follow(load.others, now_s)
        present = set()
        if settings.pause_on_battery and load.on_battery:
            present.add(PauseReason.BATTERY)
        if settings.pause_when_busy and self._busy:
            present.add(PauseReason.BUSY)
        self._present = frozenset(present)
        for reason, since_s in list(self._insisted_s.items()):
            if reason not in present and now_s - since_s >= _INSIST_S:
                del self._insisted_s[reason]
        return next((reason for reason in PauseReason if reason in present and reason not in self._insisted_s), None)

    def _follow(self, others: float, now_s: float) -> None:
        elapsed_s = 0.0 if self._looked_s is None else max(0.0, now_s - self._looked_s)
        self._looked_s = now_s
        kept = 0.5 ** (elapsed_s / _HALF_LIFE_S)
        self._others = kept * self._others + (1 - kept) * min(1.0, max(0.0, others))
        if not self._busy and self._others >= _BUSY_FROM:
            self._busy, self._busy_since_s = True, now_s
        elif self._busy and self._others <= _BUSY_UNTIL and now_s - self._busy_since_s >= _LEAST_PAUSE_S:
            self._busy = False


def rest_s(share: CpuShare, worked_s: float) -> float:
    """How long to rest after ``worked_s`` seconds of work."""
    return min(_MOST_REST_S, worked_s * _QUIET_REST) if share is CpuShare.QUIET else 0.0


class LoadMeter:
    """Reads the battery, and what others use of the processor since the last look.

    Others are everything but this process and its children. Where the system tells them apart (Linux), others' niced
    work does not count either: it is background work as ours is, and would else hold us for ever.
    """

    def __init__(self) -> None:
        import psutil  # here, because importing the engine must not wait for it

        self._psutil = psutil
        self._cores = psutil.cpu_count() or 1
        self._before: tuple[float, float, float] | None = None

    def look(self) -> Load:
        return Load(self._on_battery(), self._others())

    def _on_battery(self) -> bool:
        try:
            battery = self._psutil.sensors_battery()
        except (AttributeError, OSError, ValueError, NotImplementedError):  # no such sensor here
            return False
        return battery is not None and battery.power_plugged is False

    def _others(self) -> float:
        now_s, total_s, own_s = time.monotonic(), self._busy_s(), self._own_s()
        before, self._before = self._before, (now_s, total_s, own_s)
        if before is None or now_s - before[0] < 0.1:
            return 0.0
        # A child that ended takes its time with it where nobody adds it to its parent's: own time never falls.
        used_s = (total_s - before[1]) - max(0.0, own_s - before[2])
        return max(0.0, used_s) / ((now_s - before[0]) * self._cores)

    def _busy_s(self) -> float:
        times = self._psutil.cpu_times()
        return float(sum(getattr(times, name, 0.0) for name in ("user", "system", "irq", "softirq")))

    def _own_s(self) -> float:
        own = 0.0
        for pid in [os.getpid(), *running_pids()]:
            try:
                process = self._psutil.Process(pid)
                times = process.cpu_times()
                own += times.system + getattr(times, "children_system", 0.0)
                # The user time of niced processes is no part of the total's ``user`` on Linux.
                if sys.platform != "linux" or process.nice() <= 0:
                    own += times.user
                if sys.platform not in ("linux", "win32"):
                    own += times.children_user
            except self._psutil.Error:  # it has just ended
                continue
        return own


OnWait = Callable[[PauseReason], None]


class Pace:
    """What the indexer asks for its turn. Any thread may steer it; one works by it.

    ``eager`` is work that a person waits for: it takes no rests and no notice of the battery.
    """

    def __init__(
        self,
        settings: Settings,
        look: Callable[[], Load] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._look = look
        self._clock = clock
        self._governor = Governor()
        self._guard = threading.Lock()
        self._looked_s = float("-inf")
        self._turn_s: float | None = None
        self._reason: PauseReason | None = None
        self.eager = False

    @property
    def reason(self) -> PauseReason | None:
        """Why the work waits now."""
        return self._reason

    def allows(self) -> bool:
        """Whether work may begin now, without waiting for it."""
        return self.eager or self._decide() is None

    def configure(self, settings: Settings) -> None:
        """Go by other settings from the next look on, which comes at once if they differ."""
        with self._guard:
            if settings != self._settings:
                self._settings = settings
                self._looked_s = float("-inf")

    def insist(self) -> None:
        """Work all the same: what holds the work now is passed over."""
        with self._guard:
            self._governor.insist(self._clock())
            self._looked_s = float("-inf")

    def wait_turn(
        self,
        cancel: CancelToken,
        on_wait: OnWait = lambda reason: None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Return when the next file or batch may be begun; called between two of them.

        Rests in proportion to the time since the last turn, then waits for as long as there is a reason and the turn
        ``is_wanted``; both are asked, and ``on_wait`` is told, about once a second. Raises ``Cancelled``.
        """
        cancel.raise_if_cancelled()
        if self.eager:
            self._reason = None
            return
        now_s = self._clock()
        if self._turn_s is not None:
            cancel.wait(rest_s(self._settings.cpu_share, now_s - self._turn_s))
        told_s = float("-inf")
        while (reason := self._decide()) is not None and not self.eager:
            if self._clock() - told_s >= _TELL_S:
                told_s = self._clock()
                if not is_wanted():
                    break
                on_wait(reason)
            cancel.wait(_SLICE_S)
            cancel.raise_if_cancelled()
        cancel.raise_if_cancelled()
        self._turn_s = self._clock()

    def rested(self) -> None:
        """There was nothing to do: no rest is owed for the time since the last turn."""
        self._turn_s = None

    def _decide(self) -> PauseReason | None:
        with self._guard:
            now_s = self._clock()
            if now_s - self._looked_s >= LOOK_S:
                self._looked_s = now_s
                reason = self._governor.decide(self._measure(), self._settings, now_s)
                if reason is not self._reason:
                    logger.info("indexing %s", "goes on" if reason is None else f"waits: {reason.value}")
                self._reason = reason
            return self._reason

    def _measure(self) -> Load:
        if self._look is None:
            self._look = LoadMeter().look
        return self._look()
