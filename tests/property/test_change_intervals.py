"""False alarms and power of the change verdicts: thousands of simulated pairs of years through the models themselves.

What belongs here: worlds in which nothing (or something) has changed, and how often the models say so. What does not:
single intervals worked by hand (unit tests beside the models), the demonstration's figures (golden).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pytest

from dagster_project.flow import build
from dagster_project.settings import Settings, Workspace
from tests.dbt_here import dbt_in

NOMINAL = 0.05
PAIRS = 1000
NOW, BEFORE = "2022", "2021"
MODELS = [f"int_kpi_{name}" for name in ("methods", "spread", "bootstrap", "medians", "intervals", "changes")]
Rng = np.random.Generator
# Clusters of one simulated year: arrays of pair, cluster, numerator, denominator, sum of squared numerators.
Year = dict[str, np.ndarray]


def year(pairs: np.ndarray, clusters: np.ndarray, **sums: np.ndarray) -> Year:
    return {"pair": pairs, "cluster": clusters, **sums}


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """PAIRS years of n clusters each: the pair and the cluster of every row."""
    return np.repeat(np.arange(PAIRS), n), np.tile(np.arange(n), PAIRS)


def shares(n: int, p: float) -> Callable[[Rng], Year]:
    """n records, each in the numerator with probability p."""

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        hits = rng.binomial(1, p, pairs.size)
        return year(pairs, clusters, numerator=hits, denominator=np.ones_like(hits), squares=hits)

    return drawn


def clustered_shares(n: int, p: float) -> Callable[[Rng], Year]:
    """Bids of n procurements: one to seven each, and alike within the procurement."""

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        sizes = rng.integers(1, 8, pairs.size)
        hits = rng.binomial(sizes, rng.beta(3 * p, 3 * (1 - p), pairs.size))
        return year(pairs, clusters, numerator=hits, denominator=sizes, squares=hits)

    return drawn


def surveys(n: int, of: int) -> Callable[[Rng], Year]:
    """Answers on a scale 0-10 from one to three bidders in n procurements, of `of` that might have been asked."""

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        # Every finite population has the same mean exactly; the draw is what varies, and who answers.
        level = rng.normal(0.0, 0.12, (PAIRS, of))
        level -= level.mean(axis=1, keepdims=True)
        level = 0.6 + np.concatenate([row[rng.permutation(of)[:n]] for row in level])
        asked = rng.integers(1, 4, pairs.size)
        answers = np.clip(level[:, None] + rng.normal(0, 0.15, (pairs.size, 3)), 0, 1).round(1)
        answers = np.where(np.arange(3) < asked[:, None], answers, 0)
        return year(
            pairs,
            clusters,
            numerator=answers.sum(axis=1).round(1),
            denominator=asked,
            squares=(answers**2).sum(axis=1).round(2),
        )

    return drawn


def counts(expected: float, size: float = 1.0) -> Callable[[Rng], Year]:
    """A Poisson number of events, of one each or of a geometric size."""

    def drawn(rng: Rng) -> Year:
        events = rng.poisson(expected, PAIRS)
        pairs = np.repeat(np.arange(PAIRS), events)
        clusters = np.arange(pairs.size)
        numerator = rng.geometric(1 / size, pairs.size)
        return year(
            pairs, clusters, numerator=numerator, denominator=np.zeros_like(numerator), squares=numerator**2
        )

    return drawn


def recurring(n: int, p: float) -> Callable[[Rng], Year]:
    """Suppliers of a market of n, each met in the year with a chance of its own that stays the same over the years."""
    lasting = np.random.default_rng(11).beta(2 * p, 2 * (1 - p), PAIRS * n)

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        met = rng.random(pairs.size) < lasting
        ones = np.ones(int(met.sum()), dtype=int)
        return year(pairs[met], clusters[met], numerator=ones, denominator=0 * ones, squares=ones)

    return drawn


def bids(rng: Rng, size: int) -> np.ndarray:
    """Numbers of bids: mean 4, skewed."""
    return rng.negative_binomial(2.5, 2.5 / 6.5, size)


def means(n: int, lots: bool = False, more: int = 0) -> Callable[[Rng], Year]:
    """Bids in n procurements, or in their one to nine lots that are alike."""

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        sizes = rng.integers(1, 10, pairs.size) if lots else np.ones(pairs.size, dtype=int)
        numerator = (bids(rng, pairs.size) + more) * sizes
        return year(pairs, clusters, numerator=numerator, denominator=sizes, squares=numerator**2)

    return drawn


def money(n: int, lasting: bool, added: float = 0.0) -> Callable[[Rng], Year]:
    """Purchases from n suppliers, skewed, wild in part; the same suppliers every year, or others."""
    habits = np.random.default_rng(12)
    habitual = habits.lognormal(11, 1.3, PAIRS * n), habits.beta(0.3, 1.2, PAIRS * n)

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        usual, wild = (
            habitual if lasting else (rng.lognormal(11, 1.3, pairs.size), rng.beta(0.3, 1.2, pairs.size))
        )
        bought = (usual * rng.lognormal(0, 0.3, pairs.size)).round(2)
        share = np.clip(wild + added + rng.normal(0, 0.1, pairs.size) * (wild > 0.05), 0, 1)
        return year(
            pairs,
            clusters,
            numerator=(bought * share).round(2),
            denominator=bought,
            squares=np.zeros(pairs.size),
        )

    return drawn


def savings(n: float) -> Callable[[Rng], Year]:
    """Savings of a Poisson number of procurements, skewed."""

    def drawn(rng: Rng) -> Year:
        pairs = np.repeat(np.arange(PAIRS), rng.poisson(n, PAIRS))
        amounts = rng.lognormal(12, 0.8, pairs.size).round(2)
        return year(
            pairs, np.arange(pairs.size), numerator=amounts, denominator=0 * amounts, squares=0 * amounts
        )

    return drawn


def days(rng: Rng, size: int) -> np.ndarray:
    """Days to a decision: mean 36, skewed."""
    return rng.gamma(4, 9, size).round()


def slower_days(rng: Rng, size: int) -> np.ndarray:
    return days(rng, size) + 15


def values(n: int, drawn_from: Callable[[Rng, int], np.ndarray], lots: bool = False) -> Callable[[Rng], Year]:
    """Records for a median: n procurements, or their one to four lots that are alike."""

    def drawn(rng: Rng) -> Year:
        pairs, clusters = grid(n)
        value = drawn_from(rng, pairs.size)
        sizes = rng.integers(1, 5, pairs.size) if lots else np.ones(pairs.size, dtype=int)
        repeated = [np.repeat(array, sizes) for array in (pairs, clusters, value)]
        return year(
            repeated[0],
            repeated[1],
            numerator=repeated[2],
            denominator=0 * repeated[2],
            squares=0 * repeated[2],
        )

    return drawn


@dataclass(frozen=True)
class World:
    """How one indicator comes about in a year, as the catalogue describes it; `before` where it has changed."""

    drawn: Callable[[Rng], Year]
    unit: str
    aggregation: str
    basis: str = "completed"
    record_kind: str = "procurement"
    before: Callable[[Rng], Year] | None = None
    recurs: bool = False


STILL = {
    "share_few": World(shares(12, 0.5), "share", "ratio"),
    "share_rare": World(shares(40, 0.1), "share", "ratio"),
    "share_many": World(shares(250, 0.6), "share", "ratio"),
    "share_of_bids": World(clustered_shares(40, 0.55), "share", "ratio"),
    "share_of_few_bids": World(clustered_shares(12, 0.55), "share", "ratio"),
    "bidder_satisfaction_index": World(surveys(14, 54), "share", "ratio", basis="survey"),
    "survey_without_a_frame": World(surveys(10, 4000), "share", "ratio", basis="survey"),
    "count_few": World(counts(4), "count", "count_distinct"),
    "count_some": World(counts(15), "count", "count_distinct"),
    "count_many": World(counts(200), "count", "sum"),
    "count_of_places": World(counts(20, size=2.0), "count", "sum"),
    "count_recurring": World(recurring(120, 0.4), "count", "count_distinct", recurs=True),
    "mean_few": World(means(10), "mean", "ratio"),
    "mean_some": World(means(40), "mean", "ratio"),
    "mean_over_lots": World(means(40, lots=True), "mean", "ratio"),
    "median_few": World(values(10, days), "median", "median"),
    "median_some": World(values(50, days), "median", "median"),
    "median_of_bids": World(values(60, bids), "median", "median"),
    "median_over_lots": World(values(40, days, lots=True), "median", "median"),
    "money_others": World(money(150, lasting=False), "share", "ratio", record_kind="invoice_line"),
    "money_same": World(money(60, lasting=True), "share", "ratio", record_kind="invoice_line", recurs=True),
    "savings": World(savings(40), "sek", "sum"),
}
MOVED = {
    "moved_share": World(shares(250, 0.60), "share", "ratio", before=shares(250, 0.79)),
    "moved_count": World(counts(7), "count", "count_distinct", before=counts(32)),
    "moved_mean": World(means(250), "mean", "ratio", before=means(250, more=2)),
    "moved_median": World(values(60, days), "median", "median", before=values(60, slower_days)),
    "moved_money": World(
        money(60, lasting=True),
        "share",
        "ratio",
        record_kind="invoice_line",
        before=money(60, True, 0.2),
        recurs=True,
    ),
}


def rows(kpi_id: str, world: World, rng: Rng) -> pl.DataFrame:
    """Both years' clusters as the models meet them; a cluster's name recurs where the world's clusters do."""
    frames = []
    for period, drawn in ((BEFORE, world.before or world.drawn), (NOW, world.drawn)):
        made = drawn(rng)
        prefix = kpi_id if world.recurs else f"{kpi_id} {period}"
        frames.append(
            pl.DataFrame(made).select(
                kpi_id=pl.lit(kpi_id),
                period=pl.lit(period),
                member_code=pl.col("pair").cast(pl.String),
                cluster_id=pl.lit(prefix + " ") + pl.col("cluster").cast(pl.String),
                numerator=pl.col("numerator").cast(pl.Float64),
                denominator=pl.col("denominator").cast(pl.Float64),
                squares=pl.col("squares").cast(pl.Float64),
            )
        )
    return pl.concat(frames)


