"""Where purchases without a contract come near the direct-award threshold, or pass it.

What does not belong here: wild purchases, which had a contract to be made on (`purchases.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work

LISTED = 300
YEARS = 3
NEAR = 0.5  # of the threshold: from here it is listed as near


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    years = reading.rows(
        f"""
        select fiscal_year as year, max(threshold_amount) as threshold, count(*) as watched,
            count(*) filter (where is_over_threshold) as over,
            count(*) filter (where not is_over_threshold and uncovered_amount >= {NEAR} * threshold_amount) as near,
            sum(uncovered_amount) as amount,
            coalesce(sum(uncovered_amount) filter (where is_over_threshold), 0) as over_amount
        from direct_award_watch group by fiscal_year order by fiscal_year desc limit {YEARS}
        """
    )
    rows = reading.rows(
        """
        select direct_award_watch.*, coalesce(category_name, category_code) as category,
            cast(uncovered_amount / nullif(threshold_amount, 0) as double) as used
        from direct_award_watch left join dim_category using (category_code)
        where fiscal_year >= ?
        order by fiscal_year desc, used desc nulls last, uncovered_amount desc, authority_id, category_code limit ?
        """,
        [min((row["year"] for row in years), default=0), LISTED],
    )
    for row in rows:
        used = row["used"]
        row["width"] = f"{min(max(used or 0, 0), 1) * 100:.1f}"
        row["state"] = (
            "unknown"
            if used is None
            else "over"
            if row["is_over_threshold"]
            else "near"
            if used >= NEAR
            else "under"
        )
    yield Made(
        "direct-awards.html",
        "direct_award_watch.html",
        reading.say("report.direct_awards"),
        {
            "years": years,
            "rows": rows,
            "total": reading.one("select count(*) from direct_award_watch"),
        },
    )


KIND = Kind(
    name="direct_award_watch",
    order=32,
    needs=frozenset({"direct_award_watch", "dim_category"}),
    make=_make,
    menu="direct-awards.html",
    under="purchases",
)
