"""The words of the design as data: frozen dataclasses and enums, no I/O.

Bytes paths are what the file system holds (``os.fsencode``); text paths are for display only.
Times with the suffix ``_ns`` are nanoseconds since the epoch, ``_s`` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.display import display_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]  # shape (dim,), unit length
    Matrix = NDArray[np.float32]  # shape (n, dim), unit rows
else:  # the window shows itself before anything loads numpy
    Vector = Matrix = Any


class Kind(StrEnum):
    """What a file is, judged by its content."""

    PHOTO = "photo"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    OTHER = "other"


class Stage(IntEnum):
    """The steps of indexing one file, in the order in which the whole library goes through them."""

    NAME = 1  # name, folder and file dates; the file is not opened
    CONTENT = 2  # content hash, metadata, text, thumbnail, look-alike descriptor
    TEXT = 3  # vectors of passages and transcripts
    PHOTO = 4  # vectors of photos
    SPEECH = 5  # transcript of recordings and sound tracks


class ModelRole(StrEnum):
    """What a model is for."""

    TEXT = "text"
    PHOTO = "photo"
    SPEECH = "speech"


class CpuShare(StrEnum):
    """How much of the processor indexing may take."""

    QUIET = "quiet"  # one core, half of the time
    BALANCED = "balanced"  # half of the physical cores
    FULL = "full"  # all of them


class PauseReason(StrEnum):
    """Why indexing waits by itself."""

    BATTERY = "battery"
    BUSY = "busy"  # other programs need the processor
    NO_ROOM = "room"  # the disk of the index or of the cache is nearly full
    DISK = "disk"  # the disk of the index does not do what it is asked
    PREPARING = "preparing"  # it is being tried how a model runs fastest here


class SegmentKind(StrEnum):
    """What is found: the unit that carries text or a vector."""

    PHOTO = "photo"
    PASSAGE = "passage"
    SPEECH = "speech"
    VIDEO = "video"


class Channel(StrEnum):
    """One ranked list of segments or files; fusion joins them."""

    NAME = "name"
    FULL_TEXT = "full-text"
    TRANSCRIPT = "transcript"
    DOCUMENT_DENSE = "document-dense"
    TRANSCRIPT_DENSE = "transcript-dense"
    CLIP_IMAGE = "clip-image"
    LOOK_ALIKE = "look-alike"
    SAME_CONTENT = "same-content"


@dataclass(frozen=True)
class Locator:
    """Where in its file a segment is. All ``None`` means the whole file."""

    page: int | None = None  # 1-based page, slide or sheet
    offset: int | None = None  # characters from the start of the text, where there are no pages
    label: str | None = None  # sheet name, slide title, chapter
    start_s: float | None = None
    end_s: float | None = None

    def as_json(self) -> dict[str, object] | None:
        """The locator of the command line's JSON contract: only what is set, ``None`` for the whole file."""
        parts: dict[str, object] = {}
        if self.page is not None:
            parts["page"] = self.page
        if self.start_s is not None:
            parts["start_s"] = round(self.start_s, 2)
            parts["end_s"] = round(self.end_s if self.end_s is not None else self.start_s, 2)
        if self.page is None and self.start_s is None and self.offset is not None:
            parts["offset"] = self.offset
        if parts and self.label:
            parts["label"] = self.label
        return parts or None


@dataclass(frozen=True)
class EmbeddingSpace:
    """Vectors can be compared only inside one of these."""

    model: str  # catalogue name
    weights_id: str  # digest of the weights file
    dim: int
    preprocessing: str  # version of what is done to an input before the encoder sees it


@dataclass(frozen=True)
class FileStamp:
    """What ``stat`` says of a file; two equal stamps mean an unchanged file."""

    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True)
class Metadata:
    """What a file says about itself. Every field may be missing."""

    title: str | None = None
    author: str | None = None
    taken_at: str | None = None  # local wall-clock time as the file gives it, ISO 8601 without zone
    width: int | None = None  # pixels, after EXIF orientation
    height: int | None = None
    duration_s: float | None = None
    camera: str | None = None
    latitude: float | None = None  # degrees, WGS 84
    longitude: float | None = None
    pages: int | None = None
    album: str | None = None
    has_audio: bool | None = None


@dataclass(frozen=True)
class Passage:
    """A stretch of a document's text, at most 200 words."""

    text: str
    locator: Locator


