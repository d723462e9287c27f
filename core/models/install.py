"""Putting a model in place: a folder of files becomes an installed model, whole or not at all."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from core.cancel import CancelToken
from core.child import Child, ChildDied
from core.config import Settings
from core.errors import ModelError
from core.models.host import SPEECH_NICENESS
from core.models.installed import (
    WORK_FOLDER,
    InstalledModel,
    Manifest,
    record_files,
    write_manifest,
)
from core.models.messages import Inspect, Inspected, ModelRef, pack, unpack_reply
from core.models.model_child import DEADLINE_S
from core.models.worker import serve_models

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def work_folder(settings: Settings, name: str, *, kept: bool = False) -> Iterator[Path]:
    """The folder in which a model is put together, held against other processes.

    It lies on the file system of the installed models, so that one rename puts it in place. What did not come so far
    is deleted, or ``kept``: what is left by a transfer that was cut is found again by the next one. Raises
    ``ModelError`` when another process holds it.
    """
    base = settings.folders.models / WORK_FOLDER
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(base / f"{name}.lock", timeout=0):
            folder = base / name
            folder.mkdir(exist_ok=True)
            try:
                yield folder
            finally:
                if not kept:
                    shutil.rmtree(folder, ignore_errors=True)
    except Timeout as error:
        raise ModelError(f'"{name}" is being installed by another process') from error


def install(
    settings: Settings, work: Path, draft: Manifest, sha256: str | None = None, cancel: CancelToken | None = None
) -> InstalledModel:
    """Hash, load and run the model in ``work`` once, then move it to ``models/NAME``, replacing what is there.

    ``draft`` describes it; its file list is filled in here, and so is ``dim`` where it has none. ``sha256`` is what
    the weights must have, where that is known. Raises ``ModelError`` when it is not what ``draft`` says or does not
    work, ``Cancelled``; nothing is installed then.
    """
    draft = replace(draft, files=record_files(work))
    if sha256 is not None and draft.weights_id != sha256:
        raise ModelError(
            f'these are not the weights that "{draft.name}" is known by (their sha256 differs)', path=draft.weights
        )
    dim = inspect(InstalledModel(work, draft, draft.weights_id), cancel)
    if draft.dim not in (None, dim):
        raise ModelError(f'"{draft.name}" should give vectors of {draft.dim} numbers, and these give {dim}')
    manifest = replace(draft, dim=dim)
    write_manifest(work, manifest)
    folder = settings.folders.models / manifest.name
    replace_folder(work, folder)
    logger.info("installed %s in %s", manifest.name, folder)
    return InstalledModel(folder, manifest, manifest.weights_id)


def inspect(model: InstalledModel, cancel: CancelToken | None = None) -> int | None:
    """Load and run a model in a child of its own; the width of its vectors, None for speech.

    Raises ``ModelError``, also when it crashes the child, and ``Cancelled``.
    """
    child = Child("model-check", serve_models, niceness=SPEECH_NICENESS)
    try:
        answer = child.call(pack(Inspect(ModelRef.of(model))), DEADLINE_S, cancel)
        return unpack_reply(answer, Inspected).dim
    except ChildDied as error:
        raise ModelError(f"it crashes when it is loaded ({error})", path=model.folder) from error
    finally:
        child.close()


def replace_folder(work: Path, folder: Path) -> None:
    """Rename ``work`` to ``folder``; an older one there is set aside first and deleted afterwards.

    ``OSError`` passes through, and the older one is back then.
    """
    aside = work.with_name(work.name + ".old")
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        work.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
