"""The command line without an engine: what it parses, prints and ends with."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from core.cli import main, shapes, wording
from core.cli.app import parse_day, verbose_first
from core.cli.models import prepare_now
from core.cli.progress import index_bar, stoppable
from core.cli.session import INTERNAL_ERROR, INTERRUPTED, guarded
from core.errors import (
    Cancelled,
    ChildError,
    ExitCode,
    FolderError,
    IndexBusyError,
    ModelError,
    ModelMissingError,
    NoRoomError,
)
from core.types import (
    Channel,
    Failure,
    Hit,
    IndexReport,
    Kind,
    Locator,
    ModelRole,
    PauseReason,
    Progress,
    Query,
    SearchResult,
    SegmentHit,
    SegmentKind,
    Status,
    Why,
)

SPOKEN = SegmentHit(
    SegmentKind.SPEECH,
    Locator(start_s=12.4, end_s=15.0),
    "we took the old boat out",
    ((16, 20),),
    0.91234567,
    (Why(Channel.TRANSCRIPT, 1, 7.123456), Why(Channel.TRANSCRIPT_DENSE, 3, 0.71)),
)
READ = SegmentHit(SegmentKind.PASSAGE, Locator(page=3), "a boat", ((2, 6),), 0.5, (Why(Channel.FULL_TEXT, 2, 4.0),))
LATIN_1 = b"/home/me/caf\xe9/log.mp3"


def hit(path: bytes = LATIN_1, **fields: object) -> Hit:
    return Hit(1, path, Kind.AUDIO, SPOKEN, (READ,), **fields)  # type: ignore[arg-type]


def result(*hits: Hit, **fields: object) -> SearchResult:
    return SearchResult(Query("boat"), hits, fields.pop("hidden", 0), 12.345, **fields)  # type: ignore[arg-type]


# --- JSON


def test_search_json_keeps_its_contract() -> None:
    shape = json.loads(shapes.dumps(shapes.search_shape(result(hit()))))
    assert shape == {
        "query": "boat",
        "took_ms": 12.3,
        "hits": [
            {
                "path": "/home/me/caf\udce9/log.mp3",
                "kind": "audio",
                "score": 0.9123,
                "locator": {"start_s": 12.4, "end_s": 15.0},
                "snippet": "we took the old boat out",
                "why": [
                    {"channel": "transcript", "rank": 1, "score": 7.1235},
                    {"channel": "transcript-dense", "rank": 3, "score": 0.71},
                ],
                "more": [
                    {
                        "score": 0.5,
                        "locator": {"page": 3},
                        "snippet": "a boat",
                        "why": [{"channel": "full-text", "rank": 2, "score": 4.0}],
                    }
                ],
            }
        ],
    }


def test_search_json_tells_weak_and_absent_files_and_notes() -> None:
    shape = shapes.search_shape(result(hit(gated=True, offline=True), notes=("photos wait for a model",)))
    assert shape["hits"][0]["gated"] is True
    assert shape["hits"][0]["offline"] is True
    assert shape["notes"] == ["photos wait for a model"]


def test_a_hit_on_the_whole_file_has_no_locator() -> None:
    named = SegmentHit(None, Locator(), "", (), 0.4, (Why(Channel.NAME, 1, 2.0),))
    assert shapes.segment_shape(named)["locator"] is None


def test_index_json_keeps_its_contract() -> None:
    report = IndexReport(12, 8, 1, 2, 1, {ModelRole.PHOTO: 3}, 40, 1.23456)
    assert shapes.report_shape(report) == {
        "files": 12,
        "indexed": 8,
        "unchanged": 1,
        "waiting": {"photo-model": 3},
        "failed": 2,
        "skipped": 1,
        "encoded": 40,
        "seconds": 1.235,
    }
    assert shapes.report_shape(IndexReport(0, 0, 0, 0, 0, {}, 0, 0.0, cancelled=True))["cancelled"] is True
    overlooked = replace(report, away=(b"/drive",), unreadable=((b"/home/closed", "no permission to look into it"),))
    assert shapes.report_shape(overlooked)["away"] == ["/drive"]
    assert shapes.report_shape(overlooked)["unreadable"] == [
        {"path": "/home/closed", "reason": "no permission to look into it"}
    ]


def test_folders_that_were_overlooked_are_told_and_not_all_by_name() -> None:
    closed = tuple((b"/home/%d" % number, "no permission to look into it") for number in range(30))
    report = IndexReport(0, 0, 0, 0, 0, {}, 0, 0.0, away=(b"/drive",), unreadable=closed)
    lines = wording.overlooked_lines(report)
    assert lines[0].startswith("/drive is away or empty")
    assert 'findling index "/drive" --yes' in lines[0] and 'findling remove "/drive"' in lines[0]
    assert lines[1] == "/home/0: no permission to look into it; what the index knows of it stays"
    assert len(lines) == 12 and lines[-1].startswith("20 more places")


def test_failures_json_keeps_its_contract() -> None:
    failed = Failure(LATIN_1, Kind.AUDIO, "cut short", 2)
    skipped = Failure(b"/a/old.doc", Kind.DOCUMENT, "not read yet", 1, skipped=True)
    assert json.loads(shapes.dumps(shapes.failures_shape([failed, skipped]))) == {
        "failures": [
            {"path": "/home/me/caf\udce9/log.mp3", "kind": "audio", "reason": "cut short", "attempts": 2},
            {"path": "/a/old.doc", "kind": "document", "reason": "not read yet", "attempts": 1, "skipped": True},
        ]
    }


@pytest.mark.skipif(sys.platform == "win32", reason="file names are UTF-16 there")
@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_path_comes_back_from_json_as_the_same_bytes(name: bytes) -> None:
    text = shapes.dumps(shapes.failures_shape([Failure(name, Kind.OTHER, "", 1)]))
    assert text.isascii()
    assert os.fsencode(json.loads(text)["failures"][0]["path"]) == name


# --- words


@given(st.text())
def test_what_is_printed_is_one_line_of_harmless_characters_of_the_same_length(text: str) -> None:
    printed = wording.printable(text)
    assert len(printed) == len(text)
    assert "\n" not in printed and "\x1b" not in printed and "\u202e" not in printed
    assert {unicodedata.category(character) for character in printed}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert all(ours == theirs for ours, theirs in zip(printed, text, strict=True) if theirs.isprintable())
    printed.encode("utf-8")


def test_a_hit_for_a_pipe_is_one_line_of_three_fields() -> None:
    line = wording.hit_line(hit(b"/a/tab\tand\nline\x1b[31m.mp3"))
    assert line == "/a/tab and line\ufffd[31m.mp3\t0:12\twe took the old boat out"


def test_a_hit_for_a_terminal_says_what_where_and_why() -> None:
    head, folder, snippet, why = wording.hit_lines(2, hit(day=date(2023, 6, 21), gated=True))
    assert head.plain == "  2  log.mp3  0:12 \u00b7 audio \u00b7 2023-06-21 \u00b7 weak"
    assert folder.plain.strip() == str(Path("/home/me/caf\ufffd"))
    assert snippet.plain.strip() == "we took the old boat out"
    bold = next(span for span in snippet.spans if span.style == "bold")
    assert snippet.plain[bold.start : bold.end] == "boat"
    assert why.plain.strip() == "0.91  transcript #1, transcript-dense #3; also p. 3"


@pytest.mark.parametrize(
    ("locator", "place"),
    [
        (Locator(), ""),
        (Locator(offset=400), ""),
        (Locator(page=3), "p. 3"),
        (Locator(page=2, label="Costs\x07"), "p. 2, Costs\ufffd"),
        (Locator(start_s=12.9, end_s=15.0), "0:12"),
        (Locator(start_s=3723.0), "1:02:03"),
    ],
)
def test_a_place_in_a_few_words(locator: Locator, place: str) -> None:
    assert wording.place(locator) == place


def test_a_report_says_what_was_done_and_what_waits() -> None:
    report = IndexReport(1204, 1180, 20, 3, 1, {ModelRole.PHOTO: 310, ModelRole.SPEECH: 1}, 5000, 12.34)
    assert wording.report_lines(report) == [
        "1,204 files: 1,180 indexed, 20 unchanged, 3 failed, 1 known by name, in 12.3 s",
        "310 files wait for a photo model: see findling models list",
        "1 file waits for a speech model: see findling models list",
        "findling failures lists what could not be read, and why",
    ]
    stopped = IndexReport(3, 3, 0, 0, 0, {}, 0, 1.0, cancelled=True)
    assert wording.report_lines(stopped)[0].startswith("Stopped")


def test_a_status_names_who_indexes() -> None:
    status = Status(1, 2, {Kind.PHOTO: 2}, 2, 2, 0, {}, 0, 0, 2_500_000, "findling watch (process 4711)")
    assert wording.status_lines(status) == [
        "2 files in 1 folder (2 photo)",
        "2 segments, 2 vectors, 2 MB",
        "being indexed by findling watch (process 4711)",
    ]


# --- arguments


@pytest.mark.parametrize(
    ("text", "day"),
    [("2023", date(2023, 1, 1)), ("2023-06", date(2023, 6, 1)), ("2023-06-21", date(2023, 6, 21))],
)
def test_days_months_and_years(text: str, day: date) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize("text", ["", "23", "2023-13", "2023-02-30", "2023-1-1-1", "yesterday", "2023-", "-2023"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a date"):
        parse_day(text)


def test_verbose_may_stand_anywhere_before_the_dashes() -> None:
    assert verbose_first(["search", "boat", "--verbose"]) == (["--verbose", "search", "boat"], True)
    assert verbose_first(["search", "--", "--verbose"]) == (["search", "--", "--verbose"], False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["serch", "boat"],
        ["search"],
        ["search", "  "],
        ["search", "a", "b"],
        ["search", "boat", "--kind", "spreadsheet"],
        ["search", "boat", "--after", "soon"],
        ["search", "boat", "-n", "0"],
        ["add"],
        ["remove", "a", "b"],
        ["index", "--fast"],
        ["models"],
        ["models", "fetch"],
        ["models", "prepare"],
    ],
)
def test_usage_errors_are_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("findling: ") and said.err.count("\n") == 1


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == "findling 0.1.0\n"
    assert main(["--help"]) == ExitCode.OK
    helped = capsys.readouterr().out
    for command in ("add", "remove", "roots", "index", "watch", "search", "similar", "status", "failures", "doctor"):
        assert f"  {command} " in helped


# --- endings


def raising(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FolderError("there is no such folder", path="/x"), ExitCode.USAGE, "findling: /x: there is no such folder\n"),
        (IndexBusyError("written by process 4711"), ExitCode.INDEX_UNAVAILABLE, "findling: written by process 4711\n"),
        (ModelMissingError("no photo model"), ExitCode.MODEL_MISSING, "findling: no photo model\n"),
        (FolderError("odd\nname\x1b[2J"), ExitCode.USAGE, "findling: odd name\ufffd[2J\n"),
        (KeyboardInterrupt(), INTERRUPTED, "findling: stopped\n"),
        (
            ZeroDivisionError("by zero"),
            INTERNAL_ERROR,
            "findling: internal error: ZeroDivisionError at test_cli.py:{line}; run with --verbose\n",
        ),
    ],
)
def test_every_error_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: raising(error), verbose=False) == code
    raised_at = raising.__code__.co_firstlineno + 1
    assert capsys.readouterr().err == line.replace("{line}", str(raised_at))


def test_verbose_shows_where_a_bug_is(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(lambda: raising(ZeroDivisionError("by zero")), verbose=True)
    said = capsys.readouterr().err
    assert "ZeroDivisionError [" in said and " raising]" in said
    assert "by zero" not in said


class Unprepared:
    """An engine whose model cannot be prepared."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def prepare_model(self, *_arguments: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error", [ModelError("no OpenVINO"), ChildError("no answer within 600 s"), NoRoomError("full"), Cancelled()]
)
def test_what_was_fetched_or_indexed_is_done_also_where_preparing_fails(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_now(Unprepared(error), "eyes")  # type: ignore[arg-type]
    said = str(error) or "stopped"
    assert capsys.readouterr().err == f"findling: eyes runs as it came ({said}): findling models prepare eyes\n"


def test_every_reason_to_wait_has_words() -> None:
    shown = {}
    for reason in PauseReason:
        screen = io.StringIO()
        with index_bar(Console(file=screen, force_terminal=True, width=100)) as on_progress:
            assert on_progress is not None
            on_progress(Progress(None, 1, 2, None, 0.0, None, 0, paused=reason))
        shown[reason] = screen.getvalue()
    assert "choosing how a model runs fastest here" in shown[PauseReason.PREPARING]
    assert len(set(shown.values())) == len(PauseReason)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_cancel_instead_of_breaking(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with stoppable() as stop:
        signal.raise_signal(number)
        assert stop.token.cancelled
        assert stop.exit_code == code
    assert signal.getsignal(number) is before


def test_a_second_interrupt_breaks_off() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end in another way there")
def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    code = (
        "import sys; from core.cli.session import guarded, say; "
        "sys.exit(guarded(lambda: say('x' * 10**7), verbose=False))"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