def counted(before: tuple[int, int], now: tuple[int, int]) -> pl.DataFrame:
    """One pair of years of records, so many in the numerator of so many."""
    made = [
        (period, f"{period} {record}", float(record < hits))
        for period, (hits, of) in ((BEFORE, before), (NOW, now))
        for record in range(of)
    ]
    frame = pl.DataFrame(made, schema=["period", "cluster_id", "numerator"], orient="row")
    return frame.with_columns(member_code=pl.lit("0"), denominator=pl.lit(1.0), squares=pl.col("numerator"))


# The change and its interval. The first is the worked example of Newcombe (1998, table II, method 10); the second is
# worked by hand: 10 events lie in 5.43-18.41 and 3 in 1.02-8.82.
WORKED = {
    "newcombe": (World(shares(1, 1), "share", "ratio"), counted((48, 80), (56, 70)), (0.2, 0.0524, 0.3339)),
    "poisson": (World(counts(1), "count", "sum"), counted((3, 3), (10, 10)), (7.0, -0.400, 15.639)),
}


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """What the models say of every pair of years of every world."""
    rng = np.random.default_rng(20260101)
    workspace = Workspace(tmp_path_factory.mktemp("intervals"))
    connection = build.fresh(workspace, Settings(organisation="prov", members=["1"]), date(2022, 12, 31))
    worlds = {**STILL, **MOVED}
    clusters = pl.concat([rows(kpi_id, world, rng) for kpi_id, world in worlds.items()])
    for kpi_id, (world, records, _) in WORKED.items():
        worlds[kpi_id] = world
        clusters = pl.concat(
            [clusters, records.select(pl.lit(kpi_id).alias("kpi_id"), *clusters.columns[1:])]
        )
    catalogue = pl.DataFrame(
        [
            {
                "kpi_id": kpi_id,
                "direction": "up",
                "unit": world.unit,
                "aggregation": world.aggregation,
                "basis": world.basis,
                "record_kind": world.record_kind,
            }
            for kpi_id, world in worlds.items()
        ]
    )
    connection.register("drawn", clusters)
    connection.register("worlds", catalogue)
    connection.execute(STAGE)
    connection.close()
    told = dbt_in(workspace, "run", "--select", *MODELS)
    assert len(told) == len(MODELS)
    assert all(status.startswith("success") for status in told.values()), told
    connection = build.connect(workspace)
    found = connection.sql("select * from working.work.int_kpi_changes where period = '2022'").pl()
    connection.close()
    return found


