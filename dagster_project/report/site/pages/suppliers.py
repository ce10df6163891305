"""The suppliers: how much is bought from whom in the last whole year, and what is known of them.

What does not belong here: single purchases, and anything about persons: a sole trader stands under a pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL

LISTED = 300


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    [count] = reading.rows(
        "select count(*) as total, count(*) filter (where is_sme) as sme, "
        "count(*) filter (where is_regional) as regional, count(*) filter (where is_social_enterprise) as social "
        "from dim_supplier where is_registered"
    )
    rows = reading.rows(
        """
        with bought as (
            select supplier_id, wild_amount as wild, on_contract_amount + over_ceiling_amount as on_contract,
                on_contract_amount + over_ceiling_amount + wild_amount + uncovered_amount + unclassified_amount
                    as amount
            from off_contract_rates
            where period = ? and member_code = ? and category_group = ? and supplier_id <> ?
        ),
        held as (select supplier_id, count(*) as contracts from dim_contract group by supplier_id),
        bids as (
            select supplier_id, count(distinct procurement_id) as bids,
                count(distinct procurement_id) filter (where is_winner) as won
            from fct_bid where supplier_id is not null group by supplier_id
        )
        select dim_supplier.*, bought.amount, bought.on_contract, bought.wild, held.contracts, bids.bids, bids.won
        from dim_supplier left join bought using (supplier_id) left join held using (supplier_id)
            left join bids using (supplier_id)
        order by bought.amount desc nulls last, held.contracts desc nulls last, supplier_name, supplier_id limit ?
        """,
        [reading.default_period, ALL, ALL, ALL, LISTED],
    )
    yield Made(
        "suppliers.html",
        "suppliers.html",
        reading.say("report.menu.suppliers"),
        {
            "count": count,
            "rows": rows,
            "total": reading.one("select count(*) from dim_supplier"),
            "year": reading.formats.period(reading.default_period),
        },
    )


KIND = Kind(
    name="suppliers",
    order=60,
    needs=frozenset({"dim_supplier", "dim_contract", "fct_bid", "off_contract_rates"}),
    make=_make,
    menu="suppliers.html",
)
