"""A report for a bug: what is needed to understand it, and nothing that tells whose computer it is.

Versions, platform, settings, the doctor's checks, counts and the logs. A path becomes
``<root1>/<folder3>/<file17>.jpg``: the same name for the same path within one report, with nothing kept but an
extension that is a known format's. Folders of our own, the home folder, the names of the user and of the computer are
replaced wherever they stand. What still looks like a path is cut with the rest of its line: a name may hold anything,
so that nobody knows where it ends.

Nothing is sent: the report is text that a person reads before it is saved.
"""

from __future__ import annotations

import getpass
import io
import os
import platform
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from core import log
from core.config import Settings
from core.display import display_path
from core.errors import UsageError
from core.extract.media_types import BY_EXTENSION, extension_of
from core.room import disk_trouble
from core.types import Failure, ModelInfo

if TYPE_CHECKING:
    from core.engine import Engine

_LIBRARIES = (
    "apsw", "av", "ctranslate2", "faster-whisper", "huggingface_hub", "numkong", "numpy", "onnxruntime",
    "open_clip_torch", "openai-whisper", "openvino", "Pillow", "pypdfium2", "PySide6-Essentials",
    "sentence-transformers", "silero-vad", "sqlite-vec", "tokenizers", "torch", "transformers", "watchdog",
)  # fmt: skip
_LOG_LINES = 2_000  # the last of each log
_REASONS = 20
_MARKED = re.compile(f"{log.OPEN}([^{log.CLOSE}]*){log.CLOSE}")
# What is left of a path that nothing knew: after a letter or a closing bracket a slash is none's beginning.
_PATH_LIKE = re.compile(r"(?<![\w>.)/\\])(?:/(?=[^\s/])|[A-Za-z]:[\\/]|\\\\|file:/|~/)|>[/\\](?!<)")
_CUT = "<cut>"


@dataclass(frozen=True)
class Whose:
    """What names a person or a computer."""

    user: str
    host: str
    home: str

    @classmethod
    def this(cls) -> Whose:
        return cls(getpass.getuser(), platform.node(), str(Path.home()))


@dataclass
class Pseudonyms:
    """Replaces paths and names, the same by the same for the length of one report."""

    anchors: Sequence[tuple[str, str]]  # a folder and what it is called, the longest first
    names: Sequence[tuple[str, str]]  # of the user and the computer
    _given: dict[tuple[str, ...], str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, settings: Settings, roots: Iterable[str], whose: Whose) -> Pseudonyms:
        folders = settings.folders
        anchors = [(root, f"<root{number}>") for number, root in enumerate(roots, start=1)]
        for name in ("data", "cache", "config", "models", "logs"):
            anchors.append((str(getattr(folders, name)), f"<{name}>"))
        anchors.append((whose.home, "<home>"))
        written = [(log.one_line(folder), name) for folder, name in anchors if folder.strip("/\\")]
        names = [(whose.user, "<user>"), (whose.host, "<computer>"), (whose.host.partition(".")[0], "<computer>")]
        return cls(
            sorted(written, key=lambda anchor: len(anchor[0]), reverse=True), [one for one in names if len(one[0]) > 1]
        )

    def path(self, path: str) -> str:
        """One whole path."""
        for folder, name in self.anchors:
            if path == folder or path.startswith((folder + "/", folder + "\\")):
                parts = re.split(r"[/\\]", path[len(folder) :].strip("/\\"))
                return "/".join([name, *self._parts((name,), parts)])
        return "/".join(["<elsewhere>", *self._parts(("",), re.split(r"[/\\]", path.strip("/\\")))])

    def line(self, line: str) -> str:
        """One line of a log, in which paths are marked."""
        return self.text(_MARKED.sub(lambda match: self.path(match[1]), line))

    def text(self, text: str) -> str:
        """One line that may hold paths anywhere."""
        for folder, name in self.anchors:
            text = text.replace(folder, name)
        found = _PATH_LIKE.search(text)
        if found is not None:
            text = text[: found.start()] + (">" if text[found.start()] == ">" else "") + _CUT
        for name, shown in self.names:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", shown, text, flags=re.IGNORECASE)
        return text

    def _parts(self, before: tuple[str, ...], parts: list[str]) -> list[str]:
        shown = []
        for number, part in enumerate(one for one in parts if one):
            before = (*before, part)
            extension = extension_of(part)
            is_file = number == len(parts) - 1 and extension in BY_EXTENSION
            if before not in self._given:
                kind = "file" if is_file else "folder"
                self._counts[kind] += 1
                suffix = f".{extension}" if is_file else ""
                self._given[before] = f"<{kind}{self._counts[kind]}>{suffix}"
            shown.append(self._given[before])
        return shown


