"""The engine as the window knows it before it is open.

Loading the engine takes longer than a window may take to show itself. So the window is made around this stand-in, and
the engine opens in a thread of its own once there is something to see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from core.config import Settings
from core.errors import Cancelled, FindlingError

if TYPE_CHECKING:
    from core.care_desk import CareDesk
    from core.engine import Engine


class LateEngine(QObject):
    """Passes every call on to the engine, and waits for it first: call it from worker threads only.

    Only ``settings`` may be read at any time. Calls raise ``Cancelled`` when the engine could not be opened (which
    ``failed`` tells, once) or is no longer wanted.
    """

    opened = Signal()
    failed = Signal(FindlingError)

    def __init__(self, settings: Settings, open_engine: Callable[[], Engine], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._first_settings = settings
        self._open = open_engine
        self._engine: Engine | None = None
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Open the engine; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="opening", daemon=True)
            self._thread.start()

    @property
    def settings(self) -> Settings:
        return self._first_settings if self._engine is None else self._engine.settings

    # The engine's; reading them waits, as calls do.

    @property
    def care(self) -> CareDesk:
        return self._opened().care

    @property
    def notices(self) -> tuple[str, ...]:
        return self._opened().notices

    def give_up(self) -> None:
        """Let those who wait go without an engine that is not open yet."""
        self._settled.set()

    def close(self) -> None:
        """Close the engine, also one that is just being opened."""
        self.give_up()
        if self._thread is not None:
            self._thread.join()
        if self._engine is not None:
            self._engine.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, **options: Any) -> Any:
            return getattr(self._opened(), name)(*arguments, **options)

        return call

    def _opened(self) -> Engine:
        self._settled.wait()
        engine = self._engine
        if engine is None:
            raise Cancelled
        return engine

    def _run(self) -> None:
        try:
            self._engine = self._open()
        except FindlingError as error:
            self.failed.emit(error)
        else:
            self.opened.emit()
        finally:
            self._settled.set()
