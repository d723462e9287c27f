"""``findling models prepare``: try every back-end that this machine has, keep the fastest that passes the gate.

The work is done in a child of its own, one request for each step: a back-end that crashes the child costs itself, and a
cancel falls between two steps. What is kept is put together in a work folder and moved into place in one step, so that
a run that is killed leaves what was there before.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from core import cpu
from core.cancel import CancelToken
from core.child import Child, ChildDied, Serve
from core.config import Settings
from core.errors import ChildError, ModelError, ModelMissingError, NoRoomError, UsageError
from core.models.catalogue import Catalogue, shipped_catalogue
from core.models.failures import one_line
from core.models.fidelity import MAX_SAMPLE, MIN_SAMPLE, choose, passes
from core.models.install import replace_folder, work_folder
from core.models.installed import InstalledModel, active_model, find_installed
from core.models.messages import (
    CompileAhead,
    Compiled,
    Judge,
    Judged,
    ModelRef,
    R,
    Request,
    Survey,
    Surveyed,
    Tried,
    Try,
    pack,
    unpack_reply,
)
from core.models.model_child import DEADLINE_S
from core.models.prepared import (
    TOKENISER,
    VERSION,
    Prepared,
    machine_id,
    openvino_version,
    prepared_folder,
    read_prepared,
    write_prepared,
)
from core.models.runtime import ahead_of
from core.models.sample import SAMPLE_FILE, SampleFiles
from core.models.specs import Backend, Tower, Trial
from core.models.worker import serve_models
from core.room import FULL, disk_trouble, require
from core.types import ModelRole

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int, str], None]  # steps done, steps in all, what is being done

PROBE_S = 1.0
NICENESS = 10  # as for speech: nobody waits for it
_GRAPHS = 1.25  # times the weights: all towers in float32 and the larger one in int8, until one of them is chosen
_LIKELY_WORDS = 12  # the beginning of a passage stands for what a person might type


@dataclass(frozen=True)
class Sample:
    """What the back-ends are tried on: the user's own files, at most ``MAX_SAMPLE`` of each kind are looked at."""

    pictures: Sequence[bytes] = ()  # JPEG previews of 512 px
    passages: Sequence[str] = ()
    texts: Sequence[str] = ()  # everyday queries, to fill up with


class _Bench:
    """The child in which a model is tried, started again after a crash."""

    def __init__(
        self, model: InstalledModel, work: Path, serve: Serve, cancel: CancelToken | None, threads: int | None = None
    ) -> None:
        self._ref = ModelRef.of(model)
        self._work = os.fsencode(work)
        self._cancel = cancel
        self._child = Child("prepare", serve, niceness=NICENESS, threads=threads or cpu.cores())

    def survey(self) -> Surveyed:
        return self._ask(Survey(self._ref, self._work), Surveyed)

    def timed(self, trial: Trial, seconds: float) -> Trial:
        """The trial with its rate, or with why it has none."""
        try:
            tried = self._ask(Try(self._ref, self._work, trial.tower, trial.backend, seconds), Tried)
        except (ModelError, ChildError) as error:
            logger.info("%s cannot run the %s: %s", trial.backend, trial.tower, error)
            return replace(trial, note=one_line(error))
        return replace(trial, rate=tried.rate)

    def judged(self, trial: Trial) -> Trial:
        """The trial with what the gate says of it."""
        if trial.backend is Backend.TORCH_FP32:
            return replace(trial, cosine=1.0, overlap=1.0, passed=True, note="the reference")
        try:
            judged = self._ask(Judge(self._ref, self._work, trial.tower, trial.backend), Judged).fidelity
        except (ModelError, ChildError) as error:
            logger.info("%s cannot encode the %s: %s", trial.backend, trial.tower, error)
            return replace(trial, note=one_line(error))
        note = "too few files of your own for the gate" if judged.overlap is None else ""
        passed = passes(trial.backend, judged)
        return replace(trial, cosine=judged.cosine, overlap=judged.overlap, passed=passed, note=note)

    def compile_ahead(self, tower: Tower, backend: Backend) -> None:
        """Queries load the tower sooner; where that fails, they load it later."""
        try:
            self._ask(CompileAhead(self._ref, self._work, tower, backend), Compiled)
        except (ModelError, ChildError) as error:
            logger.info("%s for the %s is not compiled ahead: %s", backend, tower, error)

    def close(self) -> None:
        self._child.close()

    def _ask(self, request: Request, reply: type[R]) -> R:
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        try:
            return unpack_reply(self._child.call(pack(request), DEADLINE_S, self._cancel), reply)
        except ChildDied as error:
            raise ModelError(f"it crashed ({error})") from error


