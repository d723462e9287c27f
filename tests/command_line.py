"""The command line as a test drives it: real processes with a home of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0  # how long a test waits for another process before it fails; nothing is measured by it


@dataclass
class Findling:
    """The command line with a home of its own."""

    home: Path
    patience_s: float = 2 * PATIENCE_S
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    prepared: Path | None = None  # what ``models prepare`` left in another home

    def __post_init__(self) -> None:
        if self.prepared is not None:
            shutil.copytree(self.prepared, self.home / "models" / self.prepared.name)

    @property
    def environ(self) -> dict[str, str]:
        # A dead proxy: whatever would reach for the network fails at once instead of answering.
        nowhere = "http://127.0.0.1:9"
        own = {"FINDLING_HOME": str(self.home), "QT_QPA_PLATFORM": "offscreen"}
        return {**os.environ, **own, "HF_ENDPOINT": nowhere, "HTTPS_PROXY": nowhere}

    def start(self, *arguments: str | Path | bytes, module: str = "core.cli") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str | Path | bytes, code: int = 0) -> tuple[str, str]:
        """Run one command, which must end with ``code``; what it wrote to its two streams."""
        out, err = self.start(*arguments).communicate(timeout=self.patience_s)
        assert self.started[-1].returncode == code, f"{arguments}: {self.started[-1].returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out, err

    def json(self, *arguments: str | Path | bytes, code: int = 0) -> dict[str, Any]:
        out, err = self.run(*arguments, "--json", code=code)
        assert all(line.startswith("findling: ") for line in err.splitlines())
        shape = json.loads(out)
        assert isinstance(shape, dict)
        return shape

    def found(self, *arguments: str | Path | bytes, code: int = 0) -> list[str]:
        """The names of the files that a search finds, best first."""
        return [Path(hit["path"]).name for hit in self.json("search", *arguments, code=code)["hits"]]

    def stop_all(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()
