"""Which marts have a sheet of their own: one entry each, in the order of the sheets.

A new mart gets its sheet by an entry here and its names in `messages/marts_sv.yml`; a release without the mart has no
such sheet. What does not belong here: how a sheet looks (`book.py`) and how its codes read (`words.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from dagster_project.messages.marts import table_heading
from dagster_project.report.site.reading import Reading
from dagster_project.report.workbook.book import Book, Told
from dagster_project.report.workbook.words import columns, worded

LIMIT = 100_000


@dataclass(frozen=True)
class Sheet:
    """A sheet of the rows of `table`, at most `limit`, those first in `order` (SQL; ends with the table's key).

    `columns` are those shown, in this order; all where it is empty. `where` is SQL too, in which `$period`,
    `$period_start` and `$period_end` stand for the workbook's period.
    """

    table: str
    order: str
    columns: tuple[str, ...] = ()
    where: str = "true"
    limit: int = LIMIT


SHEETS = (
    Sheet(
        "kpi_catalogue",
        "position, kpi_id",
        columns=(
            *(
                "name_sv",
                "name_en",
                "objective",
                "definition_sv",
                "definition_en",
                "numerator_sv",
                "numerator_en",
            ),
            *("denominator_sv", "denominator_en", "left_out_sv", "left_out_en", "weakness_sv", "weakness_en"),
            *("unit", "direction", "aggregation", "source_document", "version", "since", "is_live"),
        ),
    ),
    Sheet("kpi_comments", "period, kpi_id, member_code, source_file, source_row"),
    Sheet("kpi_forecast", "kpi_id, period, member_code"),
    Sheet("kpi_reported", "closed_period, kpi_id, period_type, period, member_code, category_group"),
    Sheet(
        "kpi_changes",
        "compared_with, closed_period, kpi_id, period_type, period, member_code, category_group, release_id",
        where="compared_with = 'closed_period' or period_type in ('year', 'quarter')",
    ),
    Sheet("kpi_breaks", "kpi_id, period_type, period, member_code", where="period_type = 'year'"),
    Sheet("kpi_lint", "rule, kpi_id, plan_id"),
    Sheet("published_outcomes", "period, kpi_id, source, source_file, source_row"),
    Sheet(
        "off_contract_rates",
        "wild_amount desc, member_code, category_group, supplier_id",
        where="period = $period",
    ),
    Sheet(
        "spend_cube",
        "amount desc, quarter, member_code, category_code, supplier_id, compliance_class",
        where="cast(year as varchar) = $period",
    ),
    Sheet("supplier_concentration", "year desc, hhi desc, category_group"),
    Sheet(
        "direct_award_watch",
        "fiscal_year desc, margin_amount, uncovered_amount desc, authority_id, category_code",
    ),
    Sheet("environmental_spend", "year desc, emission_kg desc, member_code, category_group"),
    Sheet(
        "contract_calendar", "value_amount desc, event_date, contract_id, event_kind, extension_until_date"
    ),
    Sheet("ceiling_forecast", "used_all_share desc, contract_id, member_code <> 'ALL', member_code"),
    Sheet("supplier_matches", "effect_amount desc, alias_kind, alias, score desc, supplier_id"),
    Sheet("invoice_sample_estimate", "sample_id desc, member_code, method"),
    Sheet("invoice_sample", "sample_id desc, member_code, buyer_unit_id, fiscal_year, invoice_id, line_no"),
    Sheet("coordination_potential", "amount desc, category_code"),
    Sheet(
        "preparedness",
        "members_without_alternative desc, supplier_bought_amount desc, contract_id, supplier_id",
    ),
    Sheet("savings_summary", "member_code, category_group, method", where="period = $period"),
    Sheet(
        "savings_parts",
        "kpi_id, member_code <> 'ALL', member_code, category_group <> 'ALL', category_group, part",
        where="period = $period",
    ),
    Sheet("savings", "completed_date desc, procurement_id, lot_id, method"),
    Sheet("realised_savings", "realised_saving_amount desc, contract_id, period", where="period = $period"),
    Sheet("coordination_benefit", "level desc, year desc, net_amount desc, procurement_id"),
    Sheet("missed_coordination", "completed_date desc, procurement_id"),
    Sheet("coordination_comparison", "year, measure"),
    Sheet("savings_target_footing", "year desc, kpi_id, plan_id"),
    Sheet("lessons_learned", "recorded_date desc, procurement_id"),
    Sheet("lessons_calibration", "year desc"),
    Sheet("environment_levels", "member_code, area, level", where="period = $period"),
    Sheet("dim_contract", "contract_id, supplier_id"),
    Sheet("maturity", "assessment_id, step, perspective, level_rank"),
    Sheet("ambition_graph", "assessment_id, role"),
    Sheet(
        "data_quality_issues",
        "case severity when 'error' then 0 when 'warning' then 1 else 2 end, source, file, sheet, row_number, "
        "column_name, rule, raw_value",
    ),
    Sheet("data_quality_summary", "source, file"),
    Sheet("deliveries_due", "due_date desc, source, unit, period"),
    Sheet("mart_columns", '"table", "column"'),
)


def add_sheets(book: Book, reading: Reading, period: str, back: tuple[str, str]) -> dict[str, str]:
    """Write every sheet that the release has rows for; `back` is a link to the first. Returns its name by table."""
    named = {}
    for sheet in SHEETS:
        if sheet.table not in reading.tables:
            continue
        total, frame = _read(reading, sheet, period)
        if not frame.height:
            continue
        title = table_heading(sheet.table, reading.language)
        frame = worded(reading, frame, sheet.table)
        words = ""
        if frame.height < total:
            words = reading.say(
                "report.listed",
                shown=reading.formats.number(frame.height),
                total=reading.formats.number(total),
            )
        links = [back, (f"{sheet.table}.parquet", f"external:../parquet/{sheet.table}.parquet")]
        named[sheet.table] = book.name_for(title)
        book.table(named[sheet.table], Told(title, words, links), frame, columns(reading, sheet.table, frame))
    return named


def _read(reading: Reading, sheet: Sheet, period: str) -> tuple[int, pl.DataFrame]:
    """How many rows there are, and those that are shown."""
    found = reading.periods.get(period)
    given = {
        "period": period,
        "period_start": found.start if found else None,
        "period_end": found.end if found else None,
    }
    given = {name: value for name, value in given.items() if re.search(rf"\${name}\b", sheet.where)}
    shown = ", ".join(f'"{column}"' for column in sheet.columns) or "*"
    rows = f'from "{sheet.table}" where {sheet.where}'
    frame = reading.frame(f"select {shown} {rows} order by {sheet.order} limit {sheet.limit}", given)
    if frame.height < sheet.limit:
        return frame.height, frame
    return reading.frame(f"select count(*) as total {rows}", given)["total"][0], frame
