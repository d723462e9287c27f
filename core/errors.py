"""One exception tree.

``FindlingError`` and what derives from it are expected: each carries a title, a message and, where
there is one, the path it is about, fit to be shown to a person as one line. Anything else that
escapes is our bug. Exceptions of other libraries are converted once, at the boundary where they arise.
"""

from __future__ import annotations

import os
from enum import IntEnum

from core.display import display_path


class ExitCode(IntEnum):
    """What the command line ends with; part of its contract."""

    OK = 0
    NOTHING_FOUND = 1
    USAGE = 2
    INDEX_UNAVAILABLE = 3
    MODEL_MISSING = 4
    DONE_WITH_FAILURES = 5


class Cancelled(Exception):
    """The work was stopped on request; nothing is wrong."""


class FindlingError(Exception):
    """Expected trouble, told in one line."""

    title = "Something went wrong"
    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, path: str | bytes | os.PathLike[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        if self.path is None:
            return self.message
        return f"{display_path(self.path)}: {self.message}"


class UsageError(FindlingError):
    """What was asked for cannot be done as asked."""

    title = "Cannot do that"


class FolderError(UsageError):
    """A folder cannot be added or removed."""

    title = "Folder cannot be used"


class SettingsError(FindlingError):
    """The settings file cannot be read."""

    title = "Settings cannot be read"


class NoRoomError(FindlingError):
    """A disk is full, or so nearly that we stop before it is."""

    title = "Disk is full"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class StorageError(FindlingError):
    """A disk that holds what is ours could not be read or written."""

    title = "Disk cannot be used"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class IndexBusyError(FindlingError):
    """Another process is writing the index."""

    title = "Index is in use"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class WindowBusyError(FindlingError):
    """The window that is open already cannot take over what another one was started with."""

    title = "Findling is open already"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class SpaceMovedError(FindlingError):
    """Search moved to another model while a question was being prepared for the one before. Asked again, it is well."""

    title = "The model changed while this was searched for"


class IndexDamagedError(FindlingError):
    """The index cannot be opened or is not ours."""

    title = "Index cannot be used"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class MigrationError(FindlingError):
    """An index of an older version could not be brought up to date; it is as it was."""

    title = "Index could not be brought up to date"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class IndexPlaceError(FindlingError):
    """The index lies where it cannot be kept safe."""

    title = "Index cannot be kept there"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class ModelMissingError(FindlingError):
    """A model that the request needs is not on this computer."""

    title = "Model is missing"
    exit_code = ExitCode.MODEL_MISSING


class ModelError(FindlingError):
    """A model is there but wrong: cut, altered, or of an unknown form."""

    title = "Model cannot be used"
    exit_code = ExitCode.MODEL_MISSING


class FetchError(ModelError):
    """A model could not be fetched."""

    title = "Model could not be fetched"


class UnreadableError(FindlingError):
    """A file cannot be read; the reason is a person's, not the decoder's."""

    title = "File cannot be read"


class SkippedError(UnreadableError):
    """A file of a kind that is not read: it is found by its name, and says why."""

    title = "File is not read"


class ReaderError(FindlingError):
    """No file can be read: the child that reads them does not start, as after a broken installation."""

    title = "Files cannot be read"
    exit_code = ExitCode.INDEX_UNAVAILABLE


class ChildError(FindlingError):
    """A child process did not answer: it crashed, hung past its deadline or ran out of memory."""

    title = "A helper process failed"
