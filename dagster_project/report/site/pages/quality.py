"""Data quality: what became of every delivery's rows, every problem with its row, and what the checks say.

What does not belong here: what a problem means for a figure; coverage stands beside the figure.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work

LISTED = 500
COUNTS = ("rows_read", "rows_accepted", "rows_quarantined", "rows_repeated", "rows_skipped", "warnings")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    total = reading.one("select count(*) from data_quality_issues")
    yield Made(
        "quality.html",
        "quality.html",
        reading.say("report.menu.quality"),
        {
            "counts": COUNTS,
            "deliveries": reading.rows("select * from data_quality_summary order by source, file"),
            "issues": reading.rows(
                "select * from data_quality_issues order by case severity when 'error' then 0 when 'warning' then 1 "
                f"else 2 end, source, file, sheet, row_number, column_name, rule, raw_value limit {LISTED}"
            ),
            "total": total,
            "open_errors": reading.one(
                "select count(*) from (select distinct source, file, sheet, row_number from data_quality_issues "
                "where severity = 'error' and is_open and row_number is not null)"
            ),
            "rules": reading.rows(
                "select severity, source, rule, count(*) as problems from data_quality_issues group by all "
                "order by problems desc, severity, source, rule limit 50"
            ),
            "due": reading.rows("select * from deliveries_due order by due_date desc, source, unit, period"),
            "failed": reading.rows(
                "select * from validation_results where not success order by blocking desc, suite, name"
            ),
            "checks": reading.one("select count(*) from validation_results"),
        },
    )


KIND = Kind(
    name="quality",
    order=70,
    needs=frozenset({"data_quality_summary", "data_quality_issues", "deliveries_due", "validation_results"}),
    make=_make,
    menu="quality.html",
)
