"""Excel workbooks (xlsx, xlsm, templates), sheet by sheet, as the values that were last computed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from core.errors import UnreadableError
from core.extract import media_types as mt
from core.extract.compose import Composer
from core.extract.office import properties
from core.extract.passages import cut
from core.extract.text_codec import CUT_NOTE
from core.extract.zipped import MAX_PART_BYTES, MAX_READ_BYTES, open_archive
from core.types import Extraction, Kind, Metadata

MAX_CELLS = 1_000_000


class SheetsExtractor:
    """Workbooks; a passage's page is its sheet, its label the sheet's name."""

    name = "sheets"
    version = 1
    media_types = frozenset((mt.XLSX,))

    def extract(self, path: Path, media_type: str) -> Extraction:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException

        with open_archive(path) as archive:
            parts = archive.sizes(".xml")
            if sum(parts) > 2 * MAX_READ_BYTES or max(parts, default=0) > 4 * MAX_PART_BYTES:
                raise UnreadableError("unpacks to too much to be read")
            metadata = properties(archive)  # openpyxl makes properties up where there are none
        with path.open("rb") as file:
            try:
                workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            except (InvalidFileException, KeyError, ValueError, TypeError, AttributeError) as error:
                raise UnreadableError("damaged: its parts do not fit together") from error
            return _read(workbook, media_type, metadata)


def _read(workbook: Any, media_type: str, metadata: Metadata) -> Extraction:
    composer = Composer()
    cells = 0
    for number, sheet in enumerate(workbook.worksheets, 1):
        composer.begin(page=number, label=sheet.title)
        sheet.reset_dimensions()  # what a sheet states as its size is often a million empty rows
        for row in sheet.iter_rows(values_only=True):
            composer.line("\t".join(_words(value) for value in row).rstrip("\t"))
            cells += len(row)
            if cells > MAX_CELLS or composer.full:
                break
    return Extraction(
        kind=Kind.DOCUMENT,
        media_type=media_type,
        metadata=replace(metadata, pages=len(workbook.sheetnames)),
        passages=cut(composer.sections()),
        note=f"only its first {MAX_CELLS:,} cells are read"
        if cells > MAX_CELLS
        else CUT_NOTE
        if composer.full
        else None,
    )


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.10g}"  # as shown, not 0.30000000000000004
    return " ".join(str(value).split())
