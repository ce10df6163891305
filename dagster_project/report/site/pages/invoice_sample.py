"""The reviewed sample of invoice lines: the wild share with its interval, how good the rule is, and where it erred.

What does not belong here: the rule's own figures (`purchases.py`), and how the estimates are made (docs/sample.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from dagster_project.report.site.page import Kind, Made, Work
from dagster_project.report.site.reading import ALL, Reading

BY_DESIGN, ASSISTED = "design_based", "model_assisted"
STEP = 0.1  # of the axis
LISTED = 200
VERDICTS = ("on_contract", "wild", "uncovered", "excluded")
RULE_CLASSES = ("on_contract", "over_ceiling", "wild", "uncovered", "unclassified")


def _make(work: Work) -> Iterator[Made]:
    reading = work.reading
    rows = reading.rows(
        "select * from invoice_sample_estimate "
        "order by period_end desc, period_start, sample_id desc, member_code <> ?, member_code",
        [ALL],
    )
    wholes = [row for row in rows if row["member_code"] == ALL and row["method"] == BY_DESIGN]
    context: dict[str, Any] = {"shown": None, "wholes": wholes}
    if wholes:
        # The latest estimate; before there is one, the latest sample.
        shown = next((row for row in wholes if row["is_published"]), wholes[0])
        sample_id = shown["sample_id"]
        levels = _levels(reading, [row for row in rows if row["sample_id"] == sample_id])
        context |= {
            "shown": shown,
            "levels": levels,
            "top": _placed(levels),
            "has_estimates": any(level["own"]["wild_share"] is not None for level in levels),
            **_against_the_rule(reading, sample_id),
        }
    yield Made("invoice-sample.html", "invoice_sample.html", reading.say("report.sample"), context)


def _levels(reading: Reading, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole and each member: its estimate by design and with the rule's help."""
    by_method = {(row["member_code"], row["method"]): row for row in rows}
    return [
        {
            "code": code,
            "name": reading.say("report.all_members") if code == ALL else reading.members.get(code, code),
            "own": by_method[code, BY_DESIGN],
            "assisted": by_method[code, ASSISTED],
        }
        for code in dict.fromkeys(row["member_code"] for row in rows)
    ]


def _placed(levels: list[dict[str, Any]]) -> float:
    """Where each estimate and its interval lie on one axis from nothing, as per cent of it; gives the axis's end."""
    highest = max(
        (level[kind]["wild_share_high"] or 0.0 for level in levels for kind in ("own", "assisted")),
        default=0.0,
    )
    top = min(max(math.ceil(highest / STEP - 1e-9) * STEP, STEP), 1.0)
    for level in levels:
        level["rule"] = _per_cent(level["own"]["rule_share"], top)
        for kind in ("own", "assisted"):
            row = level[kind]
            row["at"] = _per_cent(row["wild_share"], top)
            row["from"] = _per_cent(row["wild_share_low"], top)
            if row["wild_share"] is not None:
                row["width"] = f"{float(_per_cent(row['wild_share_high'], top)) - float(row['from']):.1f}"
    return top


def _per_cent(share: float | None, top: float) -> str:
    return "" if share is None else f"{min(max(share / top, 0.0), 1.0) * 100:.1f}"


def _against_the_rule(reading: Reading, sample_id: str) -> dict[str, Any]:
    """How many reviewed lines each class of the rule got of each verdict, and the lines where they differ."""
    counts = {
        (row["rule_class"], row["verdict"]): row["lines"]
        for row in reading.rows(
            "select rule_class, verdict, count(*) as lines from invoice_sample "
            "where sample_id = ? and is_reviewed group by all",
            [sample_id],
        )
    }
    differing = """
        from invoice_sample as sample
        where sample_id = ? and verdict is distinct from
            case when rule_class = 'over_ceiling' then 'on_contract' else rule_class end and is_reviewed
    """
    [total] = reading.rows(f"select count(*) as lines {differing}", [sample_id])
    [changed] = reading.rows(
        "select count(*) filter (where is_changed) as lines from invoice_sample where sample_id = ?",
        [sample_id],
    )
    lines = reading.rows(
        f"select * {differing} "
        f"order by weight * abs(amount_net) desc, buyer_unit_id, fiscal_year, invoice_id, line_no limit {LISTED}",
        [sample_id],
    )
    given = [one for one in VERDICTS if any(counts.get((rule, one)) for rule in RULE_CLASSES)]
    for line in lines:
        line["member"] = reading.members.get(line["member_code"], line["member_code"] or "")
    return {
        "verdicts": given,
        "matrix": [
            (rule, [counts.get((rule, one), 0) for one in given])
            for rule in RULE_CLASSES
            if any(counts.get((rule, one)) for one in given)
        ],
        "lines": lines,
        "differing": total["lines"],
        "changed": changed["lines"],
    }


KIND = Kind(
    name="invoice_sample",
    order=33,
    needs=frozenset({"invoice_sample", "invoice_sample_estimate"}),
    make=_make,
    menu="invoice-sample.html",
    under="purchases",
)