def prepare_model(
    settings: Settings,
    name: str,
    sample: Sample,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
    *,
    seconds: float = PROBE_S,
    threads: int | None = None,
    catalogue: Catalogue | None = None,
    serve: Serve = serve_models,
) -> Prepared:
    """Convert a model, time its back-ends, and keep the fastest of each tower that passes the gate.

    Each is timed for about ``seconds``. The fastest is judged first, and slower ones no longer once one has passed.
    All cores work, or ``threads``. ``sample`` is looked at up to ``MAX_SAMPLE``. Raises ``UsageError`` for an unknown
    name and for a speech model, ``ModelMissingError`` when it is not on this computer, ``ModelError`` when it cannot
    be loaded or written, ``NoRoomError`` where its graphs do not fit, ``Cancelled``; what was prepared before stays
    then.
    """
    model = _model(settings, name, catalogue)
    try:
        with work_folder(settings, f"{name}.prepared") as work:
            shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
            weights_bytes = (model.folder / model.manifest.weights).stat().st_size
            require(settings.folders.models, int(_GRAPHS * weights_bytes), f'preparing "{name}"')
            trying, kept = work / "trying", work / "kept"
            trying.mkdir(parents=True)
            kept.mkdir()
            surveyed, trials = _try_all(
                _Bench(model, trying, serve, cancel, threads), sample, trying, seconds, on_progress
            )
            prepared = _put_together(model, sample, surveyed, trials, trying, kept)
            folder = prepared_folder(settings, model)
            folder.parent.mkdir(exist_ok=True, mode=0o700)
            replace_folder(kept, folder)
            _remove_others(folder, model.name)
    except NoRoomError as error:
        if error.path is not None:
            raise
        # The child met it.
        raise NoRoomError(f'"{name}" could not be prepared: {error.message}', path=settings.folders.models) from error
    except OSError as error:
        if error.errno in FULL:
            raise disk_trouble(error, settings.folders.models, f'"{name}" could not be prepared') from error
        raise ModelError(f'"{name}" could not be prepared: {one_line(error)}') from error
    logger.info("prepared %s in %s", name, folder)
    return prepared


def worth_preparing(settings: Settings, roles: Iterable[ModelRole], catalogue: Catalogue | None = None) -> list[str]:
    """Of these roles, the models in use that were not prepared for this machine, or on too small a sample to judge."""
    names = []
    for role in roles:
        model = active_model(settings, role, catalogue)
        if model is None:
            continue
        prepared = read_prepared(prepared_folder(settings, model), model)
        if prepared is None or prepared.sample < MIN_SAMPLE:
            names.append(model.name)
    return names


def probe_backends(
    model: InstalledModel,
    sample: Sample,
    work: Path,
    *,
    seconds: float = PROBE_S,
    on_progress: OnProgress | None = None,
    cancel: CancelToken | None = None,
    serve: Serve = serve_models,
) -> tuple[Trial, ...]:
    """Time and judge every back-end of a model, kept or not; nothing is installed. For benchmarks.

    ``work`` is an empty folder, to be deleted by the caller. The trials that would be kept are marked. Raises as
    ``prepare_model`` does.
    """
    bench = _Bench(model, work, serve, cancel)
    try:
        steps, _ = _survey(bench, sample, work)
        judged = []
        for done, trial in enumerate(steps):
            if on_progress is not None:
                on_progress(done, len(steps), f"{trial.tower}: {trial.backend}")
            timed = bench.timed(trial, seconds)
            judged.append(timed if timed.rate is None else bench.judged(timed))
    finally:
        bench.close()
    return choose(judged)


def _try_all(
    bench: _Bench, sample: Sample, work: Path, seconds: float, on_progress: OnProgress | None
) -> tuple[Surveyed, tuple[Trial, ...]]:
    tell = on_progress or (lambda done, total, what: None)
    try:
        tell(0, 1, "taking the model apart")
        trials, surveyed = _survey(bench, sample, work)
        trials = [trial for trial in trials if _worth_trying(trial, sample)]
        total = 2 * len(trials) + 1
        timed = []
        for done, trial in enumerate(trials, 1):
            tell(done, total, f"timing {trial.backend} for {trial.tower}")
            timed.append(bench.timed(trial, seconds))
        judged: list[Trial] = []
        for tower in surveyed.backends:
            judged += _judge_from_the_fastest(
                bench, [trial for trial in timed if trial.tower is tower], lambda what: tell(len(trials), total, what)
            )
        tell(total, total, "putting it in place")
        chosen = choose(judged)
        for tower in surveyed.backends:
            graph = _graph_of(tower, chosen)
            if graph is not None and tower is not Tower.PICTURES:
                bench.compile_ahead(tower, graph)
        return surveyed, chosen
    finally:
        bench.close()


