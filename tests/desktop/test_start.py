"""Starting: what is imported when, and what happens without a display."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_window_loads_no_heavy_library():
    heavy = ["torch", "open_clip", "whisper", "sentence_transformers", "transformers", "PySide6.QtMultimedia"]
    heavy += ["core.engine", "numpy", "apsw", "qtawesome"]  # these come once the window can be seen
    code = f"import desktop.app, sys; print(*(name for name in {heavy!r} if name in sys.modules))"
    done = python(code, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None cannot die there")
def test_this_qt_binding_is_built_for_this_python():
    """PySide6 6.12.0 on Python 3.11 ends the process after some thousand calls: see docs/dependencies.md."""
    code = (
        "import sys; from PySide6.QtCore import QRect; rect = QRect(); before = sys.getrefcount(None)\n"
        "for left in range(1000): rect.setLeft(left)\n"
        "print(sys.getrefcount(None) - before)"
    )
    done = python(code)
    assert abs(int(done.stdout)) < 100, done.stderr


def test_spawned_children_can_import_main_without_qt():
    done = python("import desktop.__main__, sys; sys.exit(any(name.startswith('PySide6') for name in sys.modules))")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is always a display elsewhere")
def test_without_a_display_one_line_names_the_command_line():
    environment = {name: value for name, value in os.environ.items() if name not in _DISPLAY}
    done = subprocess.run(
        [sys.executable, "-m", "desktop"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "findling search" in done.stderr


_DISPLAY = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
