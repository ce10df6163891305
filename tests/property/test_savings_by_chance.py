"""Markets in which nothing is saved, through the models themselves: what the market-price method reports there, and how
often the 95 % interval of its remainder holds zero.

What belongs here: simulated bids. What does not: single savings worked by hand (unit tests beside the models).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pytest

from dagster_project.flow import build
from dagster_project.settings import Settings, Workspace
from tests.dbt_here import dbt_in

YEARS = 2500
MODELS = ["int_savings", "int_procurement_savings", "savings", "savings_summary"]


@dataclass(frozen=True)
class Market:
    """A year's procurements: how many, with how many bids each, and how much those vary (between two levels)."""

    procurements: int
    bids: tuple[int, int]
    spread: tuple[float, float]
    size_spread: float = 1.0
    winner: str = "lowest"
    cut: float = 0.0


STILL = {
    "usual": Market(15, (3, 12), (0.10, 0.25)),
    "few_bids": Market(15, (3, 5), (0.10, 0.25)),
    "few_procurements": Market(4, (3, 12), (0.10, 0.25)),
    "equal_sizes": Market(15, (4, 8), (0.20, 0.30), size_spread=0.0),
    "winner_by_quality": Market(15, (3, 8), (0.10, 0.25), winner="any"),
    # What `savings` says of a single lot is what the summary says of one.
    "one_lot": Market(1, (3, 8), (0.10, 0.25)),
}
MOVED = {"cut": Market(15, (4, 8), (0.10, 0.20), cut=0.2)}


