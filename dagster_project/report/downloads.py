"""Where in a release the files lie that a page or the workbook leads to.

What belongs here: names and paths. What does not: writing any of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

REGISTER = "kpi_evidence_register"
LINES = "fct_invoice_line"
INVOICES = "fct_invoice"
PURCHASES = "fct_contract_purchase"
LEDGERS = (LINES, INVOICES)


def workbook_name(period: str) -> str:
    """The workbook of a period, below the reports; without any period there is nothing to name it after."""
    return f"nyckeltal-{period}.xlsx" if period else "nyckeltal.xlsx"


def proposals_name(as_of: date) -> str:
    """The workbook of proposals, below the reports.

    A day is in it, so that the next one does not take the place of one that was delivered.
    """
    return f"leverantorsforslag-{as_of}.xlsx"


def control_list_name(as_of: date) -> str:
    """The internal-control list of coordination that did not come about, below the reports."""
    return f"internkontroll-samordning-{as_of}.xlsx"


def records_file(row: Mapping[str, Any]) -> str:
    """The records of an indicator, a row of `kpi_catalogue`, below the reports."""
    return f"records/{shared_ledger(row) or row['kpi_id']}.csv"


def records_parquet(row: Mapping[str, Any]) -> str:
    """The records of an indicator, whole, below the release's folder."""
    return f"parquet/{_table(row)}.parquet"


def shared_ledger(row: Mapping[str, Any]) -> str | None:
    """The ledger's table whose rows are the records of an indicator; None where they are its own."""
    table = _table(row)
    return table if table in LEDGERS else None


def _table(row: Mapping[str, Any]) -> str:
    """The table that holds an indicator's evidence: the registers', or what its view is over."""
    if not row["has_own_dimensions"]:
        return REGISTER
    if row["basis"] == "savings":
        return PURCHASES
    return INVOICES if row["record_kind"] == "invoice" else LINES
