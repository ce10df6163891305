"""The national procurement statistics of 2021, whole, from Excel to published figures.

What the figures should be is counted here in plain Python from the workbooks, in another way than the
pipeline counts: no contract, no SQL, floats from the cells.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine

from tests.conftest import REAL

EXTRACTS = REAL / "uhm_2021"
pytestmark = pytest.mark.skipif(
    not EXTRACTS.is_dir(), reason="the real extracts are not beside this checkout"
)

PROCUREMENTS = "number_of_procurements.xlsx"
TENDERS = "number_of_tenders.xlsx"
CONTRACTED = "number_of_contracted_tenders_with_suppliers.xlsx"
VALUES = "contracted_value.xlsx"
ROWS = {PROCUREMENTS: 18_256, TENDERS: 11_152, CONTRACTED: 22_831, VALUES: 9_663}
SOME = ("2021006297", "2120001355", "2321000131", "2120000142")  # a state authority, a region and two cities
ALL = "ALL"


# -- counted by hand -----------------------------------------------------------------------------------


@dataclass
class Truth:
    """Facts per procurement and lot, from the rows whose buyer's number can be read."""

    buyer: dict[str, str] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)
    tenders: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    contracted_lots: set[tuple[str, str]] = field(default_factory=set)
    value: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: Counter[str] = field(default_factory=Counter)

    def in_scope(self, procurement: str) -> bool:
        return self.kind.get(procurement) != "Byggentreprenader"

    def lots_by_buyer(self) -> dict[str, list[int]]:
        """Tenders of every lot in scope that states them, per buyer and for all."""
        found: dict[str, list[int]] = defaultdict(list)
        for (procurement, _), count in self.tenders.items():
            if self.in_scope(procurement):
                found[self.buyer[procurement]].append(count)
                found[ALL].append(count)
        return found


def _rows(file: str) -> Iterator[dict[str, Any]]:
    sheet = python_calamine.CalamineWorkbook.from_path(EXTRACTS / file).get_sheet_by_index(0)
    head, *rows = sheet.to_python(skip_empty_area=False)
    for row in rows:
        yield dict(zip(head, row, strict=True))


@pytest.fixture(scope="module")
def truth() -> Truth:
    found = Truth()
    for file in (PROCUREMENTS, TENDERS, CONTRACTED, VALUES):
        for row in _rows(file):
            number = row["Organisationsnummer för köpare"]
            if len(number) != 10 or not number.isdigit():
                found.refused[file] += 1
                continue
            procurement = row["Upphandlings-ID"]
            found.buyer.setdefault(procurement, number)
            if row["Upphandlingsslag"]:
                found.kind.setdefault(procurement, row["Upphandlingsslag"])
            if file == TENDERS:
                found.tenders[procurement, row["Anbudsområdes-ID"]] += int(row["Antal anbud, Summa"])
            if file == CONTRACTED:
                found.contracted_lots.add((procurement, row["Anbudsområdes-ID"]))
            if file == VALUES and row["Kontrakterat värde, Summa"] not in (0, 1):
                found.value[procurement] += round(row["Kontrakterat värde, Summa"])
    return found


# -- run -----------------------------------------------------------------------------------------------


