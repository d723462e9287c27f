"""``python -m core.cli`` does what ``findling`` does."""

from __future__ import annotations

import sys

from core.cli import main

if __name__ == "__main__":
    sys.exit(main())
