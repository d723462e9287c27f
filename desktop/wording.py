"""How numbers, times, places and reasons are said. Everything returned is plain text."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDate, QLocale

from core.display import display_path
from core.types import (
    Channel,
    Filling,
    Hit,
    Kind,
    Locator,
    ModelRole,
    PauseReason,
    Progress,
    SegmentHit,
    Shortage,
    Stage,
)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Wording", text)


def files_left(count: int) -> str:
    """What is still to be done."""
    return _tr("1 file left") if count == 1 else _tr("%1 files left").replace("%1", number(count))


def number(value: int) -> str:
    """A count with the locale's group separators."""
    return QLocale().toString(value)


def data_size(size_bytes: int) -> str:
    """A size in the locale's words, in decimal units as disks and downloads are labelled."""
    return QLocale().formattedDataSize(size_bytes, 1 if size_bytes >= 1_000_000_000 else 0, _SI)


_SI = QLocale.DataSizeFormat.DataSizeSIFormat


def day(value: date) -> str:
    """A date in the locale's short words: "21 Jun 2023"."""
    return QLocale().toString(QDate(value.year, value.month, value.day), "d MMM yyyy")


def since(value: date) -> str:
    """An open range of days."""
    return _tr("since %1").replace("%1", day(value))


def until(value: date) -> str:
    """An open range of days; the day itself is part of it."""
    return _tr("until %1").replace("%1", day(value))