@dataclass(frozen=True)
class Extraction:
    """What the sandbox read out of one file.

    ``thumbnail`` and ``preview`` are JPEG bytes that fit in 256 and 512 pixels, upright.
    ``look_alike`` is a float32 unit vector of shape (dim,) as bytes, ``phash`` an unsigned 64-bit perceptual hash.
    ``note`` is a reader's remark, such as "encrypted: only its name is known" or "cut at 20 MB of text".
    """

    kind: Kind
    media_type: str
    metadata: Metadata = field(default_factory=Metadata)
    passages: tuple[Passage, ...] = ()
    thumbnail: bytes | None = None
    preview: bytes | None = None
    look_alike: bytes | None = None
    phash: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class SpeechSpan:
    """A span of recognised speech; times from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Root:
    """A watched folder."""

    id: int
    path: bytes
    offline: bool = False

    @property
    def display(self) -> str:
        return display_path(self.path)


@dataclass(frozen=True)
class RootStatus:
    """A root with the counts that the folders panel and ``findling roots`` show."""

    root: Root
    files: int
    pending: int  # files with work left that can be done now
    waiting: int  # files that wait for a model
    failed: int
    watch_note: str | None = None  # why changes are found by scanning alone, with the cure
    missing: int = 0  # files that are not there any more, and stay until a person says that they may go


@dataclass(frozen=True)
class Query:
    """What is asked: words, example files, or both, and filters. ``before`` is exclusive; days are local."""

    text: str = ""
    like: tuple[Path, ...] = ()
    kinds: frozenset[Kind] = frozenset()
    folder: Path | None = None
    after: date | None = None
    before: date | None = None
    limit: int = 20  # files
    include_gated: bool = False

    @property
    def empty(self) -> bool:
        return not self.text.strip() and not self.like


@dataclass(frozen=True)
class Why:
    """One channel's part in a hit: its rank there (1-based) and the channel's own score."""

    channel: Channel
    rank: int
    score: float


@dataclass(frozen=True)
class SegmentHit:
    """One segment that matched. ``marks`` are (start, end) character ranges of matched words in ``snippet``."""

    segment: SegmentKind | None  # None when the file itself matched, by name
    locator: Locator
    snippet: str
    marks: tuple[tuple[int, int], ...]
    score: float  # 0..1
    why: tuple[Why, ...]


@dataclass(frozen=True)
class Hit:
    """One found file: its best segment, and its other segments under ``more``."""

    file_id: int
    path: bytes
    kind: Kind
    best: SegmentHit
    more: tuple[SegmentHit, ...] = ()
    gated: bool = False  # below the gate of every channel; shown only with --all
    offline: bool = False
    day: date | None = None  # local day: taken, written, else modified
    content_hash: str | None = None  # names its thumbnail
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None

    @property
    def display_path(self) -> str:
        return display_path(self.path)

    @property
    def name(self) -> str:
        return display_path(self.path.rsplit(b"/", 1)[-1].rsplit(b"\\", 1)[-1])

    @property
    def score(self) -> float:
        return self.best.score


@dataclass(frozen=True)
class SearchResult:
    """The answer to one query, best first. ``notes`` are one-line remarks such as a missing model."""

    query: Query
    hits: tuple[Hit, ...]
    hidden: int  # files that were found but lie below the gate
    took_ms: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shortage:
    """A disk on which less is free than we leave free."""

    folder: str  # display path of the folder of ours that lies on it
    free_bytes: int
    margin_bytes: int  # what is to stay free


@dataclass(frozen=True)
class Filling:
    """Another model is in use, and has not seen all yet: what it has not is still found as the one before saw it."""

    role: ModelRole
    model: str  # that encodes or hears now
    searched: str  # whose vectors or transcripts it takes the place of
    done: int  # files
    total: int


@dataclass(frozen=True)
class Progress:
    """One look at the indexer's work, sent at most ten times a second."""

    stage: Stage | None  # None when idle
    done: int  # files finished in this run, over all stages
    total: int  # files this run has to do, as far as known
    current: str | None  # display name of the file being worked on
    per_s: float
    left_s: float | None
    failed: int
    waiting: dict[ModelRole, int] = field(default_factory=dict)
    filling: dict[ModelRole, Filling] = field(default_factory=dict)  # how far other models are
    scanning: bool = False
    paused: PauseReason | None = None  # why the work waits, by itself and not because a person paused it
    short: Shortage | None = None  # where room is short, while that is why


@dataclass(frozen=True)
class Withheld:
    """A root that misses so many files that they stay in the index until a person says that they may go."""

    path: bytes
    missing: int
    files: int  # all that are known of it, the missing among them


@dataclass(frozen=True)
class IndexReport:
    """What one run of the indexer came to. ``files`` = indexed + unchanged + failed + skipped."""

    files: int
    indexed: int
    unchanged: int
    failed: int
    skipped: int
    waiting: dict[ModelRole, int]  # files that wait for a model, by its role
    encoded: int  # passages, photos and speech windows that went through an encoder
    seconds: float
    cancelled: bool = False
    withheld: tuple[Withheld, ...] = ()  # roots that miss very many files
    away: tuple[bytes, ...] = ()  # roots that are not there; their files stay, and count as unchanged
    unreadable: tuple[tuple[bytes, str], ...] = ()  # folders in roots that could not be looked into, and why


@dataclass(frozen=True)
class Failure:
    """A file that could not be read, or (``skipped``) is known by its name only."""

    path: bytes
    kind: Kind
    reason: str
    attempts: int
    skipped: bool = False


@dataclass(frozen=True)
class Status:
    """The state of the index, for ``findling status`` and the status line."""

    roots: int
    files: int
    by_kind: dict[Kind, int]
    segments: int
    vectors: int
    pending: int
    waiting: dict[ModelRole, int]
    failed: int
    skipped: int
    index_bytes: int
    indexing: str | None  # who holds the writer's lock, e.g. "process 4711", None when nobody
    missing: int = 0  # files that are not there any more, and stay until a person says that they may go
    filling: dict[ModelRole, Filling] = field(default_factory=dict)  # models that have not seen all yet


@dataclass(frozen=True)
class Check:
    """One finding of ``findling doctor``."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class ModelInfo:
    """One line of the catalogue and its state on this computer."""

    name: str
    role: ModelRole
    title: str
    size_bytes: int
    licence: str
    languages: str  # shown to a person: "English", "50+ languages"
    dim: int | None
    source: str  # where it is fetched from, shown before a fetch
    installed: bool
    active: bool
    demo: bool = False
    backend: str | None = None  # what encodes for the index; None as long as it was not prepared for this machine
    searched: bool = False  # queries are answered in its space
    filling: Filling | None = None  # how far it is with what another model saw before it; None when it has seen all
