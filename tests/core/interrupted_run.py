"""One run of the indexer in a process of its own, for tests that kill it: ``python interrupted_run.py HOME``.

The encoder and the transcriber are slowed down so that a kill lands in the middle of their work.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from core.config import folders_under
from core.extract.pool import SandboxPool
from core.index.indexer import Indexer
from core.store.store import Store
from tests.fakes import FakeEncoders, FakeSpeech


def main() -> None:
    folders = folders_under(Path(sys.argv[1]))
    encoders = FakeEncoders()
    encoders.before_batch = lambda: time.sleep(0.4)
    speech = FakeSpeech({440: "the old green house"})
    speech.before_window = lambda: time.sleep(0.4)
    store = Store(folders)
    Indexer(store, SandboxPool(2), encoders, speech, folders).run()


if __name__ == "__main__":
    main()
