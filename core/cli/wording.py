"""What a person reads: sizes, places, hits and reports as plain text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from core.display import display_path, display_text
from core.models.specs import Trial
from core.types import (
    Check,
    Failure,
    Filling,
    Hit,
    IndexReport,
    Locator,
    ModelInfo,
    ModelRole,
    RootStatus,
    SegmentHit,
    Status,
)
from core.wording import forgotten_line, plural

if TYPE_CHECKING:
    from core.store.forget import Remembered

_TOLD = 10  # places that are named; a whole disk may hold hundreds
_WAITS_FOR = {ModelRole.TEXT: "a text model", ModelRole.PHOTO: "a photo model", ModelRole.SPEECH: "a speech model"}


def printable(text: str) -> str:
    """``text`` on one line, fit for a terminal: contents, as names, are not ours and may hold escape sequences."""
    return display_text(text)


def file_size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def clock(seconds: float) -> str:
    """A moment in a recording: ``0:12``, ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def place(locator: Locator) -> str:
    """Where in its file a segment is, in a few words; empty for the whole file."""
    parts = []
    if locator.page is not None:
        parts.append(f"p. {locator.page}")
    if locator.start_s is not None:
        parts.append(clock(locator.start_s))
    if locator.label:
        parts.append(printable(locator.label))
    return ", ".join(parts)


def marked(segment: SegmentHit) -> Text:
    """The snippet with its matched words in bold."""
    text = Text(printable(segment.snippet))
    for start, end in segment.marks:
        text.stylize("bold", start, end)
    return text


def hit_lines(rank: int, hit: Hit) -> list[Text]:
    """One hit for a terminal: rank, name and place, then where it is, what it says and why it is here."""
    head = Text(f"{rank:>3}  ", style="dim").append(printable(hit.name), style="bold not dim")
    details = [place(hit.best.locator), hit.kind.value, hit.day.isoformat() if hit.day else ""]
    details += ["weak" if hit.gated else "", "away" if hit.offline else ""]
    head.append("  " + " \u00b7 ".join(detail for detail in details if detail), style="not dim cyan")
    lines = [head, Text(f"     {printable(str(Path(hit.display_path).parent))}", style="dim")]
    if hit.best.snippet:
        lines.append(Text("     ").append_text(marked(hit.best)))
    why = ", ".join(f"{why.channel.value} #{why.rank}" for why in hit.best.why)
    elsewhere = [place(segment.locator) for segment in hit.more[:5]]
    also = "; also " + ", ".join(found for found in elsewhere if found) if any(elsewhere) else ""
    lines.append(Text(f"     {hit.score:.2f}  {why}{also}", style="dim"))
    return lines


def hit_line(hit: Hit) -> str:
    """One hit for a pipe: path, place (with ``away`` for a file on a drive that is not there) and snippet."""
    where = ", ".join(part for part in (place(hit.best.locator), "away" if hit.offline else "") if part)
    return "\t".join((printable(hit.display_path), where, printable(hit.best.snippet)))


def waiting_lines(waiting: dict[ModelRole, int]) -> list[str]:
    return [
        f"{plural(count, 'file')} {'waits' if count == 1 else 'wait'} for {_WAITS_FOR[role]}: see findling models list"
        for role, count in waiting.items()
        if count
    ]


def filling_lines(fillings: dict[ModelRole, Filling]) -> list[str]:
    """How far other models are: "new photo model: 120 of 4,300 files; search stays on ViT-B-32 until it has all"."""
    return [f"new {role.value} model: {of_files(one)}; {_meanwhile(one)}" for role, one in fillings.items()]


def of_files(filling: Filling) -> str:
    return f"{filling.done:,} of {plural(filling.total, 'file')}"


def _meanwhile(filling: Filling) -> str:
    if filling.role is ModelRole.SPEECH:
        return "each recording keeps the words it has until it is heard again"
    return f"search stays on {filling.searched} until it has all"


def used_line(name: str, filling: Filling | None) -> str:
    """What it means that a model was chosen."""
    if filling is None:
        return f"{name} is in use from now on"
    left = plural(filling.total - filling.done, "file")
    if filling.role is ModelRole.SPEECH:
        return f"{name} is in use from now on: it hears {left} again, which keep the words they have until then"
    return f"{name} is in use from now on: search stays on {filling.searched} until all {left} are done"


def report_lines(report: IndexReport) -> list[str]:
    counts = [(report.indexed, "indexed"), (report.unchanged, "unchanged")]
    counts += [(count, word) for count, word in ((report.failed, "failed"), (report.skipped, "known by name")) if count]
    parts = ", ".join(f"{count:,} {word}" for count, word in counts)
    lines = [f"{plural(report.files, 'file')}: {parts}, in {report.seconds:.1f} s"]
    if report.cancelled:
        lines.insert(0, "Stopped; what is done stays, and the next run goes on from here.")
    lines += waiting_lines(report.waiting)
    if report.failed:
        lines.append("findling failures lists what could not be read, and why")
    return lines


