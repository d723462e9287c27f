"""Everything that works for the window, and the order in which it stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.workers.index_worker import IndexWorker
from desktop.workers.library import Library
from desktop.workers.operations import Operations
from desktop.workers.search_worker import SearchWorker
from desktop.workers.thumbnail_loader import ThumbnailLoader

if TYPE_CHECKING:
    from core.engine import Engine


@dataclass(frozen=True)
class Services:
    """The engine and the workers around it. All live in the main thread and work elsewhere."""

    engine: Engine
    operations: Operations
    library: Library
    search: SearchWorker
    index: IndexWorker
    thumbnails: ThumbnailLoader

    @classmethod
    def around(cls, engine: Engine, parent: QObject | None = None) -> Services:
        """Make the workers; indexing is started by its owner."""
        operations = Operations(parent)
        return cls(
            engine,
            operations,
            Library(engine, operations, parent),
            SearchWorker(engine, parent),
            IndexWorker(engine, parent),
            ThumbnailLoader(engine, parent),
        )

    def close(self) -> None:
        """Watcher and indexer, then searches, then the pools, then children and database."""
        self.index.close()
        self.search.close()
        self.thumbnails.close()
        self.operations.close()
        self.engine.close()
