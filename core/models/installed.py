"""The models on this computer: one folder each under ``models/``, with a manifest that says what was put there.

The manifest records sha256 and stamp of every file when the model was installed. Before a model is loaded its files
are compared by their stamps, and hashed again only where those moved: 600 MB are not read twice at each start, and a
changed file is still never used. A stamp is size, inode and the two times; the second, of the last change of anything
about the file, is the system's own and cannot be set back as the first can.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from core.config import Settings
from core.errors import ModelError
from core.models.catalogue import Catalogue, CatalogueEntry, Form, shipped_catalogue
from core.models.toml_file import write_toml
from core.types import EmbeddingSpace, ModelRole

logger = logging.getLogger(__name__)

MANIFEST = "findling-model.toml"
WORK_FOLDER = ".partial"  # inside models/: what is being fetched or copied, never looked into for models
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileRecord:
    """One file of a model as it was installed; ``path`` is relative to the folder, with forward slashes."""

    path: str
    size: int  # bytes
    mtime_ns: int
    sha256: str
    ctime_ns: int = 0  # 0 in a manifest of an earlier version: hashed once more
    inode: int = 0

    @classmethod
    def of(cls, path: str, stat: os.stat_result, sha256: str) -> FileRecord:
        return cls(path, stat.st_size, stat.st_mtime_ns, sha256, stat.st_ctime_ns, stat.st_ino)


@dataclass(frozen=True)
class Manifest:
    """What ``findling-model.toml`` holds."""

    name: str
    role: ModelRole
    form: Form
    title: str
    licence: str
    languages: str
    preprocessing: str
    weights: str  # the weights file among ``files``
    source: str
    files: tuple[FileRecord, ...]
    dim: int | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    demo: bool = False

    @property
    def weights_id(self) -> str:
        """sha256 of the weights file. Raises ``ModelError`` when the manifest does not list that file."""
        for record in self.files:
            if record.path == self.weights:
                return record.sha256
        raise ModelError(f'the manifest of "{self.name}" does not list its weights {self.weights}')

    @property
    def size_bytes(self) -> int:
        return sum(record.size for record in self.files)


@dataclass(frozen=True)
class InstalledModel:
    """A model that can be loaded from ``folder``."""

    folder: Path
    manifest: Manifest
    weights_id: str
    packaged: bool = False  # lies in a Python package: no manifest is written there, it is hashed at each load

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def role(self) -> ModelRole:
        return self.manifest.role

    @property
    def name_and_weights(self) -> str:
        """What the index knows a speech model by."""
        return f"{self.name}@{self.weights_id}"

    @property
    def space(self) -> EmbeddingSpace:
        """Raises ``ModelError`` for a model without vectors."""
        if self.manifest.dim is None:
            raise ModelError(f'"{self.name}" makes no vectors')
        return EmbeddingSpace(self.name, self.weights_id, self.manifest.dim, self.manifest.preprocessing)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content. ``OSError`` passes through."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def record_files(folder: Path) -> tuple[FileRecord, ...]:
    """Stat and hash every regular file below ``folder``, the manifest itself left out."""
    records = []
    for path in sorted(folder.rglob("*")):
        if path.name == MANIFEST or not path.is_file():
            continue
        stat = path.stat()  # before it is read: what is written meanwhile moves the stamp
        records.append(FileRecord.of(path.relative_to(folder).as_posix(), stat, sha256_of(path)))
    return tuple(records)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into the folder in one step."""
    write_toml(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Raises ``ModelError`` naming the file when it is missing or wrong."""
    path = folder / MANIFEST
    try:
        stat = path.stat()
        return _parse_manifest(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError) as error:
        raise ModelError(f"not a readable model manifest: {error}", path=path) from error


@functools.lru_cache(maxsize=64)
def _parse_manifest(path: Path, _mtime_ns: int, _size: int) -> Manifest:
    """Parsed once per version of the file: the hosts ask before every batch which model is in use."""
    document: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    return msgspec.convert(document, Manifest)


def installed_models(settings: Settings, catalogue: Catalogue | None = None) -> list[InstalledModel]:
    """Every model on this computer: those of the catalogue in its order, then others by name.

    A folder with an unreadable manifest is logged and left out; ``verify_models`` tells about it.
    """
    catalogue = catalogue or shipped_catalogue()
    found: dict[str, InstalledModel] = {}
    for folder in model_folders(settings):
        try:
            manifest = read_manifest(folder)
            found[manifest.name] = InstalledModel(folder, manifest, manifest.weights_id)
        except ModelError as error:
            logger.warning("%s", error)
    for entry in catalogue.entries:
        if entry.package and entry.name not in found and (packaged := _packaged(entry)):
            found[entry.name] = packaged
    order = {entry.name: position for position, entry in enumerate(catalogue.entries)}
    return sorted(found.values(), key=lambda model: (order.get(model.name, len(order)), model.name))


def model_folders(settings: Settings) -> list[Path]:
    """The folders under ``models/`` that carry a manifest."""
    try:
        folders = [Path(entry.path) for entry in os.scandir(settings.folders.models) if entry.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(folder for folder in folders if folder.name != WORK_FOLDER and (folder / MANIFEST).is_file())


def active_model(settings: Settings, role: ModelRole, catalogue: Catalogue | None = None) -> InstalledModel | None:
    """The model in use for a role: the chosen one if it is installed, else the first installed one.

    A demo model knows a drawn world only, so it is used where it was chosen and never by itself.
    """
    return active_among(installed_models(settings, catalogue), settings, role)


def active_among(installed: Sequence[InstalledModel], settings: Settings, role: ModelRole) -> InstalledModel | None:
    """As ``active_model``, of models that are known already."""
    models = [model for model in installed if model.role is role]
    chosen = settings.models.get(role)
    for model in models:
        if model.name == chosen:
            return model
    return next((model for model in models if not model.manifest.demo), None)


def find_installed(settings: Settings, name: str, catalogue: Catalogue | None = None) -> InstalledModel | None:
    return next((model for model in installed_models(settings, catalogue) if model.name == name), None)


def check_unchanged(model: InstalledModel) -> None:
    """Compare the model's files with what was installed; called in the child before it loads them.

    Raises ``ModelError`` naming the first file that is missing or changed.
    """
    if model.packaged:
        _require_digest(model.folder / model.manifest.weights, model.weights_id)
        return
    records = require_recorded(model.folder, model.manifest.files)
    if records != model.manifest.files:
        try:
            write_manifest(model.folder, replace(model.manifest, files=records))
        except OSError as error:
            logger.info("the manifest of %s keeps its old stamps: %s", model.name, error)


def require_recorded(folder: Path, records: tuple[FileRecord, ...]) -> tuple[FileRecord, ...]:
    """Compare files with their records: by their stamps, hashed where those moved. The records with today's stamps.

    Raises ``ModelError`` naming the first that is missing or changed.
    """
    found = []
    for record in records:
        path = folder / record.path
        try:
            now = FileRecord.of(record.path, path.stat(), record.sha256)
        except OSError as error:
            raise ModelError(f"a file of the model cannot be read: {error.strerror}", path=path) from error
        if now != record:
            _require_digest(path, record.sha256)
        found.append(now)
    return tuple(found)


def verify_files(model: InstalledModel) -> None:
    """Hash every file again, whatever its times say. Raises ``ModelError`` naming the first that differs."""
    if model.packaged:
        _require_digest(model.folder / model.manifest.weights, model.weights_id)
        return
    for record in model.manifest.files:
        _require_digest(model.folder / record.path, record.sha256)


def _require_digest(path: Path, sha256: str) -> None:
    try:
        actual = sha256_of(path)
    except OSError as error:
        raise ModelError(f"a file of the model cannot be read: {error.strerror}", path=path) from error
    if actual != sha256:
        raise ModelError("the file is not the one that was installed (its sha256 differs); fetch it again", path=path)


def _packaged(entry: CatalogueEntry) -> InstalledModel | None:
    """A model that a Python package carries in its folder ``model``, found without importing the package."""
    spec = importlib.util.find_spec(entry.package or "")
    if spec is None or spec.origin is None or entry.sha256 is None:
        return None
    folder = Path(spec.origin).parent / "model"
    try:
        stat = (folder / entry.weights).stat()
    except OSError:
        return None
    manifest = manifest_of(entry, (FileRecord.of(entry.weights, stat, entry.sha256),))
    return InstalledModel(folder, manifest, entry.sha256, packaged=True)


def manifest_of(entry: CatalogueEntry, files: tuple[FileRecord, ...]) -> Manifest:
    """The manifest of a catalogue model with these files."""
    return Manifest(
        name=entry.name,
        role=entry.role,
        form=entry.form,
        title=entry.title,
        licence=entry.licence,
        languages=entry.languages,
        preprocessing=entry.preprocessing,
        weights=entry.weights,
        source=entry.source,
        files=files,
        dim=entry.dim,
        query_prefix=entry.query_prefix,
        passage_prefix=entry.passage_prefix,
    )
