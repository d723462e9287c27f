"""A process of its own that opens an index, asks one query and says when the answer was there.

    python -m tests.benchmarks.cold_probe STARTED QUERY

``STARTED`` is the clock (``time.time``) when this process was asked for; the home is that of ``FINDLING_HOME``.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    started, text = float(sys.argv[1]), sys.argv[2]
    from core.engine import Engine
    from core.types import Query

    imported = time.time()
    engine = Engine.open()
    try:
        result = engine.search(Query(text))
        answered = time.time()
    finally:
        engine.close()
    print(
        json.dumps(
            {
                "imported_s": imported - started,
                "answered_s": answered - started,
                "hits": len(result.hits),
                "notes": result.notes,
                "torch": "torch" in sys.modules,
            }
        )
    )


if __name__ == "__main__":
    main()
