"""The log: one set-up for the window, the command line and the children, and what a line may hold.

A line says what was done to which path. It never holds what a file says, what was heard in a recording or what was
searched for. Nobody can promise that of another library's messages, nor of the messages of its exceptions, which like
to quote what they choked on. So of another library's record only its place is kept, and of an exception its type and
its frames; whole are our own messages and the ``FindlingError`` in them, which are written for a person.

A record is one line, whatever a file is called: ``forget`` takes out what names a folder, line by line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterable
from io import FileIO
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from core.config import Folders
from core.display import display_path
from core.errors import FindlingError

_MAX_BYTES = 1_000_000
_ROTATED = 2
_FRAMES = 12  # the innermost; a recursion's thousand would fill the log
_OURS = ("core", "desktop")
OPEN, CLOSE = "\u2039", "\u203a"  # around every path
_MARKS_ESCAPED = {ord(OPEN): "\\u2039", ord(CLOSE): "\\u203a"}
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class PrivateFormatter(logging.Formatter):
    """One line a record, with nothing in it that a file, a recording or a query says."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        line = _FORMAT % {
            "asctime": self.formatTime(record),
            "levelname": record.levelname,
            "name": record.name,
            "message": _message(record),
        }
        error = record.exc_info[1] if record.exc_info else None
        return one_line(line if error is None else f"{line}: {told(error)}")


class PrivateFile(RotatingFileHandler):
    """A log that its owner alone can read, also once it was rotated."""

    def __init__(self, path: Path) -> None:
        # Names that are not UTF-8 reach us with surrogates, which no encoding carries.
        super().__init__(path, maxBytes=_MAX_BYTES, backupCount=_ROTATED, encoding="utf-8", errors="backslashreplace")
        self._complained = False
        self.setFormatter(PrivateFormatter())

    def _open(self) -> TextIO:  # type: ignore[override]
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        if os.name == "posix":
            os.fchmod(descriptor, 0o600)  # one that was made before, or under another umask
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def close(self) -> None:
        """Close it; what could not be written any more, on a full disk, is lost."""
        try:
            super().close()
        except OSError as error:
            if not self._complained:
                _complain(Path(self.baseFilename), error)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once that the log cannot be written. The standard library would print the message and its arguments."""
        if self._complained:
            return
        self._complained = True
        _complain(Path(self.baseFilename), sys.exc_info()[1])


def log_to_file(folders: Folders, name: str, level: int = logging.INFO) -> logging.Handler:
    """Append to ``NAME.log`` in the logs' folder from now on; ``stop_logging_to`` ends it.

    Where that cannot be written the error stream says so, and the program goes on without a log.
    """
    path = folders.logs / f"{name}.log"
    handler: logging.Handler
    try:
        folders.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = PrivateFile(path)
    except OSError as error:
        _complain(path, error)
        handler = logging.NullHandler()
    handler.setLevel(level)
    _attach(handler)
    return handler


def log_to_stream(stream: TextIO) -> logging.Handler:
    """Write everything to a terminal's stream, down to debug."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrivateFormatter())
    handler.setLevel(logging.DEBUG)
    _attach(handler)
    return handler


def log_nowhere() -> None:
    """Let nothing reach the error stream by itself, as Python does with warnings that no handler takes."""
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def stop_logging_to(handler: logging.Handler) -> None:
    logging.getLogger().removeHandler(handler)
    handler.close()


