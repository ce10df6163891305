"""Forecasts in the demonstration: made in the autumn, beside what the same forecasts are when the year is known.

The figures that are counted again here are counted from the published evidence, by the words of docs/forecast.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import polars as pl
import pytest

from dagster_project.settings import Workspace
from tests.demonstrations import Published, run

AUTUMN = "2022-09-30"
Z = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Twice:
    """One organisation's release of the autumn, and of the winter after it."""

    autumn: Published
    winter: Published


@pytest.fixture(scope="module")
def twice(published: Callable[..., Published], tmp_path_factory: pytest.TempPathFactory) -> Twice:
    winter = published("clean", 3000, 1)
    folder = tmp_path_factory.mktemp("autumn") / "data"
    folder.mkdir()
    shutil.copy(winter.workspace.root / "organisation.yml", folder)
    shutil.copytree(winter.workspace.root / "raw", folder / "raw")
    workspace = Workspace(folder)
    autumn = Published(workspace, *run(workspace, "--as-of", AUTUMN))
    assert (autumn.exit_code, winter.exit_code) == (0, 0), autumn.said
    return Twice(autumn, winter)


def forecast(release: Published, kpi_id: str) -> dict[str, float]:
    """The forecast of the whole organisation."""
    [found] = release.table(
        f"select * from kpi_forecast where kpi_id = '{kpi_id}' and member_code = 'ALL'"
    ).to_dicts()
    return found


def evidence(release: Published, kpi_id: str) -> pl.DataFrame:
    return release.table(
        "select year(event_date) as year, month(event_date) as month, cast(numerator as double) as x, "
        f"cast(denominator as double) as z from kpi_evidence where kpi_id = '{kpi_id}' and member_code = 'ALL' "
        "and exclusion is null and event_date >= date '2019-01-01'"
    )


def rate(
    seen: tuple[float, float], years: list[tuple[float, float]], noise: float, scale: float
) -> tuple[float, float]:
    """This year's rate and its variance, from what was seen of it and the earlier years, each (x, z)."""
    x, z = (sum(column) for column in zip(*years, strict=True))
    spread = sum(b * (a / b - x / z) ** 2 for a, b in years) - (len(years) - 1) * noise
    more = max(spread / (z - sum(b * b for _, b in years) / z), 0)
    drift = ((0.15 * scale) ** 2 + (len(years) - 1) * more) / len(years)
    before = 1 / (noise / z + drift)
    now = seen[1] / noise
    return (seen[0] / noise + x / z * before) / (now + before), 1 / (now + before)


def rest_of_year(records: pl.DataFrame, column: str) -> tuple[float, float]:
    """How much is to come after September, and its variance, by the pattern of 2019-2021."""
    months = {
        year: [records.filter(year=year, month=month)[column].sum() for month in range(1, 13)]
        for year in range(2019, 2023)
    }
    so_far = sum(months.pop(2022))
    total = sum(map(sum, months.values()))
    count = records.filter(pl.col("year") < 2022).height
    by_then = (sum(sum(year[:9]) for year in months.values()) / total * count + 10 * 0.75) / (count + 10)
    season = [sum(year[m] for year in months.values()) / 3 for m in range(12)]
    squares = sum(
        (year[m] - sum(year) / 12 - season[m] + total / 36) ** 2
        for year in months.values()
        for m in range(12)
    )
    noise = max(squares / 22 * 12, (total + 0.5) / 3)
    level, variance = rate((so_far, by_then), [(sum(year), 1) for year in months.values()], noise, total / 3)
    pattern = level**2 * by_then * (1 - by_then) * noise * 3 / (total + 0.5) ** 2
    return level * (1 - by_then), noise * (1 - by_then) + (1 - by_then) ** 2 * variance + pattern