def status_lines(status: Status) -> list[str]:
    kinds = ", ".join(f"{count:,} {kind.value}" for kind, count in status.by_kind.items() if count)
    lines = [
        f"{plural(status.files, 'file')} in {plural(status.roots, 'folder')}" + (f" ({kinds})" if kinds else ""),
        f"{plural(status.segments, 'segment')}, {plural(status.vectors, 'vector')}, {file_size(status.index_bytes)}",
    ]
    if status.pending:
        lines.append(f"{plural(status.pending, 'file')} to do")
    lines += filling_lines(status.filling)
    lines += waiting_lines(status.waiting)
    if status.missing:
        lines.append(f"{plural(status.missing, 'file')} missing: findling roots says where, and what to do")
    if status.failed or status.skipped:
        lines.append(f"{status.failed:,} failed, {status.skipped:,} known by name only: see findling failures")
    lines.append(f"being indexed by {status.indexing}" if status.indexing else "nothing is being indexed")
    return lines


def root_lines(status: RootStatus) -> list[str]:
    """A folder with its counts, and below it why its changes are not noticed at once, if so."""
    parts = [plural(status.files, "file")]
    parts += ["away"] if status.root.offline else []
    for count, word in ((status.pending, "to do"), (status.waiting, "waiting for a model"), (status.failed, "failed")):
        parts += [f"{count:,} {word}"] if count else []
    line = f"{printable(status.root.display)}\t{', '.join(parts)}"
    asked = withheld_line(status.root.path, status.missing, status.files) if status.missing else None
    return [line, *(f"\t{printable(remark)}" for remark in (status.watch_note, asked) if remark)]


def withheld_line(path: bytes, missing: int, files: int) -> str:
    """That a folder misses very many files, and what to do about it."""
    folder = display_path(path)
    return (
        f"{folder}: {missing:,} of {plural(files, 'file')} are missing and stay in the index; "
        f'if they were deleted on purpose: findling index "{folder}" --yes'
    )


def overlooked_lines(report: IndexReport) -> list[str]:
    """Which folders are away, and what in the others could not be looked into."""
    lines = [
        f"{display_path(path)} is away or empty; its files stay in the index (emptied on purpose: findling index "
        f'"{display_path(path)}" --yes; given up: findling remove "{display_path(path)}")'
        for path in report.away
    ]
    told = report.unreadable[:_TOLD]
    lines += [f"{display_path(path)}: {reason}; what the index knows of it stays" for path, reason in told]
    more = len(report.unreadable) - len(told)
    return lines + (
        [f"{more:,} more places could not be looked into: findling --verbose index names them"] if more else []
    )


def failure_line(failure: Failure) -> str:
    return f"{display_path(failure.path)}\t{'by name only: ' if failure.skipped else ''}{printable(failure.reason)}"


def check_line(check: Check) -> str:
    return f"{'ok    ' if check.ok else 'WRONG '} {check.name}: {printable(check.detail)}"


def forgotten_lines(path: Path, about: Remembered) -> list[str]:
    """What was forgotten, and what still names it."""
    lines = [forgotten_line(path, about)]
    lines += [
        f"the pattern that keeps it out of {display_path(root)} names it: see findling exclude"
        for root in about.excluded_from
    ]
    return lines


def model_line(model: ModelInfo) -> str:
    if model.active:
        state = "in use"
    elif model.searched:
        state = "in use for search"
    else:
        state = "installed" if model.installed else "not here"
    demo = ", demo" if model.demo else ""
    backend = f", runs on {model.backend}" if model.backend else ""
    filling = f", filling ({of_files(model.filling)})" if model.filling else ""
    return (
        f"{model.name:<44} {model.role.value:<7} {state:<17} {file_size(model.size_bytes):>9}  "
        f"{model.languages}, {model.licence}{demo}{backend}{filling}"
    )


def trial_line(trial: Trial) -> str:
    """One back-end of a model: how fast, how near to float32, and what came of it."""
    rate = "-" if trial.rate is None else f"{trial.rate:.1f}/s"
    cosine = "-" if trial.cosine is None else f"{trial.cosine:.5f}"
    overlap = "-" if trial.overlap is None else f"{trial.overlap:.1%}"
    verdict = "kept" if trial.kept else "passed" if trial.passed else "not kept"
    note = f" ({printable(trial.note)})" if trial.note else ""
    return f"{trial.tower.value:<9} {trial.backend.value:<19} {rate:>10} {cosine:>9} {overlap:>8}  {verdict}{note}"


TRIAL_HEADING = f"{'tower':<9} {'back-end':<19} {'rate':>10} {'cosine':>9} {'top ten':>8}"
