"""The plain way: what a small, honest tool of this kind does with the usual libraries and no tuning.

Each is written as their documentation shows it. It is fair: models are loaded before the clock runs, batches are as
large as ours, all cores are used, and nothing is done that the task does not need.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BATCH = 8


class PlainPhotos:
    """Open, convert, the model's own preprocessing, float32 batches of eight, a row for each photo in SQLite."""

    def __init__(self, folder: Path, threads: int) -> None:
        import open_clip
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._model, self.preprocess = open_clip.create_model_from_pretrained(
            f"local-dir:{folder}", device="cpu", weights_only=True
        )
        self._model.eval()
        self._tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")

    def index(self, paths: Sequence[Path], database: Path, *, thumbnails: Path | None = None) -> None:
        """Vectors of all photos into ``database``; with ``thumbnails`` also JPEGs of 512 and 256 pixels there."""
        with sqlite3.connect(database) as db:
            db.execute("CREATE TABLE IF NOT EXISTS photos (path TEXT PRIMARY KEY, vector BLOB)")
            for start in range(0, len(paths), BATCH):
                batch = paths[start : start + BATCH]
                pictures = [_opened(path) for path in batch]
                if thumbnails is not None:
                    for path, picture in zip(batch, pictures, strict=True):
                        _save_thumbnails(picture, thumbnails / path.stem)
                vectors = self.encode(pictures)
                db.executemany(
                    "INSERT INTO photos VALUES (?, ?)",
                    [(str(path), vector.tobytes()) for path, vector in zip(batch, vectors, strict=True)],
                )
                db.commit()

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        with self._torch.inference_mode():
            pixels = self._torch.stack([self.preprocess(picture) for picture in pictures])
            return np.asarray(self._model.encode_image(pixels, normalize=True).numpy(), np.float32)

    def encode_words(self, text: str) -> NDArray[np.float32]:
        with self._torch.inference_mode():
            return np.asarray(self._model.encode_text(self._tokenize([text]), normalize=True).numpy()[0], np.float32)


def decode(path: Path, preprocess: Any) -> Any:
    """One picture, fully decoded, to the model's input. HEIC and camera raw by the libraries that are used for them."""
    if path.suffix == ".dng":
        import rawpy

        with rawpy.imread(str(path)) as raw:
            return preprocess(Image.fromarray(raw.postprocess(use_camera_wb=True)))
    return preprocess(_opened(path))


class PlainTexts:
    """sentence-transformers as its page shows it: batches in the order in which the texts come."""

    def __init__(self, folder: Path, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def encode(self, texts: Sequence[str], batch: int = 32) -> NDArray[np.float32]:
        # The library sorts by length inside one call. A tool that follows a folder calls it as texts come in.
        parts = [
            self._model.encode(list(texts[start : start + batch]), batch_size=batch, normalize_embeddings=True)
            for start in range(0, len(texts), batch)
        ]
        return np.concatenate(parts).astype(np.float32)


class PlainSearch:
    """A scan of float32 vectors by sqlite-vec and a full-text query ranked by bm25, over an index of ours."""

    def __init__(self, index: Path) -> None:
        import apsw
        import apsw.fts5
        import sqlite_vec

        self._db = apsw.Connection(str(index), flags=apsw.SQLITE_OPEN_READONLY)
        self._db.enable_load_extension(True)
        self._db.load_extension(sqlite_vec.loadable_path())
        self._db.register_fts5_tokenizer("simplify", apsw.fts5.SimplifyTokenizer)
        self._db.register_fts5_tokenizer("unicodewords", apsw.fts5.UnicodeWordsTokenizer)
        self._db.pragma("cache_size", -32_768)

    def nearest(self, space_id: int, vector: NDArray[np.float32], limit: int = 50) -> list[int]:
        """The segments nearest to a vector, by a scan of the stored float32 BLOBs."""
        rows = self._db.execute(
            """
            SELECT segment_id FROM vectors WHERE space_id = ?
            ORDER BY vec_distance_cosine(vector, ?) LIMIT ?
            """,
            (space_id, np.ascontiguousarray(vector, "<f4").tobytes(), limit),
        )
        return [segment_id for (segment_id,) in rows]

    def matching(self, words: Sequence[str], limit: int = 50) -> list[int]:
        """The segments that hold one of the words, best first."""
        expression = " OR ".join(f'"{word}"' for word in words)
        rows = self._db.execute(
            "SELECT rowid FROM segments_fts WHERE segments_fts MATCH ? ORDER BY bm25(segments_fts) LIMIT ?",
            (expression, limit),
        )
        return [segment_id for (segment_id,) in rows]

    def close(self) -> None:
        self._db.close()


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _save_thumbnails(picture: Image.Image, stem: Path) -> None:
    for side in (512, 256):
        small = picture.copy()
        small.thumbnail((side, side))
        small.save(stem.with_name(f"{stem.name}-{side}.jpg"), quality=85)
