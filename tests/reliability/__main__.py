"""``python -m tests.reliability [TOPIC [ARGUMENT…]]``: what Findling survives, tried for real; else the topics."""

# Spawned children import this module again: nothing heavy may be imported above ``main``.
from __future__ import annotations

import importlib
import sys

TOPICS = {
    "kills": "kill -9 at random and at chosen moments loses nothing that was committed",
    "disk": "full disks and limits on the size of files end in one line, and work goes on when there is room",
    "io": "a disk that fails at every single operation in turn",
    "power": "power cuts: whatever was not synced is lost, and the index holds",
    "corpora": "every file of the test corpora, or of any folder, is read or listed with a reason",
    "mutations": "valid files of every format, cut and altered, cost no more than themselves",
}


def main() -> int:
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else (None, [])
    if name not in TOPICS:
        print("\n".join(f"{topic:12} {about}" for topic, about in TOPICS.items()))
        return 0 if name is None else 2
    return int(importlib.import_module(f"tests.reliability.{name}").main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
