"""A window in a process of its own that says when it was first painted, how late its event loop ran, and its memory.

    python -m tests.benchmarks.window_probe STARTED SECONDS

``STARTED`` is the clock (``time.time``) when this process was asked for; it ends ``SECONDS`` after the first paint.
The home is that of ``FINDLING_HOME``. What runs is ``desktop.__main__.main``, with a timer beside it.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

TICK_MS = 10


def main() -> None:
    started, lasts_s = float(sys.argv[1]), float(sys.argv[2])
    from PySide6 import QtWidgets

    found: dict[str, Any] = {}
    application = _probed(started, lasts_s, found)
    QtWidgets.QApplication = application  # type: ignore[misc]
    sys.argv = ["findling-desktop"]
    from desktop.__main__ import main as run

    found["code"] = run()
    print(json.dumps(found))


def _probed(started: float, lasts_s: float, found: dict[str, Any]) -> type:
    """A QApplication that measures itself."""
    from PySide6.QtCore import QEvent, QObject, Qt, QTimer
    from PySide6.QtWidgets import QApplication, QMainWindow

    class Probe(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint and isinstance(watched, QMainWindow):
                QApplication.instance().removeEventFilter(self)
                QTimer.singleShot(0, self._painted)
            return False

        def _painted(self) -> None:
            found["painted_s"] = time.time() - started
            self._ticks: list[float] = []
            self._last = time.perf_counter()
            self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=TICK_MS, timeout=self._tick)
            self._timer.start()
            QTimer.singleShot(int(lasts_s * 1000), self._end)

        def _tick(self) -> None:
            now = time.perf_counter()
            self._ticks.append((now - self._last) * 1000)
            self._last = now

        def _end(self) -> None:
            self._timer.stop()
            found["ticks_ms"] = [round(value, 2) for value in self._ticks]
            found["memory"] = _memory()
            QApplication.quit()

    class Probed(QApplication):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._probe = Probe(self)
            self.installEventFilter(self._probe)

    return Probed


def _memory() -> list[dict[str, Any]]:
    """This process and its children: unshared and resident megabytes, and what each child has loaded."""
    import psutil

    own = psutil.Process()
    rows = []
    for process in [own, *own.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
            loaded = " ".join(one.path for one in process.memory_maps())
        except psutil.Error:
            continue  # it has just ended
        rows.append(
            {
                "window": process.pid == own.pid,
                "torch": "libtorch" in loaded,
                "openvino": "libopenvino" in loaded,
                "uss_mb": memory.uss / 1e6,
                "rss_mb": memory.rss / 1e6,
                "nice": process.nice(),
            }
        )
    return rows


if __name__ == "__main__":
    main()
