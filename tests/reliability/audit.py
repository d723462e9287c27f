"""What an index must be after any end: read from its file by SQL of its own, not by the code that is on trial."""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import apsw
from blake3 import blake3

from core.config import Folders
from core.store.connection import connect

_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class Known:
    """What an index holds, as far as losing it would be a loss."""

    files: dict[bytes, bytes | None]  # the content's hash by path
    texts: dict[bytes, str]  # a digest of all segments by their content's hash
    searched: dict[tuple[bytes, str], int]  # vectors in the searched space of a role, by content's hash and role
    transcribed: frozenset[bytes]

    def lost(self, now: Known, touched: set[bytes], gone: set[bytes]) -> list[str]:
        """What is missing ``now``. ``touched`` paths may have changed; what ``gone`` files held was to be forgotten."""
        said = [
            f"{os.fsdecode(path)}: was {'read' if digest else 'known'}, and is no longer"
            for path, digest in self.files.items()
            if path not in touched and (path not in now.files or (digest and now.files[path] != digest))
        ]
        kept = set(self.texts)
        if gone:  # then what no other file has goes too, also what deleted files had
            kept &= {digest for path, digest in self.files.items() if digest and path not in gone}
        said += [f"content {digest.hex()[:12]}: gone" for digest in kept if digest not in now.texts]
        # Another model fills its space for the files that are there; what deleted files had is not encoded anew.
        held = {
            digest
            for path, digest in self.files.items()
            if digest in kept and path not in touched and now.files.get(path) == digest
        }
        said += [
            f"content {digest.hex()[:12]}: its vectors for {role} are fewer"
            for (digest, role), count in self.searched.items()
            if digest in held and now.searched.get((digest, role), 0) < count
        ]
        said += [
            f"content {digest.hex()[:12]}: its transcript is gone"
            for digest in self.transcribed
            if digest in held and digest not in now.transcribed
        ]
        return said


def known(index: Path) -> Known | None:
    """Read an index without writing to it; None where there is no schema yet. Raises ``apsw.Error``."""
    db = apsw.Connection(str(index), flags=apsw.SQLITE_OPEN_READWRITE)
    db.set_busy_timeout(10_000)
    try:
        with db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
            if "files" not in tables:
                return None
            files = dict(
                db.execute("SELECT f.path, c.hash FROM files f LEFT JOIN contents c ON c.id = f.content_id").fetchall()
            )
            texts: dict[bytes, str] = {}
            rows = db.execute(
                """
                SELECT c.hash, group_concat(s.kind || s.ordinal || s.text, char(0) ORDER BY s.kind, s.ordinal)
                FROM contents c LEFT JOIN segments s ON s.content_id = c.id AND s.kind <> 'speech' GROUP BY c.id
                """
            )
            for digest, text in rows:
                texts[digest] = hashlib.sha256((text or "").encode("utf-8", "surrogatepass")).hexdigest()
            searched: dict[tuple[bytes, str], int] = {}
            if "search_spaces" in tables:
                searched = {
                    (digest, role): count
                    for digest, role, count in db.execute(
                        """
                        SELECT c.hash, p.role, count(*) FROM vectors v
                        JOIN search_spaces p ON p.space_id = v.space_id
                        JOIN contents c ON c.id = v.content_id GROUP BY c.id, p.role
                        """
                    )
                }
            transcribed = db.execute("SELECT hash FROM contents WHERE speech_model IS NOT NULL")
            return Known(files, texts, searched, frozenset(digest for (digest,) in transcribed))
    finally:
        db.close()


def version(index: Path) -> int:
    """The schema's."""
    db = apsw.Connection(str(index))
    try:
        return int(db.pragma("user_version"))
    finally:
        db.close()


def faults(folders: Folders) -> list[str]:
    """What is wrong with an index that nobody uses now, a line each."""
    if not folders.index.exists() or not folders.index.stat().st_size:
        return []
    db = connect(folders.index)
    try:
        if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'files'").get:
            return []
        said = [str(line) for (line,) in db.execute("PRAGMA integrity_check(20)") if line != "ok"]
        said += [f"{row[0]} {row[1]}: points at nothing in {row[2]}" for row in db.execute("PRAGMA foreign_key_check")]
        said += [
            f"vector {id_}: its checksum is wrong"
            for id_, vector, checksum in db.execute("SELECT id, vector, checksum FROM vectors")
            if zlib.crc32(vector) != checksum
        ]
        for what, count in _MISMATCHES.items():
            number = db.execute(count).get
            if number:
                said.append(f"{number} {what}")
        for table in ("segments_fts", "names_fts"):
            try:
                db.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
            except apsw.CorruptError as error:
                said.append(f"{table}: {error}")
        for (digest,) in db.execute("SELECT hash FROM contents WHERE thumbnail = 1"):
            said += [
                f"thumbnail {size} of {digest.hex()[:12]}: missing or cut"
                for size in (256, 512)
                if not _is_whole(folders.thumbnails / digest.hex()[:2] / f"{digest.hex()}-{size}.jpg")
            ]
        return said
    finally:
        db.close()