@pytest.fixture(scope="module")
def alarms(changes: pl.DataFrame) -> dict[str, float]:
    """The share of pairs that were called improved or worsened, by world."""
    found = changes.group_by("kpi_id").agg(
        pairs=pl.len(), alarms=pl.col("change_verdict").is_in(["improved", "worsened"]).sum()
    )
    # A pair without any event in one of its years has no row there, and no change.
    assert found.filter(~pl.col("kpi_id").is_in(list(WORKED)))["pairs"].min() > 0.9 * PAIRS
    return {kpi_id: alarms / pairs for kpi_id, pairs, alarms in found.iter_rows()}


# What the models upstream would have made of the records, for two years and PAIRS members. The surveyed procurements
# were drawn of 54.
STAGE = f"""
create table procurement.main.kpi_catalogue as
select *, cast(null as varchar) as period_rule, true as is_live from worlds;
create table procurement.main.dim_period as
select
    'year' as period_type, period, make_date(cast(period as integer), 1, 1) as period_start,
    make_date(cast(period as integer), 12, 31) as period_end
from (values ('{BEFORE}'), ('{NOW}')) as years (period);
create temp table placed as
select kpi_id, 'year' as period_type, period, member_code, 'ALL' as category_group, cluster_id, aggregation,
    cast(numerator as decimal(38, 10)) as numerator, cast(denominator as decimal(38, 10)) as denominator,
    cast(squares as decimal(38, 10)) as squares
from drawn join worlds using (kpi_id);
create table working.work.int_kpi_clusters as
select kpi_id, period_type, period, member_code, category_group, cluster_id, sum(numerator) as numerator,
    sum(denominator) as denominator, sum(squares) as numerator_squares
from placed where aggregation <> 'median' group by all;
create table working.work.int_kpi_records as
select * exclude (period_type, period), make_date(cast(period as integer), 6, 1) as event_date, true as is_counted
from placed where aggregation = 'median';
create table working.work.int_kpi_measures as
select kpi_id, period_type, period, member_code, category_group, sum(numerator) as numerator,
    case when aggregation = 'ratio' then sum(denominator) end as denominator,
    cast(case aggregation
        when 'ratio' then cast(sum(numerator) as double) / cast(sum(denominator) as double)
        when 'median' then median(numerator)
        else sum(numerator)
    end as double) as actual,
    1 as known_weight, 0 as unknown_weight
from placed group by kpi_id, period_type, period, member_code, category_group, aggregation;
create table working.work.int_kpi_figures as
select *, 1.0 as coverage, true as is_ended
from working.work.int_kpi_measures join procurement.main.dim_period using (period_type, period);
create table procurement.main.invoice_sample_estimate (
    period_start date, period_end date, member_code varchar, is_published boolean, wild_share_low double,
    wild_share_high double, reviewed_lines bigint
);
insert into working.work.int_kpi_measures by name
select 'coordinated_share' as kpi_id, period_type, period, member_code, category_group,
    50 as known_weight, 4 as unknown_weight
from working.work.int_kpi_figures where kpi_id = 'bidder_satisfaction_index';
"""


