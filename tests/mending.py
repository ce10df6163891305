"""Mends correction workbooks as a person would: opens them, changes yellow cells, saves them among the deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from dagster_project.settings import Workspace

YELLOW = "FFFFE699"
Mend = Callable[[dict[str, object]], Mapping[str, object] | None]
"""Cells of a row by heading → the cells to change; None to leave the row out."""


def workbooks(workspace: Workspace) -> list[Path]:
    """The workbooks that lie ready."""
    return sorted((workspace.quarantine / "rattas").glob("*.xlsx"))


def rows_of(path: Path) -> tuple[Worksheet, int, dict[str, int]]:
    """The sheet, the number of its heading row, and the place of each heading."""
    sheet = openpyxl.load_workbook(path).active
    assert isinstance(sheet, Worksheet)
    [head] = [row for row in sheet.iter_rows() if row[0].value == "Vad är fel"]
    return sheet, head[0].row, {str(cell.value): cell.column for cell in head}


def read(path: Path) -> list[dict[str, object]]:
    """The rows by heading."""
    sheet, head, places = rows_of(path)
    return [
        {heading: sheet.cell(row, at).value for heading, at in places.items()}
        for row in range(head + 1, sheet.max_row + 1)
    ]


def marked(path: Path) -> list[set[str]]:
    """The headings of each row's yellow cells."""
    sheet, head, places = rows_of(path)
    return [
        {heading for heading, at in places.items() if sheet.cell(row, at).fill.fgColor.rgb == YELLOW}
        for row in range(head + 1, sheet.max_row + 1)
    ]


def mend(workspace: Workspace, path: Path, change: Mend) -> Path:
    """Deliver a workbook with its rows changed; gives where it lies now."""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    _, head, places = rows_of(path)
    for row in range(sheet.max_row, head, -1):
        cells = {heading: sheet.cell(row, at).value for heading, at in places.items()}
        changed = change(cells)
        if changed is None:
            sheet.delete_rows(row)
            continue
        for heading, value in changed.items():
            sheet.cell(row, places[heading]).value = value  # type: ignore[assignment]
    source = path.stem.split("-")[-2]
    target = workspace.raw / source / path.name
    book.save(target)
    return target