def clock(seconds: float) -> str:
    """A place in a recording: "12:04", "1:02:03"."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(seconds: float) -> str:
    """A remaining time, as coarse as it is known."""
    if seconds < 60:
        return _tr("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 90:
        return _tr("%1 min left").replace("%1", number(minutes))
    return _tr("%1 h left").replace("%1", number(round(minutes / 60)))


def locator(place: Locator, kind: Kind) -> str:
    """Where in its file a segment is: "p. 14", "12:04"; empty for the whole file."""
    if place.start_s is not None:
        return clock(place.start_s)
    if place.page is not None:
        page = _tr("p. %1").replace("%1", number(place.page)) if kind is Kind.DOCUMENT else number(place.page)
        return f"{page} · {place.label}" if place.label else page
    return place.label or ""


def kind(value: Kind) -> str:
    """A kind as a heading."""
    return {
        Kind.PHOTO: _tr("Photos"),
        Kind.DOCUMENT: _tr("Documents"),
        Kind.AUDIO: _tr("Speech"),
        Kind.VIDEO: _tr("Videos"),
        Kind.OTHER: _tr("Other files"),
    }[value]


KIND_ICONS = {
    Kind.PHOTO: "image",
    Kind.DOCUMENT: "file-text",
    Kind.AUDIO: "microphone",
    Kind.VIDEO: "film-strip",
    Kind.OTHER: "file",
}


def folder_name(path: Path | str) -> str:
    """A folder by its last part; the whole path where there is none, as for "/"."""
    return Path(path).name or str(path)


def home_relative(display_path: str) -> str:
    """A path for reading, with the home folder as "~"."""
    home = str(Path.home())
    if display_path == home or display_path.startswith(home + "/"):
        return "~" + display_path[len(home) :]
    return display_path


def why(segment: SegmentHit, query_text: str) -> str:
    """Why a segment was found, in one line, best reason first."""
    words = query_text.strip()
    said = {
        Channel.NAME: _tr("name or folder matches"),
        Channel.FULL_TEXT: _tr("words match"),
        Channel.TRANSCRIPT: _tr("words were said"),
        Channel.DOCUMENT_DENSE: _tr("about the same thing"),
        Channel.TRANSCRIPT_DENSE: _tr("speaks about the same thing"),
        Channel.CLIP_IMAGE: _tr("looks like “%1”").replace("%1", words) if words else _tr("shows the same thing"),
        Channel.LOOK_ALIKE: _tr("looks alike"),
        Channel.SAME_CONTENT: _tr("the same content"),
    }
    ordered = sorted(segment.why, key=lambda part: part.rank)
    return " · ".join(dict.fromkeys(said[part.channel] for part in ordered))


def described(hit: Hit, query_text: str) -> str:
    """One hit in one sentence, for screen readers."""
    parts = [hit.name, locator(hit.best.locator, hit.kind), hit.best.snippet, why(hit.best, query_text)]
    if hit.day is not None:
        parts.insert(1, day(hit.day))
    if hit.offline:
        parts.append(_tr("the drive is away"))
    return ", ".join(part for part in parts if part)


def stage(value: Stage) -> str:
    """What a stage does, as the status line says it."""
    return {
        Stage.NAME: _tr("Reading names and dates"),
        Stage.CONTENT: _tr("Reading files"),
        Stage.TEXT: _tr("Understanding text"),
        Stage.PHOTO: _tr("Looking at photos"),
        Stage.SPEECH: _tr("Listening to speech"),
    }[value]


def progress(state: Progress) -> str:
    """The status line while work goes on: "Reading files: 4,210 of 18,300 · 31/s · 8 min left"."""
    if state.paused is not None:
        left = files_left(state.total - state.done)
        return paused(state.paused, state.short) + " · " + left
    if state.stage is None:
        return _tr("Looking for changes") if state.scanning else ""
    again = next((one for one in state.filling.values() if one.role.name == state.stage.name), None)
    if again is None:
        parts = [f"{stage(state.stage)}: " + _of(state.done, state.total)]
    else:  # counted by itself: how soon search moves to it
        named = _tr("%1 with the new model").replace("%1", stage(state.stage))
        parts = [f"{named}: " + _of(again.done, again.total)]
    if state.per_s >= 1:
        parts.append(_tr("%1/s").replace("%1", number(round(state.per_s))))
    if state.left_s is not None:
        parts.append(time_left(state.left_s))
    return " · ".join(parts)


def filling(state: Filling) -> str:
    """How far a model in use is with what another one saw or heard before it, and what is found meanwhile."""
    done = _tr("%1 files").replace("%1", _of(state.done, state.total))
    if state.role is ModelRole.SPEECH:
        return done + " · " + _tr("each recording keeps its words until it is heard again")
    return done + " · " + _tr("search stays on %1 until it has all").replace("%1", state.searched)


def used(title: str, state: Filling | None) -> str:
    """That a model was chosen, and from when on it answers."""
    if state is None:
        return _tr("%1 is in use").replace("%1", title)
    if state.role is ModelRole.SPEECH:
        return _tr("%1 hears %2 recordings again").replace("%1", title).replace("%2", number(state.total - state.done))
    left = number(state.total - state.done)
    return _tr("Search moves to %1 once it has seen %2 files").replace("%1", title).replace("%2", left)


def paused(reason: PauseReason, short: Shortage | None = None) -> str:
    """Why the work waits by itself."""
    if short is not None:
        said = _tr("Paused: only %1 free on %2").replace("%1", data_size(short.free_bytes))
        return said.replace("%2", home_relative(short.folder))
    return {
        PauseReason.BATTERY: _tr("Paused on battery"),
        PauseReason.BUSY: _tr("Paused while the computer is busy"),
        PauseReason.NO_ROOM: _tr("Paused: the disk is full"),
        PauseReason.DISK: _tr("Paused: the disk of the index does not answer"),
        PauseReason.PREPARING: _tr("Choosing how a model runs fastest on this computer"),
    }[reason]


def _of(done: int, total: int) -> str:
    return _tr("%1 of %2").replace("%1", number(done)).replace("%2", number(total))


def waiting(role: ModelRole, files: int) -> str:
    """That files wait for a model."""
    said = {
        ModelRole.TEXT: _tr("Text waits for a model (%1)"),
        ModelRole.PHOTO: _tr("Photos wait for a model (%1)"),
        ModelRole.SPEECH: _tr("Speech waits for a model (%1)"),
    }[role]
    return said.replace("%1", number(files))


def role(value: ModelRole) -> str:
    """What a model is for, as a heading."""
    return {
        ModelRole.TEXT: _tr("Documents and transcripts"),
        ModelRole.PHOTO: _tr("Photos by words"),
        ModelRole.SPEECH: _tr("Speech"),
    }[value]


def check(name: str) -> str:
    """What the doctor looks at, or is at, by the engine's word for it."""
    said = {
        "index": _tr("Index"),
        "full text": _tr("Full text"),
        "vectors": _tr("Vectors"),
        "queue": _tr("What is still to do"),
        "thumbnails": _tr("Thumbnails"),
        "spaces": _tr("Vectors of earlier models"),
        "models' spaces": _tr("Vectors of earlier models"),
        "deleted files": _tr("Deleted files"),
        "folders": _tr("Folders"),
        "watching": _tr("Changes in folders"),
        "own folders": _tr("Findling's own folders"),
        "privacy": _tr("Privacy"),
        "disk space": _tr("Disk space"),
        "models": _tr("Models"),
        "reader's confinement": _tr("Confinement of what reads files"),
        "versions": _tr("Versions"),
    }
    return said.get(name, name)


_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")


def one_line(name: str) -> str:
    """A file's name within a sentence: without line ends, and without marks that turn how the rest of it reads."""
    return " ".join(name.split()).translate(_TURNING)


def printable(path: Path) -> str:
    """A path as text that can be shown, whatever bytes it holds."""
    return display_path(path)
