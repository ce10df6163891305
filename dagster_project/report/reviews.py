"""The review workbooks of a sample: one per member, for its economists to judge the drawn lines in.

Each is a delivery of `invoice_reviews` to be: saved in that folder, the rows with a verdict count and those that are
still marked as not reviewed wait. What does not belong here: the draw (flow/sampling.py), the estimates (the models).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from dagster_project.contracts import load_contracts
from dagster_project.flow.sampling import KEYS, Drawn
from dagster_project.messages import message
from dagster_project.settings import Settings

SOURCE: Final = "invoice_reviews"
NOT_REVIEWED: Final = "not_reviewed"
HEADING_ROW: Final = 3
OWN: Final = (
    ("sample_id", 14), ("buyer_unit_id", 14), ("fiscal_year", 10), ("invoice_id", 18), ("line_no", 8),
    ("verdict", 18), ("reviewer", 16), ("comment", 30),
)  # fmt: skip
# What stands beside the source's own columns: what a reviewer needs to see, without the rule's own answer.
BESIDE: Final = (
    ("supplier", 30), ("supplier_id", 15), ("category", 26), ("account", 10), ("invoice_date", 12),
    ("booking_date", 12), ("amount", 14), ("contracts", 50),
)  # fmt: skip
_SEEN: Final = """
    with covering as (
        select drawn.buyer_unit_id, drawn.fiscal_year, drawn.invoice_id, drawn.line_no,
            string_agg(distinct holding.contract_id || ' ' || coalesce(dim_supplier.supplier_name, holding.supplier_id),
                '; ' order by holding.contract_id || ' ' || coalesce(dim_supplier.supplier_name, holding.supplier_id)
            ) as contracts
        from drawn
        inner join fct_invoice_line as lines using (buyer_unit_id, fiscal_year, invoice_id, line_no)
        inner join contract_entitlements as holding
            on lines.buyer_unit_id = holding.unit_id and lines.category_code = holding.category_code
                and lines.invoice_date >= holding.valid_from_date
                and lines.invoice_date <= coalesce(holding.in_force_until_date, date '9999-12-31')
        left join dim_supplier on holding.supplier_id = dim_supplier.supplier_id
        group by all
    )
    select drawn.sample_id, drawn.buyer_unit_id, drawn.fiscal_year, drawn.invoice_id, drawn.line_no,
        drawn.member_code, coalesce(lines.supplier_name, dim_supplier.supplier_name) as supplier,
        lines.supplier_id, coalesce(dim_category.category_name, lines.category_code) as category,
        cast(lines.account as varchar) as account, cast(lines.invoice_date as varchar) as invoice_date,
        cast(lines.booking_date as varchar) as booking_date, drawn.amount_net as amount, covering.contracts
    from drawn
    inner join fct_invoice_line as lines using (buyer_unit_id, fiscal_year, invoice_id, line_no)
    left join covering using (buyer_unit_id, fiscal_year, invoice_id, line_no)
    left join dim_supplier on lines.supplier_id = dim_supplier.supplier_id
    left join dim_category on lines.category_code = dim_category.category_code
    order by drawn.member_code, drawn.buyer_unit_id, drawn.fiscal_year, drawn.invoice_id, drawn.line_no
"""


def write_reviews(drawn: Drawn, settings: Settings) -> list[Path]:
    """Write a workbook per member beside the sample's record; the files, by member.

    Read from the release that the sample was drawn from. The rule's class is left out: the reviewer is to judge alone.
    """
    with duckdb.connect(str(drawn.database), read_only=True) as con:
        con.register("drawn", drawn.lines.to_arrow())
        lines = con.sql(_SEEN).pl()
    paths = []
    for (member,), mine in lines.group_by("member_code", maintain_order=True):
        path = drawn.folder / f"granskning-{drawn.sample_id}-{_plain(str(member))}.xlsx"
        _write(path, drawn.sample_id, mine, settings)
        paths.append(path)
    return paths


def _plain(member: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in member) or "0"


def _write(path: Path, sample_id: str, lines: pl.DataFrame, settings: Settings) -> None:
    import xlsxwriter

    source = load_contracts()[SOURCE]
    words = {code: spoken[0] for code, spoken in source.column("verdict").values.items()}
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        title = message("reviews.title", settings.language, sample=sample_id)
        book.set_properties({"title": title, "created": datetime(2000, 1, 1)})
        text = book.add_format({"num_format": "@", "quote_prefix": True})
        whole = book.add_format({"num_format": "0"})
        money = book.add_format({"num_format": "#,##0.00"})
        answer = book.add_format({"num_format": "@", "bg_color": "#FFF2CC", "border": 1})
        heading = book.add_format(
            {"bold": True, "bg_color": "#1F4E79", "font_color": "#FFFFFF", "text_wrap": True}
        )
        beside = book.add_format({"bold": True, "bg_color": "#D9D9D9", "text_wrap": True})
        sheet = book.add_worksheet(source.name_sv[:31])
        sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, message("reviews.how", settings.language, source=SOURCE))
        for at, (name, width) in enumerate(OWN):
            sheet.set_column(at, at, width)
            sheet.write_string(HEADING_ROW, at, source.column(name).label_sv, heading)
        for at, (name, width) in enumerate(BESIDE, start=len(OWN)):
            sheet.set_column(at, at, width)
            sheet.write_string(HEADING_ROW, at, message(f"reviews.{name}", settings.language), beside)
        last = HEADING_ROW + len(lines)
        verdict = [name for name, _ in OWN].index("verdict")
        sheet.freeze_panes(HEADING_ROW + 1, verdict + 1)
        sheet.autofilter(HEADING_ROW, 0, last, len(OWN) + len(BESIDE) - 1)
        sheet.data_validation(
            HEADING_ROW + 1, verdict, last, verdict, {"validate": "list", "source": list(words.values())}
        )
        for at_row, row in enumerate(lines.iter_rows(named=True), start=HEADING_ROW + 1):
            for at, name in enumerate(("sample_id", *KEYS)):
                _cell(sheet, at_row, at, row[name], text if isinstance(row[name], str) else whole)
            sheet.write_string(at_row, verdict, words[NOT_REVIEWED], answer)
            for at in range(verdict + 1, len(OWN)):
                sheet.write_blank(at_row, at, None, answer)
            for at, (name, _) in enumerate(BESIDE, start=len(OWN)):
                _cell(sheet, at_row, at, row[name], money if name == "amount" else text)


def _cell(sheet: Any, row: int, column: int, value: Any, dress: Any) -> None:
    """A text as text, so that no code loses its zeros; a number as a number; nothing where nothing is known."""
    if isinstance(value, str):
        sheet.write_string(row, column, value, dress)
    elif value is not None:
        sheet.write_number(row, column, float(value), dress)
