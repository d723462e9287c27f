"""What the child does when a model is prepared: take it apart, time every back-end, compare its vectors."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import torch

from core.cpu import threads_here
from core.errors import ModelError
from core.models.convert import CALIBRATION_BATCHES, Inputs, convert_fp32, quantise_int8
from core.models.fidelity import MIN_SAMPLE, Fidelity, judge
from core.models.installed import InstalledModel
from core.models.pictures import pixels_of
from core.models.prepared import TOKENISER
from core.models.reference import load_reference, run_module, sample_jpegs
from core.models.runtime import Graph, capabilities, compile_ahead, has_nncf, has_openvino
from core.models.sample import SAMPLE_FILE, SampleFiles
from core.models.specs import Backend, PictureSpec, TokeniserSpec, Tower
from core.models.tokenise import Tokeniser
from core.models.towers import OPENVINO_STEP, PICTURES_PER_BATCH, PictureTower, Run, TextTower
from core.types import Matrix

TIMED_TEXTS = 32
CALIBRATION_TEXTS = 8  # in a batch

# Texts on which tokenisers are known to differ: entities, broken encodings, ligatures, marks that combine, letters of
# two widths, numbers, apostrophes, special tokens by name, nothing at all, and more than any model reads.
CHECK_TEXTS = (
    "a dog",
    "Two boats, on the SEA!",
    "it's we'll they'd I'm you've don't 'tis",
    "caf\u00e9 nai\u0308ve \ufb01ne \u00c5ngstr\u00f6m stra\u00dfe \u0130stanbul \u017fame",
    "R&amp;D &lt;b&gt;bold&lt;/b&gt; &amp;amp;",
    "sch\u00c3\u00b6n \u00e2\u20ac\u0153quoted\u00e2\u20ac\u009d",
    "北京 東京 한국어 Русский العربية",
    "ＦＵＬＬ ｗｉｄｔｈ ﾊﾝｶｸ",
    "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "IMG_2041.jpg 3.14159 1,000 2026-11-21 a_b-c/d",
    "<start_of_text> <end_of_text> [CLS] </s> <pad> <bos>",
    "\t tabs\u00a0and\u2003spaces \n\n lines  ",
    "...!!! ??? --- \u2014\u2026\u201c\u201d",
    "",
    " ",
    "boats " * 600,
    "x" * 500,
)


class Trials:
    """One model, taken apart in a work folder that holds the sample. For one thread."""

    def __init__(self, model: InstalledModel, work: Path) -> None:
        """Raises ``ModelError``."""
        self._space = model.space
        self._work = work
        self._sample = msgspec.msgpack.decode((work / SAMPLE_FILE).read_bytes(), type=SampleFiles)
        texts = [*CHECK_TEXTS, *self._sample.words, *self._sample.passages]
        self._reference = load_reference(model, work, texts)
        self._rows: dict[Tower, Matrix] = {}
        self._running: tuple[Tower, Backend, Run] | None = None

    @property
    def tokeniser(self) -> TokeniserSpec | None:
        return self._reference.tokeniser

    @property
    def pictures(self) -> PictureSpec | None:
        return self._reference.pictures

    def backends(self) -> dict[Tower, list[Backend]]:
        """What each tower can be tried on. Where inputs cannot be made without torch, there is the reference only."""
        found = {}
        for tower in self._reference.towers:
            inputs = self.pictures if tower is Tower.PICTURES else self.tokeniser
            found[tower] = available_backends() if inputs else [Backend.TORCH_FP32]
        return found

    def rate(self, tower: Tower, backend: Backend, seconds: float) -> float:
        """Inputs per second, decoding left out, measured for that long after one run to warm up."""
        run = self._run(tower, backend)
        if tower is Tower.PICTURES:
            pixels = pixels_of(self._pictures()[:PICTURES_PER_BATCH], self._picture_spec())
            return _rate(lambda: run(pixels), len(pixels), seconds)
        texts = self._texts(tower)
        timed = texts[:: max(1, len(texts) // TIMED_TEXTS)][:TIMED_TEXTS]
        text_tower = self._text_tower(run)
        return _rate(lambda: text_tower.encode(timed), len(timed), seconds)

    def fidelity(self, tower: Tower, backend: Backend) -> Fidelity:
        """How near the vectors of the whole sample are to the reference's."""
        gallery = None
        if tower is Tower.WORDS and len(self._sample.pictures) >= MIN_SAMPLE and self.pictures is not None:
            gallery = self._reference_rows(Tower.PICTURES)
        return judge(self._reference_rows(tower), self._encode(tower, self._run(tower, backend)), gallery)

    def compile_ahead(self, tower: Tower, backend: Backend) -> None:
        """Leave what queries load the tower's graph from beside it. Raises ``ModelError``."""
        compile_ahead(self._graph(tower, backend), bf16=backend.in_bf16)

    def _reference_rows(self, tower: Tower) -> Matrix:
        if tower not in self._rows:
            self._rows[tower] = self._encode(tower, self._reference.run(tower))
        return self._rows[tower]

    def _encode(self, tower: Tower, run: Run) -> Matrix:
        if tower is Tower.PICTURES:
            return PictureTower(self._space, self._picture_spec(), run).encode(self._pictures())
        return self._text_tower(run).encode(self._texts(tower))

    def _text_tower(self, run: Run) -> TextTower:
        step = OPENVINO_STEP if isinstance(run, Graph) else 1
        return TextTower(self._space, self._load_tokeniser(), run, step=step)

    def _run(self, tower: Tower, backend: Backend) -> Run:
        if self._running is None or self._running[:2] != (tower, backend):
            self._running = None  # the old one's memory goes first
            self._running = (tower, backend, self._load(tower, backend))
        return self._running[2]

    def _load(self, tower: Tower, backend: Backend) -> Run:
        if backend.on_openvino:
            return Graph(self._graph(tower, backend), threads=threads_here(), bf16=backend.in_bf16)
        if backend is Backend.TORCH_FP32:
            return self._reference.run(tower)
        return load_torch(copy.deepcopy(self._reference.towers[tower]), backend)

    def _graph(self, tower: Tower, backend: Backend) -> Path:
        path = self._work / backend.graph_of(tower)
        if not path.exists():
            if backend.in_int8:
                quantise_int8(self._graph(tower, Backend.OPENVINO_FP32), self._calibration(tower), path)
            else:
                convert_fp32(self._reference.towers[tower], self._calibration(tower)[0], path)
        return path

    def _calibration(self, tower: Tower) -> list[Inputs]:
        if tower is Tower.PICTURES:
            jpegs = self._pictures()[: CALIBRATION_BATCHES * PICTURES_PER_BATCH]
            starts = range(0, len(jpegs), PICTURES_PER_BATCH)
            return [(pixels_of(jpegs[at : at + PICTURES_PER_BATCH], self._picture_spec()),) for at in starts]
        tokeniser, texts = self._load_tokeniser(), self._texts(tower)[: CALIBRATION_BATCHES * CALIBRATION_TEXTS]
        rows = sorted(tokeniser.rows(texts), key=len)
        inputs = [tokeniser.pad(rows[at : at + CALIBRATION_TEXTS]) for at in range(0, len(rows), CALIBRATION_TEXTS)]
        return [both if tower is Tower.PASSAGES else both[:1] for both in inputs]  # photo models take no mask

    def _pictures(self) -> list[bytes]:
        """Drawn ones beside a sample that is too small for the gate: every number is compared then."""
        found = self._sample.pictures
        return found if len(found) >= MIN_SAMPLE else [*found, *sample_jpegs()]

    def _texts(self, tower: Tower) -> Sequence[str]:
        texts = self._sample.passages if tower is Tower.PASSAGES else self._sample.words
        return texts or CHECK_TEXTS[:8]

    def _load_tokeniser(self) -> Tokeniser:
        if self.tokeniser is None:
            raise ModelError("its texts are cut into tokens by its own library only")
        return Tokeniser(self.tokeniser, self._work / TOKENISER)

    def _picture_spec(self) -> PictureSpec:
        if self.pictures is None:
            raise ModelError("its pixels are made by its own library only")
        return self.pictures


