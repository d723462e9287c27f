"""What ``findling models prepare`` leaves: a folder for one model on one machine, with a manifest beside the files.

It lies under ``models/.prepared/``, apart from the model itself, which may be part of a Python package. It belongs to
the weights, the version of OpenVINO and the processor that it was made with; when one of them is another, nothing of
it is used and the model runs as it came.
"""

from __future__ import annotations

import functools
import logging
import platform
import tomllib
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from core.config import Settings
from core.errors import ModelError
from core.models.installed import FileRecord, InstalledModel, record_files, require_recorded
from core.models.specs import Backend, PictureSpec, TokeniserSpec, Tower, Trial
from core.models.toml_file import write_toml

logger = logging.getLogger(__name__)

FOLDER = ".prepared"  # inside models/; no model's name begins with a dot
MANIFEST = "prepared.toml"
TOKENISER = "tokenizer.json"
VERSION = 2  # of the manifest and of what is done before a graph; another one is prepared again

# What OpenVINO and torch choose their kernels by.
_CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8", "asimddp", "bf16")


@dataclass(frozen=True)
class Prepared:
    """What ``prepared.toml`` holds."""

    version: int
    model: str
    weights_id: str
    openvino: str
    machine: str
    sample: int  # of the user's own files, the smaller of what its towers had
    trials: tuple[Trial, ...]
    files: tuple[FileRecord, ...]
    tokeniser: TokeniserSpec | None = None
    pictures: PictureSpec | None = None

    def kept(self, tower: Tower) -> Backend:
        """The back-end that encodes for the index."""
        return next((trial.backend for trial in self.trials if trial.tower is tower and trial.kept), Backend.TORCH_FP32)

    def graph(self, tower: Tower) -> tuple[str, bool] | None:
        """The file of a tower's OpenVINO graph, and whether it runs in bf16; None where there is none."""
        kept = self.kept(tower)
        name = (kept if kept.on_openvino else Backend.OPENVINO_FP32).graph_of(tower)
        there = any(record.path == name for record in self.files)
        return (name, kept.on_openvino and kept.in_bf16) if there else None


def prepared_folder(settings: Settings, model: InstalledModel) -> Path:
    """Where the prepared files of a model lie, whether or not they are there."""
    return settings.folders.models / FOLDER / f"{model.name}-{model.weights_id[:12]}"


def prepared_at(folder: Path) -> int | None:
    """When the manifest there was written, in ns; None where there is none."""
    try:
        return (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        return None


def machine_id() -> str:
    """The processor, as far as the choice of a back-end goes by it."""
    flags: set[str] = set()
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("flags", "Features"):
                flags = set(value.split())
            elif key.strip() == "model name":
                name = value.strip()
            elif not key.strip() and flags:
                break  # the first processor tells
    except OSError:
        logger.debug("no /proc/cpuinfo: the processor goes by its name")
    return " ".join([platform.machine(), name, *(flag for flag in _CPU_FLAGS if flag in flags)])


def openvino_version() -> str:
    """The installed OpenVINO's version without importing it; empty without one."""
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ""


def write_prepared(folder: Path, prepared: Prepared) -> Prepared:
    """Record the files in ``folder`` and write the manifest beside them; returns it. ``OSError`` passes through."""
    files = tuple(record for record in record_files(folder) if record.path != MANIFEST)
    complete = replace(prepared, files=files)
    write_toml(folder / MANIFEST, complete)
    return complete


def read_prepared(folder: Path, model: InstalledModel) -> Prepared | None:
    """The manifest, when it belongs to these weights, this OpenVINO and this machine; None otherwise.

    Its files are not looked at: ``require_unchanged`` does that where they are used.
    """
    path = folder / MANIFEST
    try:
        stat = path.stat()
        prepared = _parse(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s is not a readable manifest: %s", path, error)
        return None
    if prepared is None:
        return None
    ours = (VERSION, model.name, model.weights_id, openvino_version(), _machine())
    made_for = (prepared.version, prepared.model, prepared.weights_id, prepared.openvino, prepared.machine)
    return prepared if made_for == ours else None


def require_unchanged(folder: Path, prepared: Prepared) -> None:
    """Compare the files with the manifest: by their stamps, hashed where those moved. Raises ``ModelError``."""
    try:
        records = require_recorded(folder, prepared.files)
    except ModelError as error:
        reason = "a prepared file is not the one that was made; prepare the model again"
        raise ModelError(reason, path=error.path) from error
    if records != prepared.files:
        try:
            write_toml(folder / MANIFEST, replace(prepared, files=records))
        except OSError as error:
            logger.info("the manifest of %s keeps its old stamps: %s", prepared.model, error)


@functools.lru_cache(maxsize=64)
def _parse(path: Path, _mtime_ns: int, _size: int) -> Prepared | None:
    document: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    if document.get("version") != VERSION:
        return None  # another version may hold anything
    return msgspec.convert(document, Prepared)


_machine = functools.cache(machine_id)
