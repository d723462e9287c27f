"""Targets that are no formats of documents: what judges, cuts, decodes, asks, and crosses pipes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import numpy as np

from core.config import folders_under, load_settings, save_settings
from core.errors import FindlingError, SettingsError, SkippedError, UnreadableError
from core.extract import dates, exif
from core.extract.answers import unpack_reply as unpack_from_sandbox
from core.extract.filetype import detect
from core.extract.media_types import BY_EXTENSION
from core.extract.messages import Extracted
from core.extract.passages import Section, cut
from core.extract.text_codec import decode
from core.models import messages as model_messages
from core.search import messages as search_messages
from core.search import snapshot
from core.search.lexical import LexicalRetriever
from core.search.query import MAX_TERMS, parse
from core.store.files import FoundFile
from core.store.filters import FileFilter
from core.store.jobs import ModelState
from core.store.store import Store
from core.types import EmbeddingSpace, Extraction, FileStamp, Kind, Locator, Passage, SegmentKind
from tests.fuzz.rules import Broken, check_extraction, check_moment, check_passage_text, scratch

Run = Callable[[bytes], None]
IDENTITY = snapshot.Identity("an-index", 1, EmbeddingSpace("a-model", "w", 16, "1"))


def file_types() -> Run:
    """The type of a file by its first bytes, under every extension in turn."""
    folder = scratch()
    extensions = ["", *sorted(BY_EXTENSION)]
    kinds = {name: folder / f"a{name if name.startswith('.') else '.' + name}" for name in extensions}

    def run(data: bytes) -> None:
        path = kinds[extensions[sum(data[:64]) % len(extensions)]]
        path.write_bytes(data)
        try:
            if "/" not in detect(path):
                raise Broken("a media type without a slash")
        except (UnreadableError, SkippedError):
            return
        finally:
            path.unlink()

    return run


def photo_facts() -> Run:
    """EXIF, as Pillow takes it apart."""
    from PIL import Image

    def run(data: bytes) -> None:
        facts = exif.read_facts(_loaded(data))
        if facts.taken_at is not None:
            check_moment(facts.taken_at)
        for words in (facts.camera, facts.title, facts.author):
            if words is not None and (not words.strip() or len(words) > 1001):
                raise Broken("a fact is blank or long")

    def _loaded(data: bytes) -> Image.Exif:
        loaded = Image.Exif()
        with contextlib.suppress(SyntaxError, OSError, ValueError):  # no directory at all: the reader has none then
            loaded.load(data)
        return loaded

    return run


def moments() -> Run:
    """Dates in all the ways in which files write them."""

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for read in (dates.iso_wall_clock, dates.pdf_wall_clock, exif.wall_clock):
            found = read(text)
            if found is not None:
                check_moment(found)

    return run


def passages() -> Run:
    """Cutting: no passage beyond the limits, each a slice of its text, and nothing lost between them."""

    def run(data: bytes) -> None:
        text = data[1:].decode("utf-8", "surrogatepass" if data[:1] > b"\x7f" else "replace")
        starts = [at + 1 for at, character in enumerate(text) if character == "\n"]
        headings = tuple(starts[:: 1 + (data[0] if data else 0) % 7])
        found = cut([Section(text, offset=7, headings=headings)])
        reached = 0
        for passage in found:
            check_passage_text(passage.text)
            start = (passage.locator.offset or 0) - 7
            end = start + len(passage.text)
            same = (a == b or not a.isprintable() for a, b in zip(text[start:end], passage.text, strict=True))
            if not all(same):
                raise Broken("a passage is no slice of its text")
            if any(_visible(character) for character in text[reached : max(start, reached)]):
                raise Broken("words between two passages are lost")
            reached = max(reached, end)
        if any(_visible(character) for character in text[reached:]):
            raise Broken("words at the end are lost")

    def safe(data: bytes) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            run(data)

    return safe


def _visible(character: str) -> bool:
    return not character.isspace() and (character.isprintable() or ord(character) >= 0xA0)


def codecs() -> Run:
    """Bytes under a declared encoding to text."""

    def run(data: bytes) -> None:
        declared, _, rest = data.partition(b"\n")
        text = decode(rest, declared.decode("ascii", "replace")[:40] or None)
        if "\0" in text or "\r" in text:
            raise Broken("decoded text holds a zero or a carriage return")
        if len(text) > 2 * len(rest) + 16:
            raise Broken("decoding made more of it")

    return run


def queries() -> Run:
    """Whatever is typed, asked of a real index."""
    folders = folders_under(scratch())
    folders.create()
    store = Store(folders)
    root = store.roots.add(b"/r")
    for number, words in enumerate(("red boat in the harbour", "北京的船 boat", 'a "quoted" OR NEAR(word)')):
        path = f"/r/{number} {words[:8]}.txt".encode()
        store.files.add(root, [FoundFile(path, Kind.DOCUMENT, FileStamp(1, 1, 1, number + 1))])
        known = store.files.by_path(path)
        assert known is not None
        extraction = Extraction(Kind.DOCUMENT, "text/plain", passages=(Passage(words, Locator(offset=0)),))
        store.commit_content(
            known.id,
            number.to_bytes(32, "big"),
            extraction,
            extractor_version=1,
            look_alike=None,
            models=ModelState(),
        )

    def run(data: bytes) -> None:
        parsed = parse(data.decode("utf-8", "surrogatepass" if data[:1] > b"\x7f" else "replace"))
        if len(parsed.terms) > MAX_TERMS or len(parsed.name_terms) > MAX_TERMS:
            raise Broken("too many terms")
        if not parsed.text.isprintable() and any(ord(one) < 32 for one in parsed.text):
            raise Broken("the text for the encoders holds control characters")
        parsed.text.encode("utf-8")
        with store.database.read():
            retriever = LexicalRetriever(store, FileFilter(), 20)
            retriever.names(parsed.name_terms, 0)
            retriever.full_text(parsed.terms, SegmentKind.PASSAGE, 0)

    def safe(data: bytes) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            run(data)

    return safe


def settings() -> Run:
    """A settings file that a person wrote; what can be read can be saved again."""
    folders = folders_under(scratch())
    folders.create()

    def run(data: bytes) -> None:
        folders.settings.write_bytes(data)
        try:
            read = load_settings(folders)
        except SettingsError:
            return
        with contextlib.suppress(SettingsError):
            save_settings(read)
        if load_settings(folders) != read:
            raise Broken("settings change by being saved")

    return run


def sandbox_answers() -> Run:
    """What a sandbox child says that was taken over by a hostile file."""

    def run(data: bytes) -> None:
        with contextlib.suppress(FindlingError):
            reply = unpack_from_sandbox(data)
            if isinstance(reply, Extracted):
                check_extraction(reply.extraction, len(data))

    return run


def model_answers() -> Run:
    """What a model child says."""
    expected = (model_messages.Vectors, model_messages.Transcript, model_messages.Windows, model_messages.Inspected)

    def run(data: bytes) -> None:
        for kind in expected:
            with contextlib.suppress(FindlingError):
                reply = model_messages.unpack_reply(data, kind)
                if isinstance(reply, model_messages.Vectors) and reply.matrix().shape != (reply.rows, reply.dim):
                    raise Broken("a matrix of another shape")

    return run


def search_answers() -> Run:
    """What the query child says."""

    def run(data: bytes) -> None:
        with contextlib.suppress(FindlingError):
            message = search_messages.unpack_from_child(data)
            search_messages.expect(message, search_messages.Answered)

    return run


def snapshots() -> Run:
    """A cache file of vectors that the disk or somebody else changed."""
    path = scratch() / f"{IDENTITY.key}-1{snapshot.SUFFIX}"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        try:
            base, columns, mark = snapshot.read(path, IDENTITY)
        except (ValueError, OSError):
            return
        if base.rows.shape[0] != columns.ids.size or base.rows.shape[1:] != (IDENTITY.space.dim,):
            raise Broken("parts of a snapshot do not fit together")
        if mark.last_id < 0 or mark.removals < 0 or np.asarray(columns.alive).size != columns.ids.size:
            raise Broken("a snapshot of no state")
        np.asarray(base.rows, np.float32).sum()

    return run


def snapshot_bytes() -> list[bytes]:
    """Snapshots of no rows and of some, as they are written."""
    found = []
    for count in (0, 5):
        ids = np.arange(1, count + 1, dtype=np.int64)
        rows = np.eye(max(count, 1), 16, dtype=np.float16)[:count]
        chunk = snapshot.Chunk(rows, (ids, ids, ids, np.zeros(count, dtype=np.bool_)))
        path = snapshot.write(scratch(), IDENTITY, snapshot.Mark(count, 0), [chunk])
        found.append(io.BytesIO(path.read_bytes()).getvalue())
    return found
