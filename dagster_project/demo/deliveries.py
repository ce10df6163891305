"""Which file bears which row, in which form, and what should become of it there.

What belongs here: the split of a world into deliveries, repeats, corrections and summing rows, with the fate
of every row. What does not: how text is spelled (`files.py`), what is wrong with a faulty row (`faults.py`),
the bulk of the ledger (`vouchers.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

from dagster_project.contracts import load_contracts
from dagster_project.demo.facts import KEYS, World, key_of
from dagster_project.demo.faults import Faults
from dagster_project.demo.files import Form, write_register

ACCEPTED, QUARANTINED, REPEATED, SUPERSEDED, SKIPPED = (
    "accepted",
    "quarantined",
    "repeated",
    "superseded",
    "skipped",
)


@dataclass(slots=True)
class Counts:
    """What should become of a file's rows. A superseded row is a repeated one."""

    rows: Counter[str] = field(default_factory=Counter)

    def as_row(self, source: str, file: str) -> tuple[object, ...]:
        """A row of `files.csv`."""
        c = self.rows
        repeated = c[REPEATED] + c[SUPERSEDED]
        return (source, file, c.total(), c[ACCEPTED], c[QUARANTINED], repeated, c[SUPERSEDED], c[SKIPPED])


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of a source: names in natural order, each with its form. Rows are split evenly among them."""

    files: tuple[tuple[str, Form], ...]
    total_column: str | None = None
    """Where set, the last file ends with a summing row."""


SWEDISH = Form(words="sv")
WINDOWS = Form(encoding="windows-1252", words="sv", orgnr="hyphen", booleans="j")
ENGLISH = Form(delimiter=",", headings="name", decimal=".", booleans="true", encoding="utf-8-sig")
TABBED = Form(
    delimiter="\t", headings="alias", encoding="utf-16", dates="%Y%m%d", booleans="1", orgnr="century"
)
PIPED = Form(delimiter="|", headings="name", decimal=".", dates="%Y/%m/%d", booleans="x", orgnr="vat")
DOTTED = Form(headings="label", dates="%d.%m.%Y", thousands=" ", booleans="x", words="sv", trailing=True)
BOOK = Form(titles=("Register", "Uttaget av inköpsenheten"), words="sv", orgnr="hyphen")
CORRECTION = Form(headings="label", words="code", encoding="utf-8-sig")

PLANS: dict[str, Plan] = {
    "organisations": Plan((("enheter.xlsx", replace(BOOK, number_codes=("unit_id", "member_code"))),)),
    "categories": Plan((("kategorier.xlsx", replace(BOOK, titles=(), number_codes=("category_code",))),)),
    "accounts": Plan((("kontoplan.csv", WINDOWS),)),
    "procurements": Plan(
        (
            ("upphandlingar_1.csv", WINDOWS),
            ("upphandlingar_2.txt", TABBED),
            ("upphandlingar_3.csv", ENGLISH),
            ("upphandlingar_4.csv", DOTTED),
        )
    ),
    "participants": Plan((("2019-2020.csv", SWEDISH), ("2021-2022.csv", PIPED))),
    "lots": Plan((("anbudsomraden.csv", replace(WINDOWS, thousands="\u00a0")),)),
    "requirements": Plan((("krav 2019-2020.csv", SWEDISH), ("krav 2021-2022.csv", ENGLISH))),
    "bids": Plan((("anbud.csv.gz", replace(SWEDISH, orgnr="hyphen")),)),
    "suppliers": Plan((("leverantorer.xlsx", replace(BOOK, orgnr="plain")),)),
    "workplaces": Plan((("arbetsstallen.csv", replace(DOTTED, orgnr="century")),)),
    "contracts": Plan((("avtal_9.csv", ENGLISH), ("avtal_10.csv", WINDOWS))),
    "contract_categories": Plan((("tillagg.csv", PIPED),)),
    "contract_buyers": Plan((("avropsberattigade.csv", SWEDISH),)),
    "contract_followups": Plan((("uppfoljningar.xlsx", BOOK),)),
    "savings": Plan((("besparingar.csv", replace(WINDOWS, thousands=" ")),), total_column="before_amount"),
    "supplier_aliases": Plan((("alias.csv", SWEDISH),)),
    "invoice_reviews": Plan((("granskning.xlsx", replace(BOOK, number_codes=("buyer_unit_id",))),)),
    "survey_answers": Plan((("enkater.csv", ENGLISH),)),
    "activities": Plan((("aktiviteter.csv", replace(SWEDISH, dates="%d/%m/%Y")),)),
    "internships": Plan((("praktik.csv", WINDOWS),), total_column="persons"),
    "trainings": Plan((("utbildningar.csv", TABBED),)),
    "staff": Plan((("personal.xlsx", replace(BOOK, titles=("Personalstatistik",))),)),
    "budget": Plan((("budget.csv", DOTTED),), total_column="budget_amount"),
    "deviations": Plan((("avvikelser.csv", DOTTED),)),
    "business_climate": Plan((("foretagsklimat.csv", ENGLISH),)),
    "targets": Plan((("mal.csv", SWEDISH),)),
    "published_outcomes": Plan((("redovisat.csv", ENGLISH),)),
    "comments": Plan((("kommentarer.csv", WINDOWS),)),
    "lessons": Plan((("lardomar.csv", SWEDISH),)),
    "classifications": Plan((("klassning.csv", PIPED),)),
    "exchange_rates": Plan((("kurser.csv", ENGLISH),)),
    "maturity_answers": Plan((("sjalvskattning.csv", SWEDISH),)),
}
CORRECTED: dict[str, tuple[int, ...]] = {"procurements": (3, 11), "contracts": (2,), "suppliers": (5,)}
"""Records (by position) that an earlier file has wrong and a later one right."""
SPOILED: dict[str, dict[str, Any]] = {
    "procurements": {"title": "En äldre lydelse", "questions_count": 99},
    "contracts": {"title": "En äldre lydelse", "annual_value": Decimal(1)},
    "suppliers": {"employees": 12345},
}
REPEATED_ROWS: dict[str, int] = {"participants": 6, "requirements": 3}
"""So many of a source's first rows stand once more in its last file."""
CORRECTED_IN_LAST = "contracts"
"""The source whose corrections stand in its last ordinary file: natural order makes avtal_10 later than
avtal_9.
"""
REPEATED_INSIDE = "lots"
"""The source whose first row stands twice in one file."""


