"""Which deliveries are due, which have come, and what counts as having come."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dagster_project.flow import freshness
from dagster_project.flow.freshness import Arrival, Due, due, overdue
from dagster_project.flow.refresh import Refresh
from dagster_project.settings import Settings, SettingsError
from tests.deliveries import INVOICE_HEADER, ORGANISATION, Judged, deliver

AS_OF = date(2022, 11, 9)


def expecting(**expectation: object) -> Settings:
    return Settings.model_validate(
        {"organisation": "prov", "members": ["9101"], "expected": [{"source": "invoices", **expectation}]}
    )


def rows(month: str, units: tuple[str, ...] = ("u1", "9101"), file: str = "raw/invoices/x.csv") -> Arrival:
    return Arrival(
        "invoices",
        file,
        datetime(2022, 11, 2, tzinfo=UTC),
        frozenset(units),
        date.fromisoformat(f"{month}-01"),
    )


def written(when: str, file: str = "raw/invoices/x.csv") -> Arrival:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    return Arrival("invoices", file, moment, frozenset(), None)


def status(dues: list[Due]) -> dict[str, str]:
    return {one.period: one.status for one in dues}


def test_a_period_is_awaited_until_its_due_date_has_passed_and_overdue_from_the_day_after() -> None:
    settings = expecting(every="month", days_after=10)
    arrivals = [rows("2022-09")]
    assert status(due(settings, arrivals, date(2022, 11, 10))) == {"2022-09": "arrived", "2022-10": "awaited"}
    [_, october] = due(settings, arrivals, date(2022, 11, 11))
    assert (october.period, october.status, october.due_date) == ("2022-10", "overdue", date(2022, 11, 10))
    assert october.last_arrival == datetime(2022, 11, 2, tzinfo=UTC)
    assert october.arrived_at is None


def test_a_period_that_has_not_ended_is_not_asked_for() -> None:
    settings = expecting(every="month")
    assert "2022-11" not in status(due(settings, [rows("2022-09")], date(2022, 11, 30)))
    assert "2022-11" in status(due(settings, [rows("2022-09")], date(2022, 12, 1)))


def test_a_month_without_rows_between_two_with_rows_is_overdue() -> None:
    found = due(expecting(every="month"), [rows("2022-07"), rows("2022-09")], AS_OF)
    assert status(found) == {
        "2022-07": "arrived",
        "2022-08": "overdue",
        "2022-09": "arrived",
        "2022-10": "overdue",
    }


def test_where_nothing_ever_came_only_the_latest_periods_are_asked_for() -> None:
    settings = expecting(every="month", days_after=20)
    assert status(due(settings, [], AS_OF)) == {"2022-09": "overdue", "2022-10": "awaited"}


@pytest.mark.parametrize(
    ("every", "latest"),
    [
        ("month", "2022-10"),
        ("quarter", "2022-Q3"),
        ("tertial", "2022-T2"),
        ("half", "2022-H1"),
        ("year", "2021"),
    ],
)
def test_every_kind_of_period_is_named_as_in_the_marts(every: str, latest: str) -> None:
    assert list(status(due(expecting(every=every), [rows("2020-01")], AS_OF)))[-1] == latest


@pytest.mark.parametrize(
    ("unit", "is_hit"),
    [("u1", True), ("U1", True), ("9101", True), ("falun", False), ("u", False), ("910", False)],
)
def test_a_unit_is_known_by_its_rows(unit: str, is_hit: bool) -> None:
    found = status(due(expecting(every="month", unit=unit), [rows("2022-10")], AS_OF))
    assert (found["2022-10"] == "arrived") is is_hit


@pytest.mark.parametrize(
    ("file", "is_hit"),
    [
        ("raw/invoices/norrby/2022-10.csv", True),
        ("raw/invoices/ledger_Norrby_2022.csv", True),
        ("raw/invoices/Norrby2022.csv", True),
        ("raw/invoices/norrbyn.csv", False),
        ("raw/invoices/snorrby.csv", False),
        ("raw/norrby/x.csv", False),
    ],
)
def test_a_unit_is_known_by_a_word_in_the_file_s_path(file: str, is_hit: bool) -> None:
    found = status(due(expecting(every="month", unit="norrby"), [rows("2022-10", file=file)], AS_OF))
    assert (found["2022-10"] == "arrived") is is_hit


def test_a_number_in_a_file_s_name_is_not_part_of_another_number() -> None:
    settings = expecting(every="month", unit="u1")
    assert overdue(due(settings, [rows("2022-10", units=(), file="raw/invoices/u10.csv")], AS_OF))
    assert not overdue(due(settings, [rows("2022-10", units=(), file="raw/invoices/u1.csv")], AS_OF))


def test_undated_rows_count_from_the_day_on_which_the_file_was_written() -> None:
    settings = expecting(every="quarter", days_after=30)
    assert status(due(settings, [written("2022-09-29")], AS_OF))["2022-Q3"] == "overdue"
    assert status(due(settings, [written("2022-09-30")], AS_OF))["2022-Q3"] == "arrived"
    # 23:30 UTC on the 29th is the 30th in Stockholm.
    assert status(due(settings, [written("2022-09-29T23:30")], AS_OF))["2022-Q3"] == "arrived"


def test_an_expectation_of_a_source_that_there_is_not_names_the_nearest(tmp_path: Path) -> None:
    workspace = deliver(
        tmp_path, {}, organisation=ORGANISATION + "expected: [{source: invoces, every: month}]\n"
    )
    with pytest.raises(SettingsError, match="invoices"):
        Refresh(workspace, AS_OF)


def test_a_run_sees_units_months_and_files_of_accepted_rows_and_remembers_them(tmp_path: Path) -> None:
    expected = (
        "expected: [{source: invoices, unit: '9102', every: month}, {source: invoices, unit: enhet ett, every: month},"
        " {source: deviations, every: quarter}]\n"
    )
    ledger = INVOICE_HEADER + (
        "u1;F1;1;;2022-10-01;2022-10-03;4000;100\n"
        "u2;F2;1;;2022-09-01;2022-09-03;4000;100\n"
        "u2;F3;1;;2022-10-01;igår;4000;100\n"  # in quarantine: it is no arrival
    )
    workspace = deliver(
        tmp_path,
        {
            "invoices/l.csv": ledger,
            "deviations/tom.csv": "deviation_id;deviation_date;governing_document;material\n",
        },
        organisation=ORGANISATION + expected,
    )
    judged = Judged(workspace, AS_OF)
    settings = judged._refresh.settings
    found = due(settings, freshness.remembered(workspace), AS_OF)
    assert found == judged._refresh.due
    by_unit = {
        name: {one.period: one.status for one in found if one.unit == name or one.source == name}
        for name in ("9102", "enhet ett", "deviations")
    }
    assert by_unit["9102"] == {"2022-09": "arrived", "2022-10": "overdue"}
    assert by_unit["enhet ett"] == {"2022-10": "arrived"}
    # No event in a quarter is no fault: an empty register was delivered after its end.
    assert set(by_unit["deviations"].values()) == {"arrived"}
    [verdict] = [v for v in judged.verdicts if v.name == "expected_deliveries_have_come"]
    assert not verdict.success
    assert not verdict.blocking


def test_a_memory_that_cannot_be_read_is_no_memory(tmp_path: Path) -> None:
    workspace = deliver(tmp_path, {})
    workspace.warehouse.mkdir()
    assert freshness.remembered(workspace) == []
    (workspace.warehouse / freshness.ARRIVALS_FILE).write_text('[{"source": 1}]', encoding="utf-8")
    assert freshness.remembered(workspace) == []