def told(error: BaseException) -> str:
    """An exception as far as it may be told: its type and where it arose, and the message of one of ours.

    The same of what it was raised from. The message of another library's may quote the file or the query.
    """
    said = [_described(error)]
    seen = {id(error)}
    while (cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        if id(cause) in seen:
            break
        seen.add(id(cause))
        said.append(_described(cause))
        error = cause
    return "; from ".join(said)


def origin(error: BaseException) -> str:
    """An exception's type and where it arose, such as ``KeyError at tags.py:31``."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def one_line(text: str) -> str:
    """Text in which nothing ends a line, moves the cursor or hides: such characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def log_files(folders: Folders) -> list[Path]:
    """Every log there is, rotated ones after the file they came from."""
    return sorted(path for path in folders.logs.glob("*.log*") if path.is_file() and not path.is_symlink())


def forget(folders: Folders, prefix: bytes) -> int:
    """Take out of every log the lines that name ``prefix`` or anything below it; how many went.

    A process that has the file open goes on writing to it. ``OSError`` passes through.
    """
    pattern = _naming(prefix)
    gone = 0
    for path in log_files(folders):
        # In place, because another process appends to this file and would go on writing to a renamed one.
        with path.open("r+b", buffering=0) as stream:
            lines = stream.read().splitlines(keepends=True)
            kept = [line for line in lines if not pattern.search(line.decode("utf-8", "replace"))]
            if len(kept) == len(lines):
                continue
            gone += len(lines) - len(kept)
            try:
                _write_over(stream, b"".join(kept))
            except OSError:  # as on a full disk that writes elsewhere what is changed: rather no log than such lines
                stream.truncate(0)
            os.fsync(stream.fileno())
    return gone


def _write_over(stream: FileIO, data: bytes) -> None:
    stream.seek(0)
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]
    stream.truncate()


def written_forms(path: bytes) -> set[str]:
    """Every way in which a log line may write a path: as it is, escaped, shown, or in an exception's quotes."""
    text = os.fsdecode(path)
    forms = {text, display_path(path), repr(text)[1:-1], repr(path)[2:-1]}
    return {_unmarked(one_line(form)).encode("utf-8", "backslashreplace").decode("utf-8") for form in forms}


def _naming(prefix: bytes) -> re.Pattern[str]:
    separators = b"/\\" if os.name == "nt" else b"/"
    forms = sorted(written_forms(prefix.rstrip(separators) or prefix), key=len, reverse=True)
    # /a/Photos is not in a line about /a/Photos2; where it is unsure, the line goes.
    return re.compile(f"(?:{'|'.join(re.escape(form) for form in forms)})" + r"(?:$|(?<=[/\\])|(?![\w-]))")


def _complain(path: Path, error: BaseException | None) -> None:
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    if sys.stderr is not None:  # as in a window on Windows
        sys.stderr.write(f"findling: the log {one_line(display_path(path))} cannot be written: {reason}\n")


def _attach(handler: logging.Handler) -> None:
    handler.addFilter(_worth_a_line)
    logging.getLogger().addHandler(handler)
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.setLevel(min(handler.level, logger.getEffectiveLevel()))


def _worth_a_line(record: logging.LogRecord) -> bool:
    return _is_ours(record.name) or record.levelno >= logging.WARNING


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _OURS


def _message(record: logging.LogRecord) -> str:
    if not _is_ours(record.name):
        return f"at {record.module}:{record.lineno}"
    if isinstance(record.args, tuple):
        record = logging.makeLogRecord({**record.__dict__, "args": tuple(_argument(one) for one in record.args)})
    return record.getMessage()


def _argument(value: object) -> object:
    if isinstance(value, BaseException):
        return _short(value)
    if isinstance(value, (str, bytes, os.PathLike)):
        text = os.fsdecode(value)
        return _path(text) if Path(text).is_absolute() else _unmarked(text)
    return value


def _short(error: BaseException) -> str:
    if isinstance(error, FindlingError):
        message = _unmarked(error.message)
        return message if error.path is None else f"{_path(error.path)}: {message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{_path(error.filename)}: {error.strerror}"
    return type(error).__name__


def _described(error: BaseException) -> str:
    frames: Iterable[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    kind = type(error).__name__
    said = _short(error)
    described = kind if said == kind else f"{kind} {said}"
    return f"{described} [{places}]" if places else described


def _path(value: object) -> str:
    """A path between marks that occur nowhere else, so that an export finds its end whatever it is called."""
    text = os.fsdecode(value) if isinstance(value, (str, bytes, os.PathLike)) else str(value)
    return _Marked(f"{OPEN}{_unmarked(one_line(text))}{CLOSE}")


class _Marked(str):
    """A path in its marks; ``%r`` does not escape it again."""

    def __repr__(self) -> str:
        return str(self)


def _unmarked(text: str) -> str:
    return text.translate(_MARKS_ESCAPED)