def report(engine: Engine) -> str:
    """The report as text. Takes as long as the doctor does: every model's files are hashed."""
    settings = engine.settings
    roots = [os.fsdecode(status.root.path) for status in engine.roots()]
    pseudonyms = Pseudonyms.of(settings, roots, Whose.this())
    status, checks = engine.status(), engine.doctor()
    kinds = ", ".join(f"{kind.value} {count}" for kind, count in sorted(status.by_kind.items()))
    sections = {
        "Versions": _versions(),
        "Settings": _settings(settings, engine.models()),
        "Index": [
            f"{status.roots} folders, {status.files} files: {kinds}",
            f"{status.segments} segments, {status.vectors} vectors, {status.index_bytes} bytes",
            f"{status.pending} pending, {status.failed} failed, {status.skipped} skipped",
            f"written by {status.indexing or 'nobody'}",
        ],
        "Checks": [f"{'ok' if check.ok else 'WRONG'} {check.name}: {check.detail}" for check in checks],
        "Files that could not be read": _reasons(engine.failures()),
    }
    lines = ["Findling: a report for a bug", ""]
    for title, said in sections.items():
        lines += [title, *(f"  {pseudonyms.text(log.one_line(line))}" for line in said), ""]
    for path in log.log_files(settings.folders):
        text = path.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        lines += [path.name, *(f"  {pseudonyms.line(log.one_line(line))}" for line in text), ""]
    return "\n".join(lines)


def save(text: str, file: Path) -> None:
    """Write a report into a new zip file that its owner alone can read.

    Raises ``UsageError`` where there is a file of that name, ``NoRoomError`` or ``StorageError`` where it cannot be
    written; it is not left half written.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("findling-report.txt", text)
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    except FileExistsError as error:
        raise UsageError("there is a file of this name already; choose another", path=file) from error
    except OSError as error:
        raise disk_trouble(error, file, "the report cannot be written") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(packed.getvalue())
    except OSError as error:
        with suppress(OSError):
            file.unlink()  # it would be in the way of the next try
        raise disk_trouble(error, file, "the report cannot be written") from error


def _versions() -> list[str]:
    said = [f"Findling {metadata.version('findling')}", f"Python {platform.python_version()}"]
    said += [f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors"]
    for name in _LIBRARIES:
        try:
            said.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            said.append(f"{name} is not installed")
    return said


def _settings(settings: Settings, models: Sequence[ModelInfo]) -> list[str]:
    # A model that a person brought has the name of that person's folder.
    said = [f"{one.role.value}: {_model(one)}, {one.backend or 'as it came'}" for one in models if one.active]
    return [
        *said,
        f"spoken languages: {', '.join(settings.languages) or 'detected'}",
        f"share of the processor: {settings.cpu_share.value}",
        f"pauses on battery: {settings.pause_on_battery}, while the computer is busy: {settings.pause_when_busy}",
        f"patterns to leave out: {len(settings.exclude)}",
    ]


def _model(info: ModelInfo) -> str:
    return "a model from a folder" if info.source == "a folder" else info.name


def _reasons(failures: Sequence[Failure]) -> list[str]:
    counts = Counter(failure.reason for failure in failures)
    return [f"{count} x {display_path(reason)}" for reason, count in counts.most_common(_REASONS)] or ["none"]