def write_registers(world: World, faults: Faults, variant: str, raw: Path) -> dict[tuple[str, str], Counts]:
    """Write every register source; gives the counts by (source, file relative to the delivery folder's
    parent).
    """
    contracts = load_contracts()
    counts: dict[tuple[str, str], Counts] = {}
    lost = faults.cascade(world)
    for source in KEYS:
        for name, form, rows in _files(world, faults, variant, source, lost.get(source, set())):
            path = raw / source / name
            columns = _columns(source)
            write_register(path, contracts[source], [row for row, _ in rows], form, columns)
            counts[source, f"raw/{source}/{name}"] = Counts(Counter(fate for _, fate in rows))
    return counts


Row = tuple[dict[str, Any], str]


def _files(
    world: World, faults: Faults, variant: str, source: str, cascade: set[tuple[Any, ...]]
) -> list[tuple[str, Form, list[Row]]]:
    plan = PLANS[source]
    faulty, late = faults.faulty.get(source, {}), faults.late.get(source, set())
    mended = faults.mended.get(source, set())
    dirty, corrected = variant == "dirty", variant == "corrected"
    first: list[list[Row]] = []  # one list per record, so that what belongs together stays in one file
    answers: list[Row] = []
    corrections: list[Row] = []
    for position, record in enumerate(world.table(source)):
        key, right = key_of(source, record), asdict(record)
        if variant != "clean" and key in faulty and not (corrected and key in mended):
            spelled = [({**right, **raw}, QUARANTINED) for raw in faulty[key]]
            first.append(spelled)
            if corrected:
                answers.append((right, ACCEPTED))
        elif variant != "clean" and key in late:
            if corrected:
                answers.append((right, ACCEPTED))
        elif dirty and key in cascade:
            first.append([(right, QUARANTINED)])
        elif position in CORRECTED.get(source, ()):
            first.append([({**right, **SPOILED[source]}, SUPERSEDED)])
            corrections.append((right, ACCEPTED))
        else:
            first.append([(right, ACCEPTED)])
    if source == REPEATED_INSIDE:
        first[0].append((first[0][0][0], REPEATED))
    share = -(-len(first) // len(plan.files))
    files = []
    for number, (name, form) in enumerate(plan.files):
        rows = [row for record_rows in first[number * share : (number + 1) * share] for row in record_rows]
        if number == len(plan.files) - 1:
            rows += [
                (row, REPEATED)
                for record_rows in first[: REPEATED_ROWS.get(source, 0)]
                for row, _ in record_rows
            ]
            if source == CORRECTED_IN_LAST:
                rows += corrections
                corrections = []
            if variant != "clean":
                rows += [
                    (row, QUARANTINED)
                    for row, stays in faults.garbage.get(source, ())
                    if stays or not corrected
                ]
            if plan.total_column:
                rows.append((_total(source, plan.total_column, [row for row, _ in rows]), SKIPPED))
        files.append((name, form, rows))
    answers = corrections + answers
    if answers:
        # "z" sorts after every other name here, so that the correction is the later file
        files.append(("z_rattelser.csv", CORRECTION, answers))
    return files


def _total(source: str, column: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = [row[column] for row in rows if isinstance(row[column], Decimal | int)]
    return {_columns(source)[0]: "Summa", column: sum(numbers)}


def _columns(source: str) -> tuple[str, ...]:
    record = get_type_hints(World)[source].__args__[0]
    return tuple(f.name for f in fields(record))


def organisation_yml(world: World) -> str:
    """The settings of the demonstration organisation, with a comment where a choice is shown."""
    members = "\n".join(f'  - {{code: "{code}", name: {name}}}' for code, name in world.members.items())
    counties = ", ".join(f'"{c}"' for c in world.region_counties)
    municipalities = ", ".join(f'"{c}"' for c in world.region_municipalities)
    return f"""\
# {world.name}: an invented organisation. Every name and number in this folder is made up.
organisation: {world.organisation}
name: {world.name}
members:
{members}
region: {{counties: [{counties}], municipalities: [{municipalities}]}}
scope: {{exclude_procedures: [direct_award, lov, framework_call], exclude_works: true}}
coordination_hourly_rate: {{2019: 800, 2020: 800, 2021: 850, 2022: 900}}
direct_award_thresholds: [{{from: 2019-01-01, amount: 586907}}, {{from: 2022-02-01, amount: 700000}}]
planning_window_months: 24
maturity_cutoff: 2.5
dates: {{activities: "%d/%m/%Y"}}
headers: {{invoices: {{"Lev.nr": supplier_id}}}}
timezone: Europe/Stockholm
language: sv
"""
