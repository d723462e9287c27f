#!/usr/bin/env python3
"""Sets Findling up from a checkout and starts it, or runs all of its checks.

    python3 packaging/bootstrap.py run                    the window
    python3 packaging/bootstrap.py run -- search "boat"   the command line
    python3 packaging/bootstrap.py test                   lint, types, import contracts, tests
    python3 packaging/bootstrap.py test --slow            the slow tests too
    python3 packaging/bootstrap.py test -- -k search      what follows -- goes to pytest

It needs Python 3.11 or later and nothing else: the standard library makes ``.venv`` beside this folder and installs
the app there. A second start finds the stamp of the first one and installs nothing. ``FINDLING_TORCH=cpu`` takes
PyTorch's own CPU build, which is gigabytes smaller on Linux.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)

TORCH_VARIABLE = "FINDLING_TORCH"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Both must come from one place: a CPU torch beside the default torchvision fails at import (torchvision::nms).
TORCH_PACKAGES = ("torch", "torchvision")

# Measured on Linux: 6.9 GB installed with the default torch, of which 5.2 GB are torch and its CUDA libraries. The CPU
# build and those for macOS and Windows have no CUDA. Each figure leaves some room for what pip downloads.
CUDA_INSTALL_GB = 8
CPU_INSTALL_GB = 4
UPDATE_GB = 1

DEBIAN_PACKAGES = (
    "libpulse0",  # QtMultimedia
    "libegl1",
    "libgl1",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libxcb-image0",
    "libxcb-render-util0",
    "libxcb-randr0",
    "libdbus-1-3",
    "libfontconfig1",
    "xvfb",
    "espeak-ng",  # the tests speak with it
    "fonts-noto-cjk",
    "fonts-dejavu-core",
)

_NO_NETWORK = re.compile(
    r"name resolution|getaddrinfo failed|nodename nor servname|name or service not known|newconnectionerror"
    r"|failed to establish a new connection|connection (refused|reset|broken|aborted)|network is unreachable"
    r"|max retries exceeded|timed out|proxyerror|sslerror|no route to host|could not fetch url",
    re.IGNORECASE,
)
_NO_SPACE = re.compile(r"no space left|errno 28\b|not enough space|disk quota exceeded|errno 122\b", re.IGNORECASE)
_NO_WHEEL = re.compile(
    r"no matching distribution found for (\S+)"
    r"|failed building wheel for (\S+)"
    r"|could not build wheels for ([\w.-]+)"
    r"|failed to build installable wheels for .*\(([\w.-]+)"
    r"|failed to build '?([\w.-]+)'? when"
    r"|package '?([\w.-]+)'? requires a different python",
    re.IGNORECASE,
)


class SetupError(Exception):
    """Set-up cannot go on; the message is the one line that says why."""


def say(line: str) -> None:
    print(f"bootstrap: {line}", flush=True)


# --- the environment


def venv_script(venv: Path, name: str) -> Path:
    """The path of an installed program inside ``venv`` on this system."""
    return venv / "Scripts" / f"{name}.exe" if os.name == "nt" else venv / "bin" / name


def stamp_path(venv: Path) -> Path:
    return venv / "findling-installed.json"


def unfinished_path(venv: Path) -> Path:
    """Lies in ``venv`` while pip writes there, and stays when that was cut short."""
    return venv / "findling-installing"


def wanted_stamp(pyproject: bytes, python: str, dev: bool, torch: str) -> dict[str, object]:
    return {"pyproject": hashlib.sha256(pyproject).hexdigest(), "python": python, "dev": dev, "torch": torch}


def read_stamp(venv: Path) -> dict[str, object] | None:
    """What the last whole install wrote down, or None."""
    try:
        stamp = json.loads(stamp_path(venv).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def satisfies(found: dict[str, object] | None, wanted: dict[str, object], torch_named: bool) -> bool:
    """True when the environment that wrote ``found`` serves for ``wanted``.

    One with the development extras serves for running too, and whichever torch is there is kept unless
    ``FINDLING_TORCH`` names one now.
    """
    if found is None or found.get("pyproject") != wanted["pyproject"] or found.get("python") != wanted["python"]:
        return False
    if wanted["dev"] and not found.get("dev"):
        return False
    return not torch_named or found.get("torch") == wanted["torch"]


def python_of(venv: Path) -> str | None:
    """The version of the interpreter in ``venv``; None where it does not run or has no pip."""
    python = venv_script(venv, "python")
    code = "import pip, platform; print(platform.python_version())"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def torch_choice(environ: Mapping[str, str]) -> str:
    """ "cpu", or "" for the default build. Raises ``SetupError`` for anything else."""
    choice = environ.get(TORCH_VARIABLE, "").strip().lower()
    if choice not in ("", "cpu"):
        raise SetupError(f"{TORCH_VARIABLE}={choice} is not known; the only choice is {TORCH_VARIABLE}=cpu")
    return choice


def needed_gb(system: str, torch: str, update: bool) -> int:
    """Free space to ask for before installing, in GB."""
    if update:
        return UPDATE_GB
    return CUDA_INSTALL_GB if system == "Linux" and torch != "cpu" else CPU_INSTALL_GB


def check_space(folder: Path, needed: int, torch: str) -> None:
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb >= needed:
        return
    hint = "" if torch == "cpu" or needed < CUDA_INSTALL_GB else f"; {TORCH_VARIABLE}=cpu needs {CPU_INSTALL_GB} GB"
    raise SetupError(f"not enough disk space in {folder}: {free_gb:.1f} GB free, about {needed} GB needed{hint}")


def torch_requirements(pyproject: bytes) -> list[str]:
    """The requirements on torch and torchvision, as ``pyproject.toml`` words them."""
    import tomllib  # not at the top: an older Python must get as far as saying that it is too old

    wanted = tomllib.loads(pyproject.decode("utf-8"))["project"]["dependencies"]
    return [line for line in wanted if re.split(r"[^\w-]", line, maxsplit=1)[0] in TORCH_PACKAGES]


def explain_pip(lines: Iterable[str]) -> str:
    """The one line that says why pip failed, read from the end of what it wrote to its error stream."""
    text = "\n".join(lines)
    if _NO_SPACE.search(text):
        return "the disk is full: free some space and start again"
    if _NO_NETWORK.search(text):
        # Looked for before the missing wheel: offline, pip's last line also is "No matching distribution found".
        return "the packages cannot be downloaded: no connection to the package index"
    found = _NO_WHEEL.search(text)
    if found is not None:
        name = next(group for group in found.groups() if group)
        where = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"there is no package of {name} that fits {where}; another Python version may have one"
    errors = [line.strip() for line in text.splitlines() if line.strip().lower().startswith("error")]
    return f"pip failed: {errors[-1] if errors else 'see its lines above'}"


def nothing_was_installed(lines: Iterable[str]) -> bool:
    """True when pip failed while it was still gathering packages, so that the environment is as it was."""
    text = "\n".join(lines)
    return _NO_SPACE.search(text) is None and (_NO_NETWORK.search(text) or _NO_WHEEL.search(text)) is not None


def pip(venv: Path, *arguments: str) -> None:
    """Run pip in ``venv``, passing on what it says. Raises ``SetupError`` with the reason in one line."""
    command = [str(venv_script(venv, "python")), "-m", "pip", "--disable-pip-version-check", *arguments]
    tail: deque[str] = deque(maxlen=60)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        for line in process.stderr:
            tail.append(line)
            sys.stderr.write(line)
            sys.stderr.flush()
    if process.returncode == 0:
        return
    if nothing_was_installed(tail):
        unfinished_path(venv).unlink(missing_ok=True)
    raise SetupError(explain_pip(tail))


def make_venv(venv: Path) -> None:
    say(f"making {venv}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=False)
    if made.returncode != 0:
        hint = " (on Debian: apt install python3-venv)" if is_debian() else ""
        raise SetupError(f"the virtual environment cannot be made{hint}")


def ensure_installed(venv: Path, *, dev: bool) -> None:
    """Make ``venv`` hold the app as ``pyproject.toml`` asks. Does nothing when it does already."""
    pyproject = (ROOT / "pyproject.toml").read_bytes()
    torch = torch_choice(os.environ)
    found = read_stamp(venv)
    python = None if unfinished_path(venv).exists() else python_of(venv)
    wanted = wanted_stamp(pyproject, python or "", dev, torch)
    if python is not None and satisfies(found, wanted, bool(torch)):
        return
    usable = python is not None and (found is None or found.get("python") == python)
    check_space(ROOT, needed_gb(platform.system(), torch, update=usable and found is not None), torch)
    if not usable:
        if venv.exists():
            say(f"{venv} is unfinished or broken: making it anew")
        make_venv(venv)
    if usable and found is not None:
        torch = torch or str(found.get("torch", ""))
        dev = dev or bool(found.get("dev"))
    install(venv, pyproject, dev=dev, torch=torch)
    stamp = wanted_stamp(pyproject, python_of(venv) or "", dev, torch)
    stamp_path(venv).write_text(json.dumps(stamp, indent=1), "utf-8")


def install(venv: Path, pyproject: bytes, *, dev: bool, torch: str) -> None:
    stamp_path(venv).unlink(missing_ok=True)
    unfinished_path(venv).touch()
    if torch == "cpu":
        say(f"installing PyTorch's CPU build from {TORCH_CPU_INDEX}")
        pip(venv, "install", "--index-url", TORCH_CPU_INDEX, *torch_requirements(pyproject))
    elif platform.system() == "Linux":
        say(f"installing, about 7 GB with the default PyTorch ({TORCH_VARIABLE}=cpu takes the small CPU build)")
    pip(venv, "install", "--editable", ".[dev]" if dev else ".")
    unfinished_path(venv).unlink()
    say("installed")


# --- run


def lacks_display(environ: Mapping[str, str], system: str) -> bool:
    """True where a window cannot open: X11 or Wayland systems without a display, unless Qt was told of a platform."""
    if system in ("Windows", "Darwin"):
        return False
    return not any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def run(venv: Path, arguments: list[str]) -> int:
    if not arguments and lacks_display(os.environ, platform.system()):
        say('there is no display for the window; on the command line: bootstrap.py run -- search "boat at sunset"')
        return 2
    ensure_installed(venv, dev=False)
    program = venv_script(venv, "findling" if arguments else "findling-desktop")
    return become([str(program), *arguments])


def become(command: list[str]) -> int:
    """Hand this process over to ``command``, so that Ctrl-C and signals reach it and nothing stands between."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the console sends it to the app as well, which ends in its own way
                continue