def bids(name: str, market: Market, rng: np.random.Generator) -> pl.DataFrame:
    """Every bid of every year, with the procurement that it is made on; prices to öre."""
    lots = YEARS * market.procurements
    numbers = rng.integers(market.bids[0], market.bids[1] + 1, lots)
    lot = np.repeat(np.arange(lots), numbers)
    level = 1e6 * np.exp(market.size_spread * rng.standard_normal(lots))
    spread = np.sqrt(np.log1p(rng.uniform(*market.spread, lots) ** 2))
    price = level[lot] * np.exp(spread[lot] * rng.standard_normal(lot.size))
    frame = pl.DataFrame({"lot": lot, "price": price, "draw": rng.random(lot.size)})
    by = "price" if market.winner == "lowest" else "draw"
    frame = frame.with_columns(winner=pl.col(by) == pl.col(by).min().over("lot"))
    # A winner that does what chance does not: cheaper than the cheapest.
    frame = frame.with_columns(
        price=pl.when("winner").then(pl.col("price") * (1 - market.cut)).otherwise("price")
    )
    return frame.select(
        procurement_id=pl.lit(name + "|") + pl.col("lot").cast(pl.String),
        year=pl.lit(name + "|") + (pl.col("lot") // market.procurements).cast(pl.String),
        bidder_id=pl.int_range(pl.len()).over("lot").cast(pl.String),
        bid_price=pl.col("price").round(2).cast(pl.Decimal(18, 2)),
        winner="winner",
    )


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The summary of every year of every market, a year as a member."""
    rng = np.random.default_rng(20260801)
    workspace = Workspace(tmp_path_factory.mktemp("chance"))
    connection = build.fresh(workspace, Settings(organisation="prov", members=["1"]), date(2022, 12, 31))
    drawn = pl.concat([WORKED, *(bids(name, market, rng) for name, market in {**STILL, **MOVED}.items())])
    connection.register("drawn", drawn)
    connection.execute(STAGE)
    connection.close()
    told = dbt_in(workspace, "run", "--select", *MODELS)
    assert len(told) == len(MODELS)
    assert all(status.startswith("success") for status in told.values()), told
    connection = build.connect(workspace)
    found = connection.sql(
        "select summary.*, split_part(summary.member_code, '|', 1) as market, savings.spread_share, "
        "savings.without_winner_amount, savings.next_bid_amount, savings.remainder_low_amount as lot_low_amount, "
        "savings.remainder_high_amount as lot_high_amount from savings_summary as summary "
        "left join savings on savings.procurement_id = 'worked' and summary.member_code = 'worked' "
        "where summary.method = 'market_price'"
    ).pl()
    connection.close()
    return found


# Logarithms 0, 0.1, 0.2 and 0.3 over 1000. The others' spread is (-2 * 0.1 + 0 * 0.2 + 2 * 0.3) / 2.652774 = 0.1508; by
# chance the lowest of the four is exp(0.15 - 1.029375 * 0.1508) = 0.9948 of 1000; the mean is 1169.11.
WORKED = pl.DataFrame(
    {
        "procurement_id": ["worked"] * 4,
        "year": ["worked"] * 4,
        "bidder_id": ["a", "b", "c", "d"],
        "bid_price": [1000.0, 1105.17, 1221.40, 1349.86],
        "winner": [True, False, False, False],
    },
    schema_overrides={"bid_price": pl.Decimal(18, 2)},
)
STAGE = """
create table working.work.stg_bids as
select procurement_id, cast(null as varchar) as lot_id, bidder_id, bidder_id as supplier_id, bid_price,
    cast(null as decimal(18, 2)) as first_price, 'qualified' as status, winner, 'anbud.csv' as source_file,
    1 as source_row
from drawn;
create table working.work.stg_savings (
    procurement_id varchar, lot_id varchar, method varchar, before_amount decimal(18, 2), after_amount decimal(18, 2),
    uncertainty_share double, assumptions varchar, source_file varchar, source_row bigint
);
create table working.work.int_procurements as
select distinct procurement_id, date '2022-05-01' as completed_date, true as is_in_scope,
    cast(null as varchar) as scope_exclusion, cast(null as varchar) as category_group, 'open' as procedure,
    cast(null as decimal(18, 2)) as coordination_hours, cast(null as decimal(18, 2)) as coordination_cost,
    'x' as source_file, 1 as source_row
from drawn;
create table working.work.int_procurement_participation as
select procurement_id, true as is_coordinated, true as members_known from working.work.int_procurements;
create table working.work.int_record_dimensions as
select distinct 'procurement' as record_kind, procurement_id as record_id, year as member_code,
    cast(null as varchar) as category_group
from drawn;
create table working.work.int_procurement_volumes (procurement_id varchar, expected_volume_amount decimal(18, 2));
create table procurement.main.dim_period as
select 'year' as period_type, '2022' as period, date '2022-01-01' as period_start, date '2022-12-31' as period_end;
"""


def holding_zero(years: pl.DataFrame, market: str) -> float:
    """The share of a market's years in which the remainder's interval holds zero."""
    found = years.filter(pl.col("market") == market)
    assert found.height == YEARS
    return found.select(
        ((pl.col("remainder_low_amount") <= 0) & (pl.col("remainder_high_amount") >= 0)).mean()
    ).item()


@pytest.mark.parametrize("market", STILL)
def test_where_nothing_is_saved_the_remainders_interval_holds_zero_in_95_per_cent(
    market: str, years: pl.DataFrame
) -> None:
    assert holding_zero(years, market) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("market", [name for name in STILL if name != "winner_by_quality"])
def test_where_nothing_is_saved_the_plain_method_reports_more_than_a_tenth(
    market: str, years: pl.DataFrame
) -> None:
    found = years.filter(pl.col("market") == market)
    reported = found["saving_amount"].sum() / found["before_amount"].sum()
    left = found["remainder_amount"].sum() / found["before_amount"].sum()
    assert reported > 0.10
    assert abs(left) < 0.01


def test_a_winner_that_does_what_chance_does_not_is_seen(years: pl.DataFrame) -> None:
    assert holding_zero(years, "cut") < 0.2


def test_a_worked_example_comes_out(years: pl.DataFrame) -> None:
    [worked] = years.filter(pl.col("market") == "worked").iter_rows(named=True)
    assert float(worked["saving_amount"]) == pytest.approx(169.11, abs=0.01)
    assert float(worked["spread_share"]) == pytest.approx(0.1508, abs=1e-4)
    assert float(worked["artefact_amount"]) == pytest.approx(1169.11 - 994.8, abs=0.05)
    assert float(worked["remainder_amount"]) == pytest.approx(994.8 - 1000, abs=0.05)
    assert worked["lot_low_amount"] == worked["remainder_low_amount"] < worked["remainder_amount"]
    assert worked["lot_high_amount"] == worked["remainder_high_amount"] > worked["remainder_amount"]
    assert float(worked["without_winner_amount"]) == pytest.approx(225.48, abs=0.01)
    assert float(worked["next_bid_amount"]) == pytest.approx(105.17, abs=0.01)
