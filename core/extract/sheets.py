"""Excel workbooks (xlsx, xlsm, templates), sheet by sheet, as the values that were last computed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.office import properties
from core.extract.zipped import MAX_PART_BYTES, MAX_READ_BYTES, open_archive
from core.types import Extraction, Metadata

logger = logging.getLogger(__name__)

MAX_CELLS = 1_000_000
_LONGEST_CELL = 32_767  # characters; Excel takes no more


class SheetsExtractor:
    """Workbooks; a passage's page is its sheet, its label the sheet's name."""

    name = "sheets"
    version = 1
    media_types = frozenset((mt.XLSX,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        import openpyxl

        with open_archive(path) as archive:
            parts = archive.sizes(".xml")
            if sum(parts) > 2 * MAX_READ_BYTES or max(archive.sizes(""), default=0) > 4 * MAX_PART_BYTES:
                raise UnreadableError("unpacks to too much to be read")
            metadata = properties(archive)  # openpyxl makes properties up where there are none
        with path.open("rb") as file:
            try:
                workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            except MemoryError:
                raise
            except Exception as error:  # openpyxl fails in many ways on what is damaged
                raise UnreadableError("damaged: its parts do not fit together") from error
            return _read(workbook, media_type, metadata)


def _read(workbook: Any, media_type: str, metadata: Metadata) -> Extraction:
    composer = Composer()
    cells = damaged = 0
    for number, sheet in enumerate(workbook.worksheets, 1):
        if cells > MAX_CELLS:
            break
        composer.begin(page=number, label=sheet.title)
        try:
            for row in _rows(sheet, MAX_CELLS - cells):
                cells += max(1, len(row))
                composer.line("\t".join(words for value in row if (words := _words(value))))
                if composer.full:
                    break
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - as above, on a single cell: what stood before it is kept
            logger.debug("a sheet is damaged: %s", type(error).__name__)
            damaged += 1
    if damaged and damaged == len(workbook.worksheets) and not composer.sections():
        raise UnreadableError("damaged: none of its sheets can be read")
    metadata = replace(metadata, pages=len(workbook.sheetnames))
    return composer.document(media_type, metadata, _note(cells, damaged))


def _rows(sheet: Any, most_cells: int) -> Iterator[tuple[object, ...]]:
    """A sheet's rows until they come to more than that many cells; an empty row counts as one."""
    sheet.reset_dimensions()  # what a sheet states as its size is often a million empty rows
    for row in sheet.iter_rows(values_only=True):
        yield row
        most_cells -= max(1, len(row))  # a single row can say that it is the two-thousand-millionth
        if most_cells < 0:
            return


def _note(cells: int, damaged: int) -> str | None:
    if damaged:
        return "damaged: some of its sheets can only be read in part"
    if cells > MAX_CELLS:
        return f"only its first {MAX_CELLS:,} cells are read"
    return None


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.10g}"  # as shown, not 0.30000000000000004
    return " ".join(str(value)[:_LONGEST_CELL].split())