def available_backends() -> list[Backend]:
    """What this machine and its libraries offer, the reference first."""
    found = [Backend.TORCH_FP32, Backend.TORCH_BF16]
    if torch.cuda.is_available():
        found.append(Backend.TORCH_CUDA)
    if torch.backends.mps.is_available():
        found.append(Backend.TORCH_MPS)
    if has_openvino():
        in_bf16 = "BF16" in capabilities()  # elsewhere OpenVINO takes the hint and computes in float32
        found.append(Backend.OPENVINO_FP32)
        found += [Backend.OPENVINO_BF16] * in_bf16
        if has_nncf():
            found += [Backend.OPENVINO_INT8] + [Backend.OPENVINO_INT8_BF16] * in_bf16
    return found


def load_torch(module: torch.nn.Module, backend: Backend) -> Run:
    """A module on one of torch's back-ends; it is moved there, not copied."""
    match backend:
        case Backend.TORCH_BF16:
            return run_module(module, dtype=torch.bfloat16)
        case Backend.TORCH_CUDA:
            return run_module(module, "cuda", torch.float16)
        case Backend.TORCH_MPS:
            return run_module(module, "mps", torch.float16)
    return run_module(module)


def _rate(once: Callable[[], object], count: int, seconds: float) -> float:
    once()
    start = time.perf_counter()
    runs, elapsed = 0, 0.0
    while elapsed < seconds or not runs:
        once()
        runs += 1
        elapsed = time.perf_counter() - start
    return runs * count / elapsed
