"""Where in a release the files lie that a page or the workbook leads to.

What belongs here: names and paths. What does not: writing any of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REGISTER = "kpi_evidence_register"
LINES = "fct_invoice_line"
INVOICES = "fct_invoice"


def workbook_name(period: str) -> str:
    """The workbook of a period, below the reports; without any period there is nothing to name it after."""
    return f"nyckeltal-{period}.xlsx" if period else "nyckeltal.xlsx"


def records_file(row: Mapping[str, Any]) -> str:
    """The records of an indicator, a row of `kpi_catalogue`, below the reports."""
    return f"records/{ledger_of(row) or row['kpi_id']}.csv"


def records_parquet(row: Mapping[str, Any]) -> str:
    """The records of an indicator, whole, below the release's folder."""
    return f"parquet/{ledger_of(row) or REGISTER}.parquet"


def ledger_of(row: Mapping[str, Any]) -> str | None:
    """The table that holds the records of a ledger's indicator; None for the registers'."""
    if not row["has_own_dimensions"]:
        return None
    return INVOICES if row["record_kind"] == "invoice" else LINES
