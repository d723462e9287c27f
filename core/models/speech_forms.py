"""Which library hears: openai-whisper, or the checkpoint converted for faster-whisper once it has passed its trial.

The converted files lie in the model's prepared folder, with ``speech.toml`` beside them. They are made the first time
that something is to be transcribed. On the first recordings both libraries hear every window and the reference's words
are taken; then the one that passed is used alone. int8 is tried first, then the checkpoint's own precision in float32,
and where neither serves, or anything goes wrong, the reference goes on alone.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core import cpu
from core.errors import ModelError
from core.models.failures import one_line
from core.models.fast_speech import FastTranscriber, has_fast_speech
from core.models.installed import FileRecord, InstalledModel, record_files, require_recorded
from core.models.prepared import FOLDER, machine_id
from core.models.speech_trial import SpeechTrial, Verdict
from core.models.toml_file import write_toml
from core.models.transcription import Heard, Samples, WindowTranscriber
from core.models.whisper_conversion import CONVERTER_VERSION, Arithmetic, convert_whisper

if TYPE_CHECKING:
    from core.models.speech import WhisperTranscriber

logger = logging.getLogger(__name__)

MANIFEST = "speech.toml"
WORK_PREFIX = ".converting-"


@dataclass(frozen=True)
class SpeechForms:
    """What ``speech.toml`` holds: what was converted from which weights, by and for what, and how it does."""

    converter: int
    weights_id: str
    libraries: str
    machine: str
    trials: tuple[SpeechTrial, ...] = ()  # in the order of trying; the last one is that of the files
    files: tuple[FileRecord, ...] = ()

    @property
    def current(self) -> SpeechTrial | None:
        """The form that is kept or on trial; None when none is converted yet, or all were refused."""
        return self.trials[-1] if self.trials and self.trials[-1].verdict is not Verdict.REFUSED else None

    @property
    def next_arithmetic(self) -> Arithmetic | None:
        """What to convert to: the fastest that was not tried."""
        tried = {trial.arithmetic for trial in self.trials}
        return next((arithmetic for arithmetic in Arithmetic if arithmetic not in tried), None)

    def with_trial(self, trial: SpeechTrial) -> SpeechForms:
        """The same with the last trial gone on, or with another one begun."""
        others = tuple(other for other in self.trials if other.arithmetic is not trial.arithmetic)
        return replace(self, trials=(*others, trial))


def forms_folder(model: InstalledModel) -> Path:
    """Where the converted forms of a model lie, whether or not they are there."""
    return model.folder.parent / FOLDER / f"{model.name}-{model.weights_id[:12]}"


def read_forms(model: InstalledModel) -> SpeechForms:
    """What is known of a model's forms, made by these libraries on this machine; empty otherwise."""
    fresh = SpeechForms(CONVERTER_VERSION, model.weights_id, _libraries(), machine_id())
    path = forms_folder(model) / MANIFEST
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        found = msgspec.convert(document, SpeechForms)
    except FileNotFoundError:
        return fresh
    except (OSError, ValueError) as error:
        logger.warning("%s is not readable: %s", path, error)
        return fresh
    return found if replace(found, trials=(), files=()) == fresh else fresh


def speech_backend(model: InstalledModel) -> str | None:
    """What hears for the index, in a few words; None as long as it is the reference alone."""
    trial = read_forms(model).current if has_fast_speech() else None
    if trial is None or not (trial.words or trial.begun):
        return None
    stands = "" if trial.verdict is Verdict.KEPT else f", {trial.verdict}"
    return f"faster-whisper {trial.arithmetic}{stands}"


def open_transcriber(model: InstalledModel) -> WindowTranscriber:
    """The transcriber to use for a model whose files were checked. Raises ``ModelError``."""
    if has_fast_speech():
        return ChosenTranscriber(model)
    from core.models.speech import WhisperTranscriber

    return WhisperTranscriber(model)