@pytest.mark.parametrize("kpi_id", STILL)
def test_nothing_has_changed_and_alarms_are_no_more_than_nominal(
    kpi_id: str, alarms: dict[str, float]
) -> None:
    # Two standard errors of the simulation beside the 1.3 times that small numbers are allowed.
    slack = 2 * (NOMINAL * (1 - NOMINAL) / PAIRS) ** 0.5
    assert alarms[kpi_id] <= 1.3 * NOMINAL + slack


@pytest.mark.parametrize(
    "kpi_id", ["share_many", "count_many", "mean_some", "median_some", "survey_without_a_frame"]
)
def test_alarms_are_not_bought_off_by_saying_nothing(kpi_id: str, alarms: dict[str, float]) -> None:
    assert alarms[kpi_id] >= 0.25 * NOMINAL


@pytest.mark.parametrize("kpi_id", MOVED)
def test_what_has_changed_is_seen(kpi_id: str, alarms: dict[str, float]) -> None:
    assert alarms[kpi_id] >= 0.8


@pytest.mark.parametrize("kpi_id", WORKED)
def test_worked_examples_come_out(kpi_id: str, changes: pl.DataFrame) -> None:
    [found] = changes.filter(pl.col("kpi_id") == kpi_id).select("change", "change_low", "change_high").rows()
    assert found == pytest.approx(WORKED[kpi_id][2], abs=6e-4)