_MISMATCHES = {
    "texts are not in the full text": """
        SELECT count(*) FROM segments WHERE text <> '' AND id NOT IN (SELECT id FROM segments_fts_docsize)
    """,
    "entries of the full text belong to no text": """
        SELECT count(*) FROM segments_fts_docsize WHERE id NOT IN (SELECT id FROM segments WHERE text <> '')
    """,
    "files are not in the index of names": """
        SELECT count(*) FROM files WHERE id NOT IN (SELECT id FROM names_fts_docsize)
    """,
    "names belong to no file": "SELECT count(*) FROM names_fts_docsize WHERE id NOT IN (SELECT id FROM files)",
    "vectors name another content than their segment": """
        SELECT count(*) FROM vectors v JOIN segments s ON s.id = v.segment_id WHERE v.content_id <> s.content_id
    """,
    "files have neither a content, nor a reason, nor work left": """
        SELECT count(*) FROM files f WHERE content_id IS NULL AND skip_reason IS NULL
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.file_id = f.id AND j.stage = 2)
    """,
}


def unfinished(folders: Folders) -> list[str]:
    """What is missing in an index that should hold all that it can: work left, failures, vectors."""
    db = connect(folders.index)
    try:
        said = [
            f"{os.fsdecode(path)}: stage {stage} {state} {reason or ''}"
            for path, stage, state, reason in db.execute(
                "SELECT f.path, j.stage, j.state, j.reason FROM jobs j JOIN files f ON f.id = j.file_id"
            )
        ]
        for role, kinds in (("text", "'passage', 'speech'"), ("photo", "'photo'")):
            lacking: int = db.execute(
                f"""
                SELECT count(*) FROM segments s WHERE kind IN ({kinds})
                AND EXISTS (SELECT 1 FROM files f WHERE f.content_id = s.content_id)
                AND NOT EXISTS (
                    SELECT 1 FROM vectors v JOIN search_spaces p ON p.space_id = v.space_id AND p.role = ?
                    WHERE v.segment_id = s.id
                )
                """,
                (role,),
            ).get
            if lacking:
                said.append(f"{lacking} segments have no {role} vector")
        return said
    finally:
        db.close()


def differences(index: Path, roots: list[Path]) -> list[str]:
    """Where index and disk differ, in paths and in contents."""
    found = known(index)
    assert found is not None
    on_disk = {
        os.fsencode(path): blake3(path.read_bytes()).digest()
        for root in roots
        for path in root.rglob("*")
        if path.is_file()
    }
    said = [f"{os.fsdecode(path)}: not in the index" for path in on_disk.keys() - found.files.keys()]
    said += [f"{os.fsdecode(path)}: no longer there" for path in found.files.keys() - on_disk.keys()]
    said += [
        f"{os.fsdecode(path)}: another content"
        for path in on_disk.keys() & found.files.keys()
        if found.files[path] not in (None, on_disk[path])
    ]
    return said


def agrees(found: Known, path: bytes) -> bool:
    """Whether an index holds what is at a path now, or nothing where there is nothing."""
    try:
        digest = blake3(Path(os.fsdecode(path)).read_bytes()).digest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return path not in found.files
    return found.files.get(path) == digest


def litter(folders: Folders) -> list[str]:
    """Files that nobody will ever finish or need."""
    own = {"index.db", "index.db-wal", "index.db-shm", "index.lock", "index.holder"}
    left = [path for path in folders.data.iterdir() if path.is_file() and path.name not in own]
    left += [path for path in folders.spool.rglob("*") if path.is_file()]
    left += list((folders.thumbnails / "unfinished").glob("*"))
    return [f"left behind: {path}" for path in left]


def _is_whole(path: Path) -> bool:
    return path.exists() and path.read_bytes().endswith(_JPEG_END)
