"""``findling doctor``: what is wrong with the index, the folders and the models, if anything, and its repair."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

from core import private
from core.config import Folders, Settings
from core.errors import ReaderError
from core.extract.confinement import GUARDS
from core.extract.sandbox import Sandbox
from core.models.library import list_models
from core.models.verify import verify_models
from core.store import compact, exchange, forget, repair, upkeep, versions
from core.store.repair import OnStep, nothing_to_tell
from core.store.store import Store
from core.types import Check, ModelInfo, ModelRole
from core.wording import plural

MIN_FREE_BYTES = 500_000_000  # below this a large folder's thumbnails and vectors may not fit
_TOLD = 5  # of the things that are wrong in one check


@dataclass(frozen=True)
class Doctor:
    """Looks, and repairs. ``on_step`` is told how far it is."""

    store: Store
    settings: Settings
    on_step: OnStep = nothing_to_tell

    def examine(self) -> list[Check]:
        """Every check, in the order in which a person would read them. A missing model is no fault."""
        structure = self._structure()
        readable = structure.ok or not repair.structure_faults(self.store)
        # What lies on damaged pages is not asked what is on them.
        of_rows = [self._texts, self._vectors, self._queue, self._thumbnails, self._spaces, self._deleted]
        of_rows += [self._roots, self._watching]
        return [
            structure,
            *(check() for check in of_rows if readable),
            *(self._own_folders(), self._modes(), self._room()),
            *(self._models(), _reader(), self._versions()),
        ]

    # Checks

    def _structure(self) -> Check:
        found = repair.structure_faults(self.store) or repair.reference_faults(self.store)
        if found:
            return Check("index", False, "; ".join(found[:_TOLD]))
        counts = self.store.counts()
        aside = len(upkeep.set_aside_files(self.store.database.path))
        kept = f"; {aside} files of a damaged index are kept beside it" if aside else ""
        return Check(
            "index", True, f"{plural(counts.files, 'file')}, {counts.index_bytes / 1e6:.1f} MB, consistent{kept}"
        )

    def _texts(self) -> Check:
        found = repair.text_faults(self.store, self.on_step)
        if found:
            return Check("full text", False, "; ".join(found[:_TOLD]))
        return Check(
            "full text", True, f"the words of {plural(self.store.segments.count(), 'segment')}, as they are stored"
        )

    def _vectors(self) -> Check:
        damaged = len(repair.damaged_vectors(self.store, self.on_step))
        if damaged:
            return Check("vectors", False, f"the checksum of {plural(damaged, 'vector')} is wrong")
        return Check("vectors", True, f"{plural(self.store.vectors.count(), 'vector')}, every checksum holds")

    def _queue(self) -> Check:
        unread = len(repair.never_read(self.store))
        if unread:
            return Check("queue", False, f"nothing is queued to read {plural(unread, 'file')} that had never been read")
        return Check("queue", True, f"{sum(self.store.jobs.left().values())} steps to do")

    def _thumbnails(self) -> Check:
        lost = len(repair.lost_thumbnails(self.store, self.on_step))
        orphaned = sum(1 for _ in repair.orphaned_thumbnails(self.store))
        if lost or orphaned:
            return Check("thumbnails", False, f"{lost} are missing, {orphaned} belong to nothing")
        return Check("thumbnails", True, "all there, and no others")

    def _spaces(self) -> Check:
        # Not wrong: the indexer gives them back by and by.
        stale = len(self.store.spaces.stale())
        of_all = len(self.store.vectors.space_ids())
        return Check("models' spaces", True, f"{of_all} in all, {stale} to be given back")

    def _deleted(self) -> Check:
        kept, due = self.store.tombstones.count(), self.store.tombstones.due()
        traces = "; traces of forgotten files are still to be removed" if forget.is_due(self.store) else ""
        return Check("deleted files", True, f"{kept} kept to be known again, {due} of them for a month or more{traces}")

    def _roots(self) -> Check:
        roots = self.store.roots.all()
        away = [row.root.display for row in roots if row.offline]
        if away:
            # An unplugged drive is a state, not a fault.
            return Check("folders", True, "away: " + ", ".join(away))
        asking = [f"{row.root.display} misses {row.missing} files" for row in roots if row.missing]
        if asking:
            return Check("folders", True, "; ".join(asking) + ": findling index --yes takes them out of the index")
        unreadable = [row.root.display for row in roots if not os.access(row.path, os.R_OK | os.X_OK)]
        if unreadable:
            return Check("folders", False, "no permission to read " + ", ".join(unreadable))
        return Check("folders", True, f"{len(roots)} watched")

    def _watching(self) -> Check:
        # Not wrong: what is not told at once is found by the next scan.
        notes = [f"{row.root.display}: {row.watch_note}" for row in self.store.roots.all() if row.watch_note]
        return Check("watching", True, "; ".join(notes) or "changes are noticed at once while Findling runs")

    def _own_folders(self) -> Check:
        for folder in _own(self.settings.folders):
            if not os.access(folder, os.W_OK | os.X_OK):
                return Check("own folders", False, f"{folder} cannot be written")
        return Check("own folders", True, ", ".join(dict.fromkeys(map(str, _own(self.settings.folders)))))

    def _modes(self) -> Check:
        loose = _open_to_others(self.settings.folders)
        if loose:
            return Check("privacy", False, f"{len(loose)} files and folders can be read by others, such as {loose[0]}")
        return Check("privacy", True, "only you can read what Findling keeps")

    def _room(self) -> Check:
        free = {
            folder: shutil.disk_usage(folder).free
            for folder in (self.settings.folders.data, self.settings.folders.cache)
        }
        least = min(free.values())
        usage = compact.usage(self.store.database)
        said = f"{least / 1e9:.1f} GB free, {usage.free_bytes / 1e6:.1f} MB of the index unused"
        return Check("disk space", least >= MIN_FREE_BYTES, said)

    def _models(self) -> Check:
        wrong = [f"{info.name}: {detail}" for info, ok, detail in verify_models(self.settings) if not ok]
        if wrong:
            return Check("models", False, "; ".join(wrong))
        active = {info.role: info for info in list_models(self.settings) if info.active}
        said = [f"{role.value}: {_said(active.get(role))}" for role in ModelRole]
        return Check("models", True, ", ".join(said))

    def _versions(self) -> Check:
        parts = [f"Findling {installed_version('findling')}", f"Python {platform.python_version()}"]
        return Check("versions", True, ", ".join([*parts, *versions.of_store(self.store.database)]))

    # Repair

    def repair(self) -> list[str]:
        """Cure what is wrong and can be cured, a line for each thing that was done. Its caller writes alone.

        Raises ``NoRoomError`` where a damaged index cannot be carried over.
        """
        store = self.store
        done: list[str] = []
        structure = repair.structure_faults(store)
        if structure:
            store.database.close()
            done += upkeep.set_aside(store.database.path, structure[0])
        if repair.reference_faults(store):
            repair.drop_dangling(store)
            done.append("removed rows that pointed at missing ones")
        damaged = repair.damaged_texts(store)
        if damaged:
            repair.drop_texts(store, damaged)
            done.append(f"removed {plural(len(damaged), 'damaged text')}, which the next indexing reads again")
        if repair.text_faults(store, self.on_step):
            repair.rebuild_texts(store, self.on_step)
            done.append("rebuilt the full text")
        cures: list[Callable[[], str]] = [
            *(self._cure_vectors, self._cure_queue, self._cure_thumbnails, self._cure_spaces, self._cure_deleted),
            *(self._cure_modes, self._cure_room),
        ]
        return [*done, *(said for cure in cures if (said := cure()))]

    def _cure_vectors(self) -> str:
        damaged = repair.damaged_vectors(self.store, self.on_step)
        repair.drop_vectors(self.store, damaged)
        said = f"removed {plural(len(damaged), 'damaged vector')}, which the next indexing makes again"
        return said if damaged else ""

    def _cure_queue(self) -> str:
        unread = repair.never_read(self.store)
        repair.queue_files(self.store, unread)
        return f"queued {plural(len(unread), 'file')} that had never been read" if unread else ""

    def _cure_thumbnails(self) -> str:
        lost = repair.lost_thumbnails(self.store, self.on_step)
        repair.read_again(self.store, lost)
        orphaned = list(repair.orphaned_thumbnails(self.store, young_too=True))
        for path in orphaned:
            path.unlink(missing_ok=True)
        parts = [f"removed {len(orphaned)} thumbnails that belonged to nothing"] if orphaned else []
        parts += [f"queued {len(lost)} files whose thumbnails are missing"] if lost else []
        return "; ".join(parts)

    def _cure_spaces(self) -> str:
        stale = len(self.store.spaces.stale())
        while self.store.spaces.give_back():
            self.on_step("spaces", 0, stale)
        return f"gave back {stale} models' spaces" if stale else ""

    def _cure_deleted(self) -> str:
        swept = self.store.tombstones.sweep()
        self.store.remove_thumbnails(self.store.contents.sweep())
        finished = forget.is_due(self.store) and forget.finish_forgetting(self.store)
        parts = [f"let {swept} deleted files go that were kept for a month"] if swept else []
        parts += ["removed the traces of forgotten files"] if finished else []
        return "; ".join(parts)

    def _cure_modes(self) -> str:
        loose = _open_to_others(self.settings.folders)
        for path in loose:
            private.tighten(path)
        return f"took the rights of others from {len(loose)} files and folders" if loose else ""

    def _cure_room(self) -> str:
        freed = compact.compact_if_worthwhile(self.store.database)
        exchange.truncate_log(self.store.database.connection)
        return f"made the index smaller by {freed / 1e6:.1f} MB" if freed else ""


def _own(folders: Folders) -> tuple[Path, ...]:
    return (folders.data, folders.cache, folders.config, folders.models, folders.logs)


def _open_to_others(folders: Folders) -> list[Path]:
    # What came with a model was public before it was here.
    return [
        path
        for folder in (folders.data, folders.cache, folders.config, folders.logs)
        for path in private.open_to_others(folder)
        if not path.is_relative_to(folders.models)
    ]


def _said(info: ModelInfo | None) -> str:
    if info is None:
        return "none"
    if info.dim is None:  # speech: what is faster proves itself on the first recordings
        return f"{info.name} ({info.backend})" if info.backend else info.name
    return f"{info.name} ({info.backend or 'as it came: findling models prepare makes it faster'})"


def _reader() -> Check:
    """Starts a reader of files, as indexing does, and says what the system holds it to."""
    sandbox = Sandbox()
    try:
        held = sandbox.guards()
    except ReaderError as error:
        return Check("reader's confinement", False, error.message)
    finally:
        sandbox.close()
    missing = [guard for guard in GUARDS if guard not in held]
    lacking = f"; this system does not give: {', '.join(missing)}" if missing else ""
    return Check("reader's confinement", True, (", ".join(held) or "only a deadline and watched memory") + lacking)