def _run(folder: Path, members: str) -> Path:
    (folder / "organisation.yml").write_text(f"organisation: prov\nmembers: {members}\n", encoding="utf-8")
    mattstock = str(Path(sys.executable).with_name("mattstock"))
    command = [mattstock, "run", "--data", str(folder), "--as-of", "2022-12-31"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return (folder / "marts" / "current").resolve() / "procurement.duckdb"


@dataclass(frozen=True)
class Releases:
    everyone: Path
    some: Path
    reread: list[str]  # files that the second run read again


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """Two runs on one data folder: every buyer a member, then four of them."""
    folder = tmp_path_factory.mktemp("uhm")
    shutil.copytree(EXTRACTS, folder / "raw" / "uhm_statistics", ignore=shutil.ignore_patterns("*.md"))
    everyone = _run(folder, "all")
    remembered = _written(folder / "warehouse" / "parsed")
    some = _run(folder, str(list(SOME)))
    after = _written(folder / "warehouse" / "parsed")
    return Releases(everyone, some, [str(path) for path in after if remembered.get(path) != after[path]])


def _written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def _ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _figures(database: Path, kpi: str) -> dict[str, float]:
    """Figures of 2021 by member."""
    rows = _ask(
        database,
        "select member_code, actual from kpi_values where period = '2021' and period_type = 'year' "
        f"and category_group = 'ALL' and kpi_id = '{kpi}' and actual is not null",
    )
    return dict(rows)


def _nearly(figures: dict[str, float]) -> dict[str, Any]:
    return {member: pytest.approx(value, rel=1e-12) for member, value in figures.items()}


def _unmasked(figures: dict[str, Any]) -> dict[str, Any]:
    """Without buyers whose number is a person's (third digit 0 or 1), who have pseudonyms."""
    return {
        member: value
        for member, value in figures.items()
        if member[2] not in "01" and not member.startswith("PN-")
    }


# -- judged --------------------------------------------------------------------------------------------


def test_every_row_of_the_extracts_has_one_fate(releases: Releases, truth: Truth) -> None:
    summary = _ask(
        releases.everyone,
        "select parse_filename(file), rows_read, rows_accepted, rows_quarantined, "
        "rows_repeated + rows_skipped "
        "from data_quality_summary where source = 'uhm_statistics'",
    )
    assert {file: read for file, read, *_ in summary} == ROWS
    for file, read, accepted, quarantined, others in summary:
        assert (quarantined, others) == (truth.refused[file], 0)
        assert accepted == read - quarantined


def test_bids_per_lot_of_every_buyer_equal_a_count_by_hand(releases: Releases, truth: Truth) -> None:
    lots = truth.lots_by_buyer()
    means = {buyer: float(Fraction(sum(counts), len(counts))) for buyer, counts in lots.items()}
    medians = {buyer: float(statistics.median(counts)) for buyer, counts in lots.items()}
    single = {buyer: counts.count(1) / len(counts) for buyer, counts in lots.items()}
    assert len(lots[ALL]) > 9_000
    for kpi, expected in (
        ("bids_per_lot_mean", means),
        ("bids_per_lot_median", medians),
        ("single_bid_lot_share", single),
    ):
        assert _unmasked(_figures(releases.everyone, kpi)) == _nearly(_unmasked(expected)), kpi


def test_coverage_says_how_many_lots_state_their_tenders(releases: Releases, truth: Truth) -> None:
    lots = {lot for lot in {*truth.tenders, *truth.contracted_lots} if truth.in_scope(lot[0])}
    known = {lot for lot in truth.tenders if truth.in_scope(lot[0])}
    coverage = _ask(
        releases.everyone,
        "select coverage from kpi_values where period = '2021' and period_type = 'year' "
        "and member_code = 'ALL' and category_group = 'ALL' and kpi_id = 'bids_per_lot_mean'",
    )
    assert coverage == [(pytest.approx(len(known) / len(lots)),)]


def test_counts_and_values_per_buyer_equal_a_count_by_hand(releases: Releases, truth: Truth) -> None:
    published = _ask(
        releases.everyone,
        "select member_codes, count(*), coalesce(sum(estimated_value_amount), 0) "
        "from dim_procurement group by all",
    )
    counts = Counter(truth.buyer.values())
    values: dict[str, int] = defaultdict(int)
    for procurement, value in truth.value.items():
        values[truth.buyer[procurement]] += value
    expected = {buyer: (count, values[buyer]) for buyer, count in counts.items()}
    found = {buyer: (count, int(value)) for buyer, count, value in published}
    assert _unmasked(found) == _unmasked(expected)
    assert sum(count for count, _ in found.values()) == len(truth.buyer)


def test_with_some_members_the_whole_is_theirs_alone(releases: Releases, truth: Truth) -> None:
    lots = truth.lots_by_buyer()
    theirs = [count for buyer in SOME for count in lots[buyer]]
    figures = _figures(releases.some, "bids_per_lot_mean")
    expected = {buyer: sum(lots[buyer]) / len(lots[buyer]) for buyer in SOME}
    expected[ALL] = sum(theirs) / len(theirs)
    assert figures == _nearly(expected)


def test_unchanged_extracts_are_not_read_twice(releases: Releases) -> None:
    assert releases.reread == []


def test_coordination_is_unknown_and_not_zero(releases: Releases) -> None:
    assert ALL not in _figures(releases.everyone, "coordinated_share")


def test_what_the_statistics_do_not_state_is_not_published(releases: Releases) -> None:
    for kpi in ("environment_any_share", "regional_bid_share", "sme_bid_share", "contract_coverage_value"):
        assert _figures(releases.everyone, kpi) == {}