def test_a_count_is_what_its_records_give_by_hand(twice: Twice) -> None:
    found = forecast(twice.autumn, "information_activity_count")
    records = evidence(twice.autumn, "information_activity_count")
    so_far = records.filter(year=2022)["x"].sum()
    mean, variance = rest_of_year(records, "x")
    assert found["so_far"] == so_far
    assert found["expected"] == pytest.approx(so_far + mean, rel=1e-9)
    # The interval is in whole numbers; its ends are a normal quantile on the scale of cube roots.
    for side, end in (("low", -Z), ("high", Z)):
        spread = variance / mean**2
        quantile = mean * (1 - spread / 9 + end * (spread / 9) ** 0.5) ** 3
        assert found[side] == so_far + max(-(-(quantile - 0.5) // 1), 0)


def test_a_share_is_what_its_records_give_by_hand(twice: Twice) -> None:
    found = forecast(twice.autumn, "environment_advanced_share")
    records = evidence(twice.autumn, "environment_advanced_share")
    years = [
        (part["x"].sum(), part["z"].sum())
        for part in (records.filter(year=year) for year in range(2019, 2023))
    ]
    x, z = years.pop()
    rest, rest_variance = rest_of_year(records, "z")
    near = (sum(a for a, _ in years) + x + 0.5) / (sum(b for _, b in years) + z + 1)
    months = records.filter(pl.col("year") < 2022).group_by("year", "month").agg(pl.col("x", "z").sum())
    around = sum(
        (m["x"] - m["z"] * years[m["year"] - 2019][0] / years[m["year"] - 2019][1]) ** 2
        for m in months.to_dicts()
    )
    noise = max(around / (months.height - 3) * months.height / sum(b for _, b in years), near * (1 - near))
    p, variance = rate((x, z), years, noise, (near * (1 - near)) ** 0.5)
    whole = z + rest
    deviation = (
        (rest * noise + rest**2 * variance) / whole**2 + ((p * z - x) / whole**2) ** 2 * rest_variance
    ) ** 0.5
    expected = (x + p * rest) / whole
    assert found["expected"] == pytest.approx(expected, rel=1e-9)
    assert found["low"] == pytest.approx(expected - Z * deviation - 0.5 / whole, rel=1e-6)
    assert found["high"] == pytest.approx(expected + Z * deviation + 0.5 / whole, rel=1e-6)
    border = (-(-found["target"] * round(whole) // 1) - 0.5) / whole
    said = 1 - NormalDist(expected, deviation).cdf(border)
    assert found["probability_of_target"] == pytest.approx(said, abs=1e-5)


def test_what_came_later_was_not_known(twice: Twice) -> None:
    """The winter's back-test from the same day is the autumn's forecast."""
    columns = "kpi_id, member_code, method, expected, low, high"
    then = twice.autumn.table(f"select {columns} from kpi_forecast where as_of = '{AUTUMN}'")
    later = twice.winter.table(f"select {columns} from kpi_forecast_backtest where as_of = '{AUTUMN}'")
    both = then.join(later, on=["kpi_id", "member_code"], suffix="_later")
    assert both.height > 0.9 * then.height
    differing = both.filter(
        (pl.col("method") != pl.col("method_later"))
        | ((pl.col("expected") - pl.col("expected_later")).abs() > 1e-9 * (1 + pl.col("expected").abs()))
    )
    # A procurement counts where it was completed, also when its bidders are contacted later.
    assert set(differing["kpi_id"]) <= {"bidders_contacted_count"}


def test_no_forecast_is_without_a_basis(twice: Twice) -> None:
    known = twice.autumn.table(
        "select kpi_id from kpi_values where period = '2022' and member_code = 'ALL' and category_group = 'ALL' "
        "and actual is not null"
    )["kpi_id"]
    found = twice.autumn.table("select * from kpi_forecast")
    assert set(found["kpi_id"]) <= set(known)
    # A rank is given once a year; every other figure that is known so far is forecast.
    assert set(known) - set(found["kpi_id"]) == {"business_climate_rank_mean"}
    assert found.filter(
        pl.any_horizontal(pl.col("expected", "low", "high", "based_on_sv").is_null())
    ).is_empty()
    assert found["as_of"].max() == date.fromisoformat(AUTUMN)
    assert twice.winter.table("select * from kpi_forecast").is_empty()


def test_the_hit_rate_is_that_of_the_backtest(twice: Twice) -> None:
    rates = twice.autumn.table(
        "select f.backtest_forecasts, f.backtest_hits, count(b.kpi_id) as trials, "
        "count(*) filter (where b.outcome between b.low - 1e-6 and b.high + 1e-6) as hits "
        "from kpi_forecast as f left join kpi_forecast_backtest as b using (kpi_id, member_code) "
        "group by f.kpi_id, f.member_code, f.backtest_forecasts, f.backtest_hits"
    )
    assert rates.filter(pl.col("backtest_forecasts") != pl.col("trials")).is_empty()
    assert rates["hits"].sum() == pytest.approx(rates["backtest_hits"].sum(), abs=3)
    # Three years and four sources of chance: near the nominal 80 %, above it where small counts move in steps.
    assert 0.75 <= rates["backtest_hits"].sum() / rates["trials"].sum() <= 0.93