def _worth_trying(trial: Trial, sample: Sample) -> bool:
    """A photo model's words are queries, few and short: nothing is gained by less than float32 there.

    Nor can a reduced form be kept for pictures while there are too few of the user's own to judge it by.
    """
    in_float32 = trial.backend in (Backend.TORCH_FP32, Backend.OPENVINO_FP32)
    match trial.tower:
        case Tower.WORDS:
            return in_float32
        case Tower.PICTURES:
            return in_float32 or len(sample.pictures) >= MIN_SAMPLE
        case Tower.PASSAGES:
            return True


def _survey(bench: _Bench, sample: Sample, work: Path) -> tuple[list[Trial], Surveyed]:
    files = _sample_files(sample)
    (work / SAMPLE_FILE).write_bytes(msgspec.msgpack.encode(files))
    surveyed = bench.survey()
    return [Trial(tower, backend) for tower, backends in surveyed.backends.items() for backend in backends], surveyed


def _judge_from_the_fastest(bench: _Bench, trials: list[Trial], tell: Callable[[str], None]) -> list[Trial]:
    """Judged until one has passed, and on to OpenVINO's float32 for texts: queries are encoded without torch."""
    judged = []
    has_fast = has_graph = False
    for trial in sorted(trials, key=lambda trial: -(trial.rate or 0)):
        graph_wanted = trial.tower is not Tower.PICTURES and not has_graph and trial.backend is Backend.OPENVINO_FP32
        if trial.rate is None or (has_fast and not graph_wanted):
            judged.append(replace(trial, note=trial.note or "slower than what is kept"))
            continue
        tell(f"comparing {trial.backend} for {trial.tower}")
        seen = bench.judged(trial)
        judged.append(seen)
        has_fast = has_fast or seen.passed
        has_graph = has_graph or (seen.passed and seen.backend.on_openvino)
    return judged


def _put_together(
    model: InstalledModel, sample: Sample, surveyed: Surveyed, trials: tuple[Trial, ...], trying: Path, kept: Path
) -> Prepared:
    for tower in surveyed.backends:
        graph = _graph_of(tower, trials)
        if graph is not None:
            path = trying / graph.graph_of(tower)
            for part in (path, path.with_suffix(".bin"), ahead_of(path)):
                if part.exists():
                    part.rename(kept / part.name)
    if surveyed.tokeniser is not None:
        (trying / TOKENISER).rename(kept / TOKENISER)
    own = sample.pictures if model.role is ModelRole.PHOTO else sample.passages
    prepared = Prepared(
        VERSION,
        model.name,
        model.weights_id,
        openvino_version(),
        machine_id(),
        min(len(own), MAX_SAMPLE),
        trials,
        (),
        surveyed.tokeniser,
        surveyed.pictures,
    )
    return write_prepared(kept, prepared)


def _graph_of(tower: Tower, trials: Iterable[Trial]) -> Backend | None:
    """What is kept, if it runs a graph; else, for a text tower's queries, the float32 graph."""
    mine = [trial for trial in trials if trial.tower is tower and trial.passed]
    graph = next((trial.backend for trial in mine if trial.kept and trial.backend.on_openvino), None)
    if graph is None and tower is not Tower.PICTURES:
        graph = next((trial.backend for trial in mine if trial.backend is Backend.OPENVINO_FP32), None)
    return graph


def _sample_files(sample: Sample) -> SampleFiles:
    """Of each kind as many as are looked at, filled up with everyday texts where there are few."""
    passages = list(sample.passages[:MAX_SAMPLE])
    beginnings = [" ".join(text.split()[:_LIKELY_WORDS]) for text in passages]
    words = [*sample.texts, *beginnings][:MAX_SAMPLE]
    if len(passages) < MIN_SAMPLE:
        passages = [*passages, *sample.texts][: max(MIN_SAMPLE, len(sample.texts))]
    return SampleFiles([bytes(jpeg) for jpeg in sample.pictures[:MAX_SAMPLE]], passages, words)


def _model(settings: Settings, name: str, catalogue: Catalogue | None) -> InstalledModel:
    model = find_installed(settings, name, catalogue)
    if model is None:
        (catalogue or shipped_catalogue()).get(name)
        raise ModelMissingError(f'"{name}" is not on this computer; "findling models fetch {name}" gets it')
    if model.role is ModelRole.SPEECH:
        raise UsageError(f'"{name}" is prepared by itself, on the first recordings that it hears')
    return model


def _remove_others(folder: Path, name: str) -> None:
    """What was prepared from other weights of the same model is of no use any more."""
    for other in folder.parent.iterdir():
        if other != folder and other.name.rpartition("-")[0] == name:
            shutil.rmtree(other, ignore_errors=True)
