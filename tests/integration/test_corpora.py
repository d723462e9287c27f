"""Whole folders of real files, indexed from the command line with every model: photos, recordings and films."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.resources import resource
from tests.command_line import Findling

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
FOLDERS = ("flickr8k", "speech", "video")
INDEXING_S = 3000.0


@pytest.fixture
def findling(tmp_path: Path) -> Iterator[Findling]:
    findling = Findling(tmp_path / "home", patience_s=INDEXING_S)
    yield findling
    findling.stop_all()


def test_every_file_is_indexed_or_listed_with_a_reason(findling: Findling, corpora: Path) -> None:
    for name in ("demo-clip", "demo-whisper"):
        findling.run("models", "import", resource("demo", "models", name))
    roots = [corpora / name for name in FOLDERS]
    on_disk = {str(path) for root in roots for path in root.rglob("*") if path.is_file()}
    report = findling.json("index", *roots, code=5)
    assert report["files"] == len(on_disk) == report["indexed"] + report["failed"] + report["skipped"]
    assert report["unchanged"] == 0
    assert report["waiting"] == {}
    failures = findling.json("failures")["failures"]
    assert len(failures) == report["failed"] + report["skipped"]
    assert {failure["path"] for failure in failures} <= on_disk
    assert all(failure["reason"] and "\n" not in failure["reason"] for failure in failures)
    print({key: report[key] for key in ("files", "indexed", "failed", "skipped", "encoded", "seconds")})
    for failure in failures:
        print(f"{Path(failure['path']).name}: {failure['reason']}")

    again = findling.json("index", code=5)
    assert (again["indexed"], again["encoded"]) == (0, 0)
    assert again["unchanged"] == report["indexed"]
    assert all(check["ok"] for check in findling.json("doctor")["checks"])