class ChosenTranscriber(WindowTranscriber):
    """Hears through what serves best so far."""

    def __init__(
        self,
        model: InstalledModel,
        expected: Sequence[str] = (),
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Converts the model where that was not done yet. Raises ``ModelError`` when not even the reference loads."""
        super().__init__(model.name, expected)
        self._model = model
        self._clock = clock
        self._forms = read_forms(model)
        self._reference: WhisperTranscriber | None = None
        self._converted: FastTranscriber | None = None
        self._warm = False  # whether both have heard a window
        self._prepare()
        if self._judged is None:
            self._load_reference()

    @property
    def forms(self) -> SpeechForms:
        return self._forms

    @property
    def languages(self) -> Sequence[str]:
        return self._trusted.languages

    def language_probabilities(self, samples: Samples) -> Mapping[str, float]:
        return self._trusted.language_probabilities(samples)

    def hear(self, samples: Samples, language: str) -> list[Heard]:
        if self._converted is None:
            return self._load_reference().hear(samples, language)
        if self._judged is not None:
            try:
                heard = self._judged.hear(samples, language)
            except (RuntimeError, ValueError) as error:
                self._fail(error)
                return self._load_reference().hear(samples, language)
            self._answered()
            return heard
        return self._hear_twice(self._converted, samples, language)

    @property
    def _trial(self) -> SpeechTrial | None:
        return self._forms.current if self._converted is not None else None

    @property
    def _judged(self) -> FastTranscriber | None:
        """The converted form, once it may be used alone."""
        return self._converted if self._trial and self._trial.verdict is Verdict.KEPT else None

    @property
    def _trusted(self) -> WindowTranscriber:
        return self._judged or self._load_reference()

    def _load_reference(self) -> WhisperTranscriber:
        if self._reference is None:
            from core.models.speech import WhisperTranscriber

            self._reference = WhisperTranscriber(self._model)
        return self._reference

    def _hear_twice(self, converted: FastTranscriber, samples: Samples, language: str) -> list[Heard]:
        start_s = self._clock()
        wanted = self._load_reference().hear(samples, language)
        between_s = self._clock()
        try:
            found = converted.hear(samples, language)
        except (RuntimeError, ValueError) as error:
            self._fail(error)
            return wanted
        times_s = (between_s - start_s, self._clock() - between_s)
        if not self._warm:  # the first window pays for what a library does once, and the two do not pay alike
            times_s, self._warm = (0.0, 0.0), True
        trial = self._trial
        if trial is not None:
            self._settle(replace(trial, begun=0).heard(wanted, found, language, times_s))
        return wanted

    def _answered(self) -> None:
        trial = self._trial
        if trial is not None and trial.begun:
            self._settle(replace(trial, begun=0))

    def _fail(self, error: Exception) -> None:
        trial = self._trial
        if trial is not None:
            self._settle(replace(trial, failure=one_line(error)))

    def _settle(self, trial: SpeechTrial) -> None:
        """Write down how the trial stands, and change over when it is decided."""
        before = self._trial
        self._record(self._forms.with_trial(trial))
        if before is None or trial.verdict is before.verdict:
            return
        self._notes.append(trial.summary())
        if trial.verdict is Verdict.KEPT:
            self._reference = None
        else:
            self._converted, self._warm = None, False
            self._prepare()

    def _prepare(self) -> None:
        """Have the next form converted and loaded; without one, the reference goes on alone."""
        while self._converted is None and (self._forms.current or self._forms.next_arithmetic):
            arithmetic = self._forms.current.arithmetic if self._forms.current else self._forms.next_arithmetic
            assert arithmetic is not None
            try:
                self._forms = _made(self._model, self._forms)
                self._load()
            except ModelError as error:
                trial = replace(self._forms.current or SpeechTrial(arithmetic), failure=error.message)
                self._notes.append(trial.summary())
                self._record(self._forms.with_trial(trial))
            except OSError as error:
                self._notes.append(f"the converted model cannot be written: {error.strerror or one_line(error)}")
                return
        if self._converted is None:
            _remove_forms(self._model)

    def _load(self) -> None:
        """Load what is converted. It is counted before, because a library that crashes takes this process with it."""
        trial = self._forms.current
        if trial is None:
            return
        counted = replace(trial, begun=trial.begun + 1)
        self._record(self._forms.with_trial(counted))
        if counted.verdict is Verdict.REFUSED:
            self._notes.append(counted.summary())
            return
        folder = forms_folder(self._model) / trial.arithmetic
        self._converted = FastTranscriber(self.name, folder, trial.arithmetic, threads=cpu.threads_here())

    def _record(self, forms: SpeechForms) -> None:
        self._forms = forms
        try:
            _write(self._model, forms)
        except OSError as error:
            self._notes.append(f"the trial cannot be written down: {one_line(error)}")


def _made(model: InstalledModel, forms: SpeechForms) -> SpeechForms:
    """Convert the form that is tried next, unless one is there. Raises ``ModelError``; ``OSError`` passes through."""
    arithmetic = forms.current.arithmetic if forms.current else forms.next_arithmetic
    if arithmetic is None or (forms.current and _unchanged(model, forms)):
        return forms
    files = _convert(model, arithmetic)
    forms = replace(forms.with_trial(forms.current or SpeechTrial(arithmetic)), files=files)
    _write(model, forms)
    return forms


def _convert(model: InstalledModel, arithmetic: Arithmetic) -> tuple[FileRecord, ...]:
    """Make a form in a folder of its own and move it into place; what an earlier, killed run left goes."""
    folder = forms_folder(model)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_forms(model)
    work = folder / f"{WORK_PREFIX}{os.getpid()}"
    work.mkdir()
    try:
        convert_whisper(model.folder / model.manifest.weights, work, arithmetic)
        work.rename(folder / arithmetic)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return record_files(folder / arithmetic)


def _remove_forms(model: InstalledModel) -> None:
    folder = forms_folder(model)
    for left in [*folder.glob(f"{WORK_PREFIX}*"), *(folder / arithmetic for arithmetic in Arithmetic)]:
        shutil.rmtree(left, ignore_errors=True)


def _unchanged(model: InstalledModel, forms: SpeechForms) -> bool:
    """Whether the files are those that were made: by their stamps, hashed where those moved."""
    assert forms.current is not None
    try:
        require_recorded(forms_folder(model) / forms.current.arithmetic, forms.files)
    except ModelError:
        return False
    return bool(forms.files)


def _write(model: InstalledModel, forms: SpeechForms) -> None:
    folder = forms_folder(model)
    folder.mkdir(parents=True, exist_ok=True)
    write_toml(folder / MANIFEST, forms)


def _libraries() -> str:
    return ", ".join(f"{name} {metadata.version(name)}" for name in ("ctranslate2", "faster-whisper"))
