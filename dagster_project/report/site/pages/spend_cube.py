"""The spend cube: what is bought of what, by member and period, and the largest cells with supplier and class.

What does not belong here: whether a contract covered it (`purchases.py`), and the whole cube, which is a table for
analysts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site.page import Figures, Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading

LISTED = 400
BLANK = ("–", "", "0", "–", "–")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    figures = _figures(reading)
    period = reading.default_period
    chosen = figures.get(ALL, {}).get(period, {})
    yield Made(
        "spend-cube.html",
        "spend_cube.html",
        reading.say("report.spend_cube"),
        {
            "total": chosen.get("total", BLANK),
            "groups": [
                (
                    (f"g:{group}", name, chosen.get(f"g:{group}", BLANK)),
                    [(f"c:{code}", label, chosen.get(f"c:{code}", BLANK)) for code, label in categories],
                )
                for group, name, categories in _categories(reading)
            ],
            "unknown": chosen.get("c:", BLANK),
            "cells": _cells(reading),
            "count": reading.one("select count(*) from spend_cube where compliance_class <> 'excluded'"),
            "blank": BLANK,
        },
        figures=figures,
        blank=BLANK,
        period_types=("year", "quarter"),
    )


def _categories(reading: Reading) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The groups with the categories that anything was bought of."""
    rows = reading.rows(
        "select distinct category_group as group, category_code as code, "
        "coalesce(category_name, category_code) as name "
        "from spend_cube join dim_category using (category_code) "
        "where compliance_class <> 'excluded' and category_group is not null order by all"
    )
    return [
        (group, name, [(row["code"], row["name"]) for row in rows if row["group"] == group])
        for group, name in reading.groups.items()
        if any(row["group"] == group for row in rows)
    ]


def _figures(reading: Reading) -> Figures:
    """By member, period and group (`g:`), category (`c:`, empty where unknown) or `total`.

    A cell holds the amount, its share of all purchases of the member and period, a width, and the amounts that were
    wild and uncovered.
    """
    rows = reading.rows(
        """
        with summed as (
            select cast(year as varchar) as year, quarter, coalesce(member_code, '') as member_code, category_group,
                coalesce(category_code, '') as category_code, compliance_class, sum(amount) as amount
            from spend_cube where compliance_class <> 'excluded' group by all
        ),
        purchases as (select * exclude (year, quarter), unnest([year, quarter]) as period from summed)
        select period, member_code, category_group, category_code,
            case when grouping(category_code) = 0 then 'c:' || category_code
                when grouping(category_group) = 0 then 'g:' || category_group else 'total' end as place,
            coalesce(member_code, ?) as member, sum(amount) as amount,
            sum(amount) filter (where compliance_class = 'wild') as wild,
            sum(amount) filter (where compliance_class = 'uncovered') as uncovered
        from purchases
        group by grouping sets (
            (period), (period, member_code), (period, category_group), (period, member_code, category_group),
            (period, category_code), (period, member_code, category_code)
        )
        having place is not null and member <> ''
        order by period, member, place
        """,
        [ALL],
    )
    totals = {(row["member"], row["period"]): row["amount"] for row in rows if row["place"] == "total"}
    figures: Figures = {}
    for row in rows:
        total = totals[row["member"], row["period"]]
        share = row["amount"] / total if total else None
        figures.setdefault(row["member"], {}).setdefault(row["period"], {})[row["place"]] = [
            reading.formats.amount(row["amount"]),
            reading.formats.share(share) if share is not None else "",
            f"{min(max(share or 0, 0), 1) * 100:.1f}",
            _amount(reading, row["wild"]),
            _amount(reading, row["uncovered"]),
        ]
    return figures


def _amount(reading: Reading, amount: Any) -> str:
    return "–" if amount is None else reading.formats.amount(amount)


def _cells(reading: Reading) -> list[dict[str, Any]]:
    """The largest cells of the cube."""
    return reading.rows(
        """
        with largest as (
            select * from spend_cube where compliance_class <> 'excluded'
            order by amount desc, quarter, member_code, category_code, supplier_id, compliance_class limit ?
        )
        select largest.*, coalesce(category_name, largest.category_code) as category,
            coalesce(supplier_name, largest.supplier_id) as supplier,
            make_date(year, 3 * cast(quarter[-1] as int) - 2, 1) as start
        from largest left join dim_category using (category_code) left join dim_supplier using (supplier_id)
        order by amount desc, quarter, member_code, category_code, supplier_id, compliance_class
        """,
        [LISTED],
    )


KIND = Kind(
    name="spend_cube",
    order=31,
    needs=frozenset({"spend_cube", "dim_category", "dim_supplier", "dim_period"}),
    make=_make,
    menu="spend-cube.html",
    under="purchases",
)
