"""The workbook of proposals: who may be meant by a name, bankgiro or number, for a controller to say yes or no to.

It is a delivery of `supplier_aliases` to be: saved in that folder, its rows count where they are confirmed. What does
not belong here: finding proposals and what they would change (the mart `supplier_matches`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from dagster_project.contracts import load_contracts
from dagster_project.report.downloads import proposals_name
from dagster_project.report.site.reading import Reading
from dagster_project.settings import Settings

SOURCE: Final = "supplier_aliases"
TABLE: Final = "supplier_matches"
MOST_ALIASES: Final = 5_000
HEADING_ROW: Final = 3
YES_NO: Final = ("ja", "nej")
# What stands beside the source's own columns, in this order: a key of the catalogue's words, and the width.
EVIDENCE: Final = (
    ("name", 30), ("method", 22), ("factoring", 14), ("group", 16), ("invoices", 10), ("amount", 14), ("members", 20),
    ("contracts", 24), ("effect", 14), ("on_contract", 14), ("wild", 14), ("uncovered", 14), ("others", 40),
)  # fmt: skip


def write_proposals(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Write the proposals of the release in `database` into `folder`, one row per alias; no file where there is none.

    The supplier in a row is the most alike of those proposed, and may be typed over. The same tables, settings and
    as-of date give the same bytes.
    """
    reading = Reading.open(database, settings, as_of)
    with closing(reading.con):
        if TABLE not in reading.tables:
            return
        rows = reading.rows(
            "select *, max(effect_amount) over (partition by alias_kind, alias) as most from supplier_matches "
            "order by most desc, alias_kind, alias, score desc, effect_amount desc, supplier_id"
        )
        aliases = [list(same) for _, same in groupby(rows, key=lambda row: (row["alias_kind"], row["alias"]))]
        if aliases:
            folder.mkdir(parents=True, exist_ok=True)
            _write(reading, folder / proposals_name(as_of), aliases[:MOST_ALIASES])


def _write(reading: Reading, path: Path, aliases: Sequence[Sequence[dict[str, Any]]]) -> None:
    # A release without proposals need not load the library.
    import xlsxwriter

    source = load_contracts()[SOURCE]
    kinds = {code: words[0] if words else code for code, words in source.column("alias_kind").values.items()}
    own = ("alias_kind", "alias", "supplier_id", "confirmed", "likeness")
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        title = reading.say("proposals.title")
        book.set_properties({"title": title, "created": datetime.combine(reading.as_of, time())})
        formats = {
            "text": book.add_format({"num_format": "@", "quote_prefix": True}),
            "answer": book.add_format({"num_format": "@", "bg_color": "#FFF2CC", "border": 1}),
            "score": book.add_format({"num_format": "0.00"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
            "count": book.add_format({"num_format": "#,##0"}),
        }
        heading = book.add_format(
            {"bold": True, "bg_color": "#1F4E79", "font_color": "#FFFFFF", "text_wrap": True}
        )
        beside = book.add_format({"bold": True, "bg_color": "#D9D9D9", "text_wrap": True})
        sheet = book.add_worksheet(source.name_sv[:31])
        sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, reading.say("proposals.how", source=SOURCE))
        for at, (name, width) in enumerate(zip(own, (16, 34, 22, 12, 9), strict=True)):
            sheet.set_column(at, at, width)
            sheet.write_string(HEADING_ROW, at, source.column(name).label_sv, heading)
        for at, (name, width) in enumerate(EVIDENCE, start=len(own)):
            sheet.set_column(at, at, width)
            sheet.write_string(HEADING_ROW, at, reading.say(f"proposals.evidence.{name}"), beside)
        sheet.freeze_panes(HEADING_ROW + 1, 2)
        last = HEADING_ROW + len(aliases)
        sheet.autofilter(HEADING_ROW, 0, last, len(own) + len(EVIDENCE) - 1)
        answers = own.index("confirmed")
        sheet.data_validation(
            HEADING_ROW + 1, answers, last, answers, {"validate": "list", "source": list(YES_NO)}
        )
        for line, (row, *others) in enumerate(aliases, start=HEADING_ROW + 1):
            sheet.write_string(line, 0, kinds[row["alias_kind"]], formats["text"])
            sheet.write_string(line, 1, row["alias"], formats["text"])
            sheet.write_string(line, 2, row["supplier_id"], formats["text"])
            sheet.write_blank(line, 3, None, formats["answer"])
            sheet.write_number(line, 4, row["score"], formats["score"])
            for at, (dress, value) in enumerate(_evidence(reading, row, others), start=len(own)):
                if isinstance(value, str):
                    sheet.write_string(line, at, value, formats[dress])
                elif value is not None:
                    sheet.write_number(line, at, float(value), formats[dress])


def _evidence(
    reading: Reading, row: dict[str, Any], others: Sequence[dict[str, Any]]
) -> list[tuple[str, Any]]:
    """What a person needs to decide, in the order of EVIDENCE."""
    members = (row["member_codes"] or "").split(", ")
    return [
        ("text", row["supplier_name"] or ""),
        ("text", reading.code("match_method", row["method"])),
        ("text", reading.say("proposals.factoring") if row["is_factoring"] else ""),
        ("text", row["group_parent_id"] or ""),
        ("count", row["invoices"]),
        ("money", row["amount"]),
        ("text", ", ".join(reading.members.get(code, code) for code in members)),
        ("text", row["contract_ids"] or ""),
        ("money", row["effect_amount"]),
        ("money", row["on_contract_change_amount"]),
        ("money", row["wild_change_amount"]),
        ("money", row["uncovered_change_amount"]),
        ("text", "; ".join(_other(reading, one) for one in others)),
    ]


def _other(reading: Reading, row: dict[str, Any]) -> str:
    name = f" {row['supplier_name']}" if row["supplier_name"] else ""
    return f"{row['supplier_id']}{name} ({reading.formats.number(row['score'], 2)})"
