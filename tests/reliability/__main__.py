"""``python -m tests.reliability TOPIC […]``: each topic takes options of its own, see ``TOPIC --help``."""

# Spawned children import this module again: nothing heavy may be imported above ``main``.
from __future__ import annotations

import importlib
import sys

TOPICS = {
    "kills": "kill -9 at random and at chosen moments",
    "disk": "disks that are full, and limits on the size of files",
    "io": "a disk that fails at every single operation in turn",
    "power": "power cuts: any writes that were not synced are lost",
    "corpora": "collections of files that nobody here wrote",
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in TOPICS:
        for name, about in TOPICS.items():
            print(f"{name:<8} {about}", file=sys.stderr)
        return 2
    topic = importlib.import_module(f"tests.reliability.{sys.argv[1]}")
    return int(topic.main(sys.argv[2:]))


if __name__ == "__main__":
    raise SystemExit(main())
