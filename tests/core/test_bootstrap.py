"""The set-up script's decisions: what is installed already, what a failed pip means, what the system lacks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "bootstrap.py"


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    # By path: the folder must never be importable, or it would stand in for the "packaging" distribution.
    spec = importlib.util.spec_from_file_location("findling_bootstrap", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def empty_venv(tmp_path: Path) -> Path:
    """A working environment without the app; pip is linked in rather than installed, which takes seconds."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    site = next(folder.rglob("site-packages"))
    (site / "pip").mkdir()
    (site / "pip" / "__init__.py").write_text("")
    return folder


@pytest.fixture
def installs(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The pip calls that would have been made."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(bootstrap, "pip", lambda _venv, *arguments: calls.append(arguments))
    monkeypatch.setattr(bootstrap, "check_space", lambda *_: None)
    monkeypatch.delenv("FINDLING_TORCH", raising=False)
    return calls


def test_the_packaging_distribution_is_not_shadowed() -> None:
    import packaging.version

    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert ROOT not in Path(packaging.version.__file__).parents or "site-packages" in packaging.version.__file__


def test_a_second_start_installs_nothing(bootstrap: ModuleType, empty_venv: Path, installs: list) -> None:
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert installs == [("install", "--editable", ".")]
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert len(installs) == 1


def test_the_development_extras_are_added_and_then_serve_for_running_too(
    bootstrap: ModuleType, empty_venv: Path, installs: list
) -> None:
    bootstrap.ensure_installed(empty_venv, dev=False)
    bootstrap.ensure_installed(empty_venv, dev=True)
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert installs == [("install", "--editable", "."), ("install", "--editable", ".[dev]")]


def test_a_changed_pyproject_installs_again_and_keeps_what_was_chosen(
    bootstrap: ModuleType, empty_venv: Path, installs: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINDLING_TORCH", "cpu")
    bootstrap.ensure_installed(empty_venv, dev=True)
    monkeypatch.delenv("FINDLING_TORCH")
    stamp = bootstrap.read_stamp(empty_venv)
    assert stamp["torch"] == "cpu"
    bootstrap.stamp_path(empty_venv).write_text(json.dumps({**stamp, "pyproject": "older"}), "utf-8")
    installs.clear()

    bootstrap.ensure_installed(empty_venv, dev=False)

    cpu, app = installs
    assert cpu[:3] == ("install", "--index-url", bootstrap.TORCH_CPU_INDEX)
    assert [requirement.partition(">")[0] for requirement in cpu[3:]] == ["torch", "torchvision"]
    assert app == ("install", "--editable", ".[dev]")
    assert bootstrap.read_stamp(empty_venv) == stamp


def test_naming_the_cpu_build_replaces_the_default_one(
    bootstrap: ModuleType, empty_venv: Path, installs: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.ensure_installed(empty_venv, dev=False)
    installs.clear()
    monkeypatch.setenv("FINDLING_TORCH", "cpu")
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert [call[1] for call in installs] == ["--index-url", "--editable"]


def test_an_unknown_torch_is_refused(bootstrap: ModuleType) -> None:
    with pytest.raises(bootstrap.SetupError, match="FINDLING_TORCH=cpu"):
        bootstrap.torch_choice({"FINDLING_TORCH": "rocm"})


@pytest.mark.parametrize("damage", ["unfinished", "no-interpreter"])
def test_a_half_made_environment_is_made_anew(
    bootstrap: ModuleType, empty_venv: Path, installs: list, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    made: list[Path] = []
    monkeypatch.setattr(bootstrap, "make_venv", made.append)
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert made == []
    if damage == "unfinished":
        bootstrap.unfinished_path(empty_venv).touch()
    else:
        bootstrap.venv_script(empty_venv, "python").unlink()
    bootstrap.ensure_installed(empty_venv, dev=False)
    assert made == [empty_venv]


def test_a_failed_pip_leaves_no_stamp(
    bootstrap: ModuleType, empty_venv: Path, installs: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise bootstrap.SetupError("no connection")

    bootstrap.ensure_installed(empty_venv, dev=False)
    monkeypatch.setattr(bootstrap, "pip", fail)
    with pytest.raises(bootstrap.SetupError):
        bootstrap.ensure_installed(empty_venv, dev=True)
    assert bootstrap.read_stamp(empty_venv) is None


OFFLINE = [
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor.urllib3...>: "
    "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/hatchling/",
    "ERROR: Could not find a version that satisfies the requirement hatchling>=1.27 (from versions: none)",
    "ERROR: No matching distribution found for hatchling>=1.27",
]
NO_WHEEL = [
    "ERROR: Could not find a version that satisfies the requirement rawpy>=0.25 (from versions: 0.1, 0.2)",
    "ERROR: No matching distribution found for rawpy>=0.25",
]
FULL = ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"]
FULL_WINDOWS = [
    "ERROR: Could not install packages due to an OSError: [WinError 112] There is not enough space on the disk"
]


@pytest.mark.parametrize(
    ("lines", "says", "untouched"),
    [
        (OFFLINE, "no connection", True),
        (NO_WHEEL, "no package of rawpy>=0.25 that fits Python", True),
        (["  ERROR: Failed building wheel for numba"], "no package of numba that", True),
        (
            ["ERROR: Failed to build installable wheels for some pyproject.toml based projects (lxml)"],
            "no package of lxml",
            True,
        ),
        (
            ["ERROR: Package 'findling' requires a different Python: 3.10.1 not in '>=3.11'"],
            "no package of findling",
            True,
        ),
        (FULL, "disk is full", False),
        (FULL_WINDOWS, "disk is full", False),
        (["something", "ERROR: out of the ordinary", ""], "pip failed: ERROR: out of the ordinary", False),
        ([], "pip failed: see its lines above", False),
    ],
)
def test_a_failed_pip_is_explained_in_one_line(
    bootstrap: ModuleType, lines: list[str], says: str, untouched: bool
) -> None:
    explanation = bootstrap.explain_pip(lines)
    assert says in explanation
    assert "\n" not in explanation
    assert bootstrap.nothing_was_installed(lines) is untouched


def test_the_real_pip_failing_is_told_and_removes_its_mark(
    bootstrap: ModuleType, empty_venv: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site = next(empty_venv.rglob("site-packages"))
    (site / "pip" / "__main__.py").write_text(f"import sys; sys.stderr.write({chr(10).join(OFFLINE)!r}); sys.exit(1)")
    bootstrap.unfinished_path(empty_venv).touch()
    with pytest.raises(bootstrap.SetupError, match="no connection"):
        bootstrap.pip(empty_venv, "install", "x")
    assert "No matching distribution" in capfd.readouterr().err
    assert not bootstrap.unfinished_path(empty_venv).exists()


def test_too_little_space_is_told_with_the_smaller_choice(bootstrap: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"not enough disk space .* FINDLING_TORCH=cpu"):
        bootstrap.check_space(tmp_path, 10**9, "")
    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.check_space(tmp_path, 10**9, "cpu")
    assert "FINDLING_TORCH" not in str(caught.value)


def test_the_space_asked_for_depends_on_torch_and_system(bootstrap: ModuleType) -> None:
    assert bootstrap.needed_gb("Linux", "", update=False) > bootstrap.needed_gb("Linux", "cpu", update=False)
    assert bootstrap.needed_gb("Darwin", "", update=False) == bootstrap.needed_gb("Windows", "", update=False)
    assert bootstrap.needed_gb("Linux", "", update=True) < bootstrap.needed_gb("Linux", "cpu", update=False)


@pytest.mark.parametrize(
    ("environ", "system", "lacks"),
    [
        ({}, "Linux", True),
        ({"DISPLAY": ""}, "Linux", True),
        ({}, "FreeBSD", True),
        ({"DISPLAY": ":0"}, "Linux", False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "Linux", False),
        ({"QT_QPA_PLATFORM": "offscreen"}, "Linux", False),
        ({}, "Windows", False),
        ({}, "Darwin", False),
    ],
)
def test_a_missing_display(bootstrap: ModuleType, environ: dict[str, str], system: str, lacks: bool) -> None:
    assert bootstrap.lacks_display(environ, system) is lacks


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these systems always have a display")
def test_run_without_a_display_names_the_command_line() -> None:
    environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    answer = subprocess.run([sys.executable, str(SCRIPT), "run"], env=environ, capture_output=True, text=True)
    assert answer.returncode == 2
    assert len(answer.stdout.splitlines()) == 1
    assert "run -- search" in answer.stdout


def test_missing_system_packages_are_those_not_wholly_installed(bootstrap: ModuleType) -> None:
    listing = "libegl1\tinstall ok installed\nxvfb\tdeinstall ok config-files\nlibgl1\tinstall ok unpacked\n"
    assert bootstrap.missing_packages(listing, ["libegl1", "xvfb", "libgl1", "espeak-ng"]) == [
        "xvfb",
        "libgl1",
        "espeak-ng",
    ]


def test_nothing_is_asked_of_apt_when_all_is_there(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    listing = "".join(f"{name}\tinstall ok installed\n" for name in bootstrap.DEBIAN_PACKAGES)

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=listing)

    monkeypatch.setattr(bootstrap.platform, "system", lambda: "Linux")
    monkeypatch.setattr(bootstrap, "is_debian", lambda: True)
    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    bootstrap.ensure_system_packages()
    assert [command[0] for command in commands] == ["dpkg-query"]


@pytest.mark.parametrize(
    ("text", "debian"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ("ID=fedora\n", False),
    ],
)
def test_debian_and_its_children_are_known(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, debian: bool
) -> None:
    release = tmp_path / "os-release"
    release.write_text(text, "utf-8")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert bootstrap.is_debian(release) is debian
    assert bootstrap.is_debian(tmp_path / "absent") is False


def test_pytest_is_the_last_check_and_leaves_the_slow_ones_out(bootstrap: ModuleType) -> None:
    steps = bootstrap.checks(Path("venv"), slow=False, pytest_arguments=["-k", "search"])
    assert [name for name, _ in steps] == ["lint", "format", "types", "import contracts", "tests"]
    assert steps[-1][1][1:] == ["-m", "pytest", "-m", "not slow", "-k", "search"]
    assert "not slow" not in bootstrap.checks(Path("venv"), slow=True, pytest_arguments=[])[-1][1]


def test_checks_stop_at_the_first_failure_with_its_exit_code(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[-1])
        return subprocess.CompletedProcess(command, 7 if command[-1] == "mypy" else 0)

    monkeypatch.setattr(bootstrap, "ensure_system_packages", lambda: None)
    monkeypatch.setattr(bootstrap, "ensure_installed", lambda *_, **__: None)
    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert bootstrap.test(Path("venv"), slow=False, pytest_arguments=[]) == 7
    assert ran[-1] == "mypy"


def test_an_old_python_is_told_in_one_line(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2, "final", 0))
    assert bootstrap.main(["run"]) == 1
    assert capsys.readouterr().out.count("\n") == 1