# --- test


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """True on Debian, Ubuntu and what derives from them."""
    try:
        text = os_release.read_text("utf-8")
    except OSError:
        return False
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(names)) and shutil.which("dpkg-query") is not None


def missing_packages(listing: str, wanted: Iterable[str] = DEBIAN_PACKAGES) -> list[str]:
    """Which of ``wanted`` are not installed, by dpkg-query's lines of package, tab, status."""
    installed = set()
    for line in listing.splitlines():
        name, _, status = line.partition("\t")
        if status.strip() == "install ok installed":
            installed.add(name.strip())
    return [name for name in wanted if name not in installed]


def ensure_system_packages() -> None:
    """Install what Qt and the tests need from the system, or name it."""
    if platform.system() != "Linux":
        if shutil.which("espeak-ng") is None:
            say("espeak-ng is not installed: tests that speak are left out")
        return
    if not is_debian():
        say(f"Qt and the tests need these from your system (Debian's names): {' '.join(DEBIAN_PACKAGES)}")
        return
    query = ["dpkg-query", "-W", "-f=${Package}\\t${Status}\\n", *DEBIAN_PACKAGES]
    missing = missing_packages(subprocess.run(query, capture_output=True, text=True, check=False).stdout)
    if not missing:
        return
    if os.geteuid() != 0:
        say(f"missing on this system, install as root: apt-get install {' '.join(missing)}")
        return
    say(f"installing from the system: {' '.join(missing)}")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing],
    ):
        if subprocess.run(command, env=environ, check=False).returncode != 0:
            raise SetupError(f"the system packages cannot be installed: {' '.join(command[:2])} failed")


