"""What a difference between two runs belongs to: records late, corrected or gone, settings, or reading."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date
from pathlib import Path

import pytest

from dagster_project.flow.changes import find_moves, periods_of
from dagster_project.flow.refresh import Refresh
from tests.deliveries import BASE, ORGANISATION, deliver

AS_OF = date(2022, 12, 31)
PROCUREMENTS = BASE["procurements/p.csv"]
UNREAD = {"procurements/p.csv": PROCUREMENTS + "P3;Salt;K1;öppnare;2021-01-10;2021-03-01\n"}
WORD = ORGANISATION + "values: {procurements: {procedure: {öppnare: open}}}\n"
TARGETS = (
    "organisation;plan_id;kpi_id;valid_from;operator;target_value\nprov;a;coordinated_share;2021-01-01;>=;"
)
NOTHING = (0, 0, 0, 0, 0)


def moved(
    folder: Path,
    then: dict[str, str],
    now: dict[str, str],
    settings: str = ORGANISATION,
    as_of: date = AS_OF,
    software_changed: bool = False,
) -> tuple[int, ...]:
    """(late, corrected, removed, settings, reread) between two runs on the same folder."""
    workspace = deliver(folder / "data", then)
    kept = folder / "kept"
    with Refresh(workspace, AS_OF) as run:
        run.arrive()
        run.keep_rows(kept)
    deliver(workspace.root, now, settings, base=False)
    with Refresh(workspace, as_of) as run:
        run.arrive()
        assert run._connection is not None
        return astuple(
            find_moves(run._connection, run.contracts, kept, workspace.settings_file, software_changed)
        )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({}, NOTHING),
        (
            {"procurements/p2.csv": "procurement_id;title;category_code;procedure\nP9;Ny;K1;open\n"},
            (1, 0, 0, 0, 0),
        ),
        ({"procurements/p.csv": PROCUREMENTS.replace("Kaffe", "Kakao")}, (0, 1, 0, 0, 0)),
        ({"participants/d.csv": BASE["participants/d.csv"].replace("P1;u2\n", "")}, (0, 0, 1, 0, 0)),
        # The same rows in another order are the same records.
        (
            {"participants/d.csv": "procurement_id;unit_id\nP2;u1\nP1;u2\nP1;u1\n"},
            NOTHING,
        ),
    ],
)
def test_what_happened_to_records(tmp_path: Path, now: dict[str, str], expected: tuple[int, ...]) -> None:
    assert moved(tmp_path, {}, now) == expected


def test_a_source_that_came_late_counts_although_none_of_its_rows_could_be_read(tmp_path: Path) -> None:
    late = {
        "deviations/a.csv": "deviation_id;deviation_date;governing_document;material\nD1;snart;Policy;nej\n"
    }
    assert moved(tmp_path, {}, late)[0] == 1


def test_targets_and_the_day_are_settings(tmp_path: Path) -> None:
    then, now = {"targets/t.csv": TARGETS + "0.5\n"}, {"targets/t.csv": TARGETS + "0.6\n"}
    assert moved(tmp_path / "target", then, now) == (0, 0, 0, 1, 0)
    # The day then and the day now are one row each.
    assert moved(tmp_path / "day", {}, {}, as_of=date(2023, 1, 31)) == (0, 0, 0, 2, 0)


def test_a_row_that_a_new_word_lets_in_did_not_come_late(tmp_path: Path) -> None:
    assert moved(tmp_path, UNREAD, {}, WORD) == (0, 0, 0, 0, 1)


def test_a_row_that_a_new_program_reads_otherwise_was_not_corrected_but_a_replaced_file_was(
    tmp_path: Path,
) -> None:
    now = {"procurements/p.csv": PROCUREMENTS.replace("Kaffe", "Kakao")}
    assert moved(tmp_path, {}, now, software_changed=True) == (0, 1, 0, 0, 0)


def test_a_quarter_is_reported_with_its_year_and_its_twelve_months() -> None:
    assert periods_of("2026-Q3") == ("2026-Q3", "2026-Q3-ytd", "2026-Q3-r12")
