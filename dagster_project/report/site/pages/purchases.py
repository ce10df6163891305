"""The purchases: from all of them down to the wild ones, and where the wild ones are.

What does not belong here: single invoices, which are the indicators' records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagster_project.report.site import charts
from dagster_project.report.site.page import Figures, Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading

CLASSES = ("on_contract", "over_ceiling", "wild", "uncovered", "unclassified", "excluded")
RANKED = 30
LISTED = 100


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    figures = _figures(reading)
    period = reading.default_period
    blank = ("–", "", "0")
    yield Made(
        "purchases.html",
        "purchases.html",
        reading.say("report.menu.purchases"),
        {
            "ladder": [(name, figures.get(ALL, {}).get(period, {}).get(name, blank)) for name in CLASSES],
            "total": figures.get(ALL, {}).get(period, {}).get("total", blank),
            "members": [
                (
                    code,
                    name,
                    figures.get("*", {}).get(period, {}).get(f"m:{code}", blank),
                    _spark(reading, code),
                )
                for code, name in reading.members.items()
                if code != ALL
            ],
            "groups": [
                (code, name, figures.get("*", {}).get(period, {}).get(f"g:{code}", blank))
                for code, name in reading.groups.items()
            ],
            "suppliers": _suppliers(reading, period),
            "lines": _lines(reading, period),
            "ceilings": _ceilings(reading),
        },
        figures=figures,
        blank=blank,
    )


def _figures(reading: Reading) -> Figures:
    """The ladder by member and period; wild purchases by member and by group for each period.

    A cell holds the amount, its share of all purchases (or the wild share within contracted areas), and a width.
    """
    figures: Figures = {}
    wild: dict[tuple[str, str], list[tuple[str, Any, Any]]] = {}
    rows = reading.rows(
        "select * from off_contract_rates where supplier_id = ? order by period, member_code, category_group",
        [ALL],
    )
    for row in rows:
        amounts = [row[f"{name}_amount"] or 0 for name in CLASSES]
        member, group, period = row["member_code"], row["category_group"], row["period"]
        if group == ALL:
            figures.setdefault(member, {})[period] = _ladder(reading, amounts)
        if (member == ALL) != (group == ALL):
            key = f"g:{group}" if member == ALL else f"m:{member}"
            rate = row["off_contract_rate_value"]
            wild.setdefault((period, key[:1]), []).append((key, row["wild_amount"] or 0, rate))
    for (period, _), found in wild.items():
        most = max((abs(amount) for _, amount, _ in found), default=0)
        for key, amount, rate in found:
            figures.setdefault("*", {}).setdefault(period, {})[key] = [
                reading.formats.amount(amount),
                reading.formats.share(rate) if rate is not None else "–",
                f"{abs(amount) / most * 100:.1f}" if most else "0",
            ]
    return figures


def _ladder(reading: Reading, amounts: list[Any]) -> dict[str, list[str]]:
    """The classes' amounts with their shares of the whole; a class of credit notes alone has no width."""
    total, width = sum(amounts), sum(max(amount, 0) for amount in amounts)
    cells = {
        name: [
            reading.formats.amount(amount),
            reading.formats.share(amount / total) if total else "–",
            f"{max(amount, 0) / width * 100:.2f}" if width else "0",
        ]
        for name, amount in zip(CLASSES, amounts, strict=True)
    }
    return cells | {"total": [reading.formats.amount(total), "", "100"]}


def _spark(reading: Reading, member: str) -> str:
    series = reading.series("off_contract_rate_value", member, "quarter")[-12:]
    return charts.spark([figure.actual if figure else None for _, figure in series])


def _suppliers(reading: Reading, period: str) -> list[dict[str, Any]]:
    """The suppliers with the largest wild purchases in the period."""
    return reading.rows(
        """
        select supplier_id, coalesce(any_value(dim_supplier.supplier_name), supplier_id) as name,
            any_value(rates.wild_amount) as amount, any_value(rates.off_contract_rate_value) as rate
        from off_contract_rates as rates left join dim_supplier using (supplier_id)
        where period = ? and member_code = ? and category_group = ? and supplier_id <> ? and wild_amount > 0
        group by supplier_id order by amount desc, supplier_id limit ?
        """,
        [period, ALL, ALL, ALL, RANKED],
    )


def _lines(reading: Reading, period: str) -> list[dict[str, Any]]:
    """Wild purchases by member, category and supplier, and whose contracts were open to the buyer on the day."""
    if not {"fct_invoice_line", "contract_entitlements"} <= reading.tables or period not in reading.periods:
        return []
    found = reading.periods[period]
    return reading.rows(
        """
        with wild as (
            select member_code, category_code, supplier_id, supplier_name, compliance_reason as reason,
                buyer_unit_id, invoice_date, amount_net
            from fct_invoice_line
            where compliance_class = 'wild' and booking_date between ? and ?
        ),
        ranked as (
            select member_code, category_code, supplier_id, any_value(supplier_name order by supplier_name) as name,
                reason, sum(amount_net) as amount, count(*) as lines
            from wild
            group by all order by amount desc, member_code, category_code, supplier_id, reason limit ?
        ),
        bought as (
            select distinct member_code, category_code, supplier_id, reason, buyer_unit_id, invoice_date
            from wild semi join ranked
                on wild.member_code is not distinct from ranked.member_code
                and wild.category_code = ranked.category_code
                and wild.supplier_id = ranked.supplier_id and wild.reason = ranked.reason
        ),
        holders as (
            select bought.member_code, bought.category_code, bought.supplier_id, bought.reason,
                string_agg(distinct coalesce(dim_supplier.supplier_name, held.supplier_id), ', '
                    order by coalesce(dim_supplier.supplier_name, held.supplier_id)) as holders
            from bought
            inner join contract_entitlements as held
                on bought.buyer_unit_id = held.unit_id and bought.category_code = held.category_code
                and bought.invoice_date >= held.valid_from_date
                and bought.invoice_date <= coalesce(held.in_force_until_date, date '9999-12-31')
                and bought.supplier_id <> held.supplier_id
            left join dim_supplier on held.supplier_id = dim_supplier.supplier_id
            group by all
        )
        select ranked.*, coalesce(dim_category.category_name, ranked.category_code) as category, holders.holders
        from ranked
        left join dim_category on ranked.category_code = dim_category.category_code
        left join holders
            on ranked.member_code is not distinct from holders.member_code
            and ranked.category_code = holders.category_code
            and ranked.supplier_id = holders.supplier_id and ranked.reason = holders.reason
        order by amount desc, ranked.member_code, ranked.category_code, ranked.supplier_id, ranked.reason
        """,
        [found.start, found.end, LISTED],
    )


def _ceilings(reading: Reading) -> list[dict[str, Any]]:
    """Contracts with a ceiling and how much of it has been bought, the fullest first."""
    if "ceiling_forecast" not in reading.tables:
        return []
    return reading.rows(
        "select contract_id, title, ceiling_amount as ceiling, used_amount as amount, used_all_share as share "
        "from ceiling_forecast where member_code = ? and ceiling_amount > 0 and used_amount <> 0 "
        "order by share desc, contract_id limit ?",
        [ALL, RANKED],
    )


KIND = Kind(
    name="purchases",
    order=30,
    needs=frozenset({"off_contract_rates", "kpi_values", "dim_supplier", "dim_category"}),
    make=_make,
    menu="purchases.html",
)
