"""A pair of folders that people are busy in: small files of every kind come, change, move and go, by a seed."""

from __future__ import annotations

import io
import os
import random
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from tests.fakes import COLOURS

_MOST = 40  # files in a folder: one that held more than 50 and is empty would be taken for a drive that is away
_ODD_NAMES = ("plain", "ümläut", "北京", "with space", "new\nline", "odd \udcff", "<b>bold", "right\u202eleft")


class World:
    """``roots`` are the folders; ``touched`` are the paths that were changed since ``forget_touched``."""

    def __init__(self, base: Path, seed: int) -> None:
        self.roots = [base / "First", base / "Second"]
        for root in self.roots:
            root.mkdir(parents=True)
        self.touched: set[bytes] = set()
        self._chance = random.Random(seed)
        self._number = 0
        for _ in range(24):
            self.create()

    def step(self) -> str:
        """One thing that a person does; its name."""
        deeds = [
            (self.create, 6), (self.write, 3), (self.append, 2), (self.copy, 2), (self.delete, 2), (self.rename, 3),
            (self.move_tree, 2), (self.set_time_back, 1),
        ]  # fmt: skip
        (deed,) = self._chance.choices([one for one, _ in deeds], [weight for _, weight in deeds])
        deed()
        return deed.__name__

    def files(self) -> list[Path]:
        return sorted(path for root in self.roots for path in root.rglob("*") if path.is_file())

    def create(self) -> None:
        self._number += 1
        root = self._chance.choice(self.roots)
        if len([path for path in root.rglob("*") if path.is_file()]) >= _MOST:
            self.delete()
            return
        folder = root / self._chance.choice(("", "a", "a/b", "trip"))
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{self._chance.choice(_ODD_NAMES)} {self._number}"
        kind = self._chance.choices(("txt", "jpg", "wav"), (6, 3, 1))[0]
        path = folder / f"{name}.{kind}"
        self._put(path, {"txt": self._text, "jpg": self._picture, "wav": self._sound}[kind]())

    def write(self) -> None:
        """Another content in place of what was there, by way of a new file, as editors do."""
        path = self._some(".txt")
        if path is not None:
            beside = path.with_name("beside.tmp")
            beside.write_bytes(self._text())
            beside.replace(path)
            self._touch(path)

    def append(self) -> None:
        path = self._some(".txt")
        if path is not None:
            with path.open("ab") as file:
                file.write(self._text())
            self._touch(path)

    def copy(self) -> None:
        path = self._some()
        if path is not None:
            self._number += 1
            self._put(self._chance.choice(self.roots) / f"copy {self._number}{path.suffix}", path.read_bytes())

    def delete(self) -> None:
        path = self._some()
        if path is not None:
            self._touch(path)
            path.unlink()

    def rename(self) -> None:
        path = self._some()
        if path is not None:
            self._number += 1
            target = self._chance.choice(self.roots) / f"renamed {self._number}{path.suffix}"
            self._touch(path, target)
            path.rename(target)

    def move_tree(self) -> None:
        """A folder with all that is in it goes elsewhere, mostly into the other root."""
        folders = sorted(path for root in self.roots for path in root.rglob("*") if path.is_dir())
        if not folders:
            return
        folder = self._chance.choice(folders)
        self._number += 1
        target = self._chance.choice(self.roots) / f"moved {self._number}"
        for path in folder.rglob("*"):
            self._touch(path, target / path.relative_to(folder))
        folder.rename(target)

    def set_time_back(self) -> None:
        path = self._some()
        if path is not None:
            os.utime(path, ns=(0, self._chance.randrange(10**18)))
            self._touch(path)

    def _some(self, suffix: str = "") -> Path | None:
        files = [path for path in self.files() if path.name.endswith(suffix)]
        return self._chance.choice(files) if files else None

    def _put(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        self._touch(path)

    def _touch(self, *paths: Path) -> None:
        self.touched.update(os.fsencode(path) for path in paths)

    def _text(self) -> bytes:
        words = [f"w{self._chance.randrange(2000)}" for _ in range(self._chance.choice((5, 60, 700)))]
        return " ".join(words).encode()

    def _picture(self) -> bytes:
        picture = Image.new("RGB", (96, 64), self._chance.choice(list(COLOURS.values())))
        picture.putpixel((self._chance.randrange(96), self._chance.randrange(64)), (self._number % 256, 0, 0))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=self._chance.randrange(70, 95))
        return out.getvalue()

    def _sound(self) -> bytes:
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            pitch_hz, seconds = self._chance.choice((440, 880)), 1.0 + self._chance.random()
            times_s = np.arange(int(16_000 * seconds)) / 16_000
            file.writeframes((np.sin(2 * np.pi * pitch_hz * times_s) * 20_000).astype("<i2").tobytes())
        return out.getvalue()