def checks(venv: Path, *, slow: bool, pytest_arguments: list[str]) -> list[tuple[str, list[str]]]:
    """The steps of ``test`` in order: a name and the command. pytest is the last, so that its summary ends the log."""
    python = str(venv_script(venv, "python"))
    marked = [] if slow else ["-m", "not slow"]
    return [
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types", [python, "-m", "mypy"]),
        ("import contracts", [str(venv_script(venv, "lint-imports"))]),
        ("tests", [python, "-m", "pytest", *marked, *pytest_arguments]),
    ]


def test(venv: Path, *, slow: bool, pytest_arguments: list[str]) -> int:
    ensure_system_packages()
    ensure_installed(venv, dev=True)
    for name, command in checks(venv, slow=slow, pytest_arguments=pytest_arguments):
        say(name)
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code != 0:
            if name != "tests":
                say(f"{name}: failed")
            return code
    return 0


def main(arguments: list[str]) -> int:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        say(f"Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or later is needed; this is {found} ({sys.executable})")
        return 1
    parser = argparse.ArgumentParser(description="Sets Findling up and starts it, or runs all of its checks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the window, or with -- ARGS the command line")
    tests = commands.add_parser("test", help="lint, types, import contracts and tests; -- ARGS go to pytest")
    tests.add_argument("--slow", action="store_true", help="the slow tests too")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    venv = ROOT / ".venv"
    try:
        if options.command == "run":
            return run(venv, rest)
        return test(venv, slow=options.slow, pytest_arguments=rest)
    except SetupError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
