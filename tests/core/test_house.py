"""What the house promises of itself: light imports, our own packages, a true page of dependencies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch",
    "open_clip",
    "whisper",
    "sentence_transformers",
    "transformers",
    "torchvision",
    "silero_vad",
    "ctranslate2",
    "faster_whisper",
)


@pytest.mark.parametrize("module", ["core.engine", "core.cli", "core.cli.app", "core.demo", "desktop.app"])
def test_importing_it_loads_no_model_library(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == []


def test_core_runs_without_qt() -> None:
    code = "import sys, core.engine, core.cli.app; print(*(name for name in sys.modules if name.startswith('PySide6')))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == []


def test_a_spawned_child_imports_the_script_without_the_commands() -> None:
    code = "import sys, core.cli; print('typer' in sys.modules, 'numpy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.stdout.split() == ["False", "False"]


def test_a_search_imports_nothing_that_only_indexing_or_repair_needs(tmp_path: Path) -> None:
    """The first answer after the start is bound by imports."""
    code = (
        "import sys; from core.cli import main; code = main(['search', 'boats']); "
        "others = ('core.doctor', 'core.index', 'core.watch.scan', 'core.store.salvage', 'core.store.repair', "
        "'core.models.library', 'core.search.answerer', 'tomlkit', 'watchdog', 'pathspec', 'rich.progress'); "
        "print(code, *(name for name in sys.modules if name.startswith(others)))"
    )
    environment = {**os.environ, "FINDLING_HOME": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.stdout.splitlines()[-1].split()[1:] == [], answer.stderr


def test_core_is_ours() -> None:
    # The name is generic: another distribution's "core" on the path would be found out here.
    assert Path(core.__file__).parent == ROOT / "core"


def named_in_pyproject() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}


def named_in_docs() -> set[str]:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    return set(re.findall(r"^\| `([\w.-]+)` \|", page, re.MULTILINE))


def test_every_dependency_is_explained_and_none_that_is_gone() -> None:
    assert named_in_docs() == named_in_pyproject()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"])
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert missing == []


def test_paths_named_on_the_architecture_page_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:core|desktop|resources|tests|packaging|docs)/[\w./-]*)`", page))
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
