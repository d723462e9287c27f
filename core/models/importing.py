"""Models from a folder on a disk: recognised by their form, copied, loaded once, recorded."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ModelError
from core.models.catalogue import DEFAULT_PREPROCESSING, ROLE_OF_FORM, Catalogue, CatalogueEntry, Form
from core.models.installed import MANIFEST, Manifest, manifest_of, read_manifest, sha256_of

OPEN_CLIP_CONFIG = "open_clip_config.json"

# The order in which open_clip's local-dir schema picks a checkpoint. Only the picked one is copied, so that the
# file whose digest names the embedding space is the file that is loaded.
OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)

# What stands beside weights: configuration, tokenizers, vocabularies.
SIDE_FILES = ("*.json", "*.txt", "*.model")


@dataclass(frozen=True)
class Found:
    """A model in somebody's folder; ``files`` are relative to ``folder``, the weights among them."""

    folder: Path
    form: Form
    weights: str
    files: tuple[str, ...]
    name: str
    query_prefix: str = ""
    passage_prefix: str = ""


def recognise(path: Path) -> Found:
    """Tell which of the three forms a folder, or a single Whisper checkpoint, has.

    Raises ``ModelError`` saying what was expected.
    """
    if path.is_file() and path.suffix == ".pt":
        return Found(path.parent, Form.WHISPER, path.name, (path.name,), _slug(path.stem))
    if not path.is_dir():
        raise ModelError("there is no folder and no .pt file", path=path)
    if (path / OPEN_CLIP_CONFIG).is_file():
        return _open_clip(path)
    if (path / "modules.json").is_file() or (path / "config.json").is_file():
        return _sentence_transformers(path)
    checkpoints = sorted(path.glob("*.pt"))
    if len(checkpoints) == 1:
        return Found(path, Form.WHISPER, checkpoints[0].name, (checkpoints[0].name,), _slug(path.resolve().name))
    raise ModelError(
        f"no model that is known: neither {OPEN_CLIP_CONFIG}, nor modules.json, nor exactly one Whisper .pt file",
        path=path,
    )


def describe(found: Found, catalogue: Catalogue, *, demo: bool) -> tuple[Manifest, str | None]:
    """The manifest of a found model, still without files, and the sha256 that its weights must have, if known.

    A folder that another Findling installed says itself what it is. One that carries the name of a model of the
    catalogue, or of its repository, and one whose weights have the digest of a model there, is taken for that model.
    """
    digest = sha256_of(found.folder / found.weights)
    entry = _entry_of(found, digest, catalogue)
    if entry is not None:
        manifest = manifest_of(entry, ())
    elif (found.folder / MANIFEST).is_file():
        manifest = read_manifest(found.folder)
        if ROLE_OF_FORM[manifest.form] is not manifest.role or manifest.form is not found.form:
            raise ModelError("its manifest does not fit its files", path=found.folder / MANIFEST)
    else:
        manifest = Manifest(
            name=found.name,
            role=ROLE_OF_FORM[found.form],
            form=found.form,
            title=f"Demo model: {found.name}" if demo else found.name,
            licence="not stated",
            languages="the demo's own words" if demo else "not stated",
            preprocessing=DEFAULT_PREPROCESSING[found.form],
            weights=found.weights,
            source="a folder",
            files=(),
            query_prefix=found.query_prefix,
            passage_prefix=found.passage_prefix,
        )
    return _with_weights(manifest, found.weights, demo), entry.sha256 if entry else None


def copy_files(found: Found, target: Path) -> None:
    """Copy what belongs to the model, and nothing else that lies there. ``OSError`` passes through."""
    shutil.rmtree(target, ignore_errors=True)
    for relative in found.files:
        destination = target / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found.folder / relative, destination)


def _with_weights(manifest: Manifest, weights: str, demo: bool) -> Manifest:
    return replace(manifest, weights=weights, files=(), demo=demo or manifest.demo)


def _entry_of(found: Found, digest: str, catalogue: Catalogue) -> CatalogueEntry | None:
    for entry in catalogue.entries:
        named = found.name in (entry.name, (entry.repo or "").rsplit("/", 1)[-1])
        if entry.form is found.form and (entry.sha256 == digest or named):
            return entry
        if named:
            raise ModelError(
                f'"{entry.name}" is the name of another kind of model; rename the folder', path=found.folder
            )
    return None


def _open_clip(folder: Path) -> Found:
    weights = next((name for name in OPEN_CLIP_WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        others = sorted(path.name for path in folder.glob("*.safetensors"))
        if len(others) != 1:
            raise ModelError("there are no weights beside open_clip_config.json", path=folder)
        weights = others[0]
    return Found(folder, Form.OPEN_CLIP, weights, (*_side_files(folder), weights), _slug(folder.resolve().name))


def _sentence_transformers(folder: Path) -> Found:
    weights = "model.safetensors"
    if not (folder / weights).is_file():
        raise ModelError(f"there is no {weights}; weights in other forms are not read", path=folder)
    files = [*_side_files(folder), weights]
    for module in sorted(path for path in folder.iterdir() if re.fullmatch(r"\d+_\w+", path.name) and path.is_dir()):
        files += [f"{module.name}/{name}" for name in (*_side_files(module), weights) if (module / name).is_file()]
    query_prefix, passage_prefix = _prompts(folder / "config_sentence_transformers.json")
    name = _slug(folder.resolve().name)
    return Found(folder, Form.SENTENCE_TRANSFORMERS, weights, tuple(files), name, query_prefix, passage_prefix)


def _prompts(path: Path) -> tuple[str, str]:
    """What such a model wants before queries and passages, where its configuration says so."""
    try:
        prompts = json.loads(path.read_text("utf-8")).get("prompts", {})
    except FileNotFoundError:
        return "", ""
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"not a readable configuration: {error}", path=path) from error
    passage = prompts.get("passage") or prompts.get("document") or ""
    return str(prompts.get("query") or ""), str(passage)


def _side_files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted({path.name for pattern in SIDE_FILES for path in folder.glob(pattern) if path.is_file()}))


def _slug(name: str) -> str:
    """A name that is a plain folder name everywhere."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "model"
