"""Coverage of the sample's intervals: many simulated samples through the model itself, also when the rule is bad.

What belongs here: worlds with a known share, and how often the model's intervals hold it. What does not: the draw of
one sample (tests/unit/test_sampling.py), and matching verdicts to lines (the model's own example).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
import pytest

from dagster_project.flow import build, sampling
from dagster_project.settings import Settings, Workspace
from tests.dbt_here import dbt_in

NOMINAL = 0.95
SAMPLES = 1000
# A point and a half, beside one standard error of the simulation itself.
SLACK = 0.015 + (NOMINAL * (1 - NOMINAL) / SAMPLES) ** 0.5
CREDITS = 0.03


@dataclass(frozen=True)
class World:
    """A ledger: members with so many lines, the share that is wild, and how often the rule says otherwise.

    `missed` is the chance that the rule calls a wild line on contract, `alarmed` the opposite.
    """

    wild: float
    missed: float
    alarmed: float
    drawn: int = 80
    members: int = 1
    lines: int = 1500
    precision: float | None = None


WORLDS = {
    "good_rule": World(0.25, 0.08, 0.03),
    "bad_rule": World(0.25, 0.50, 0.30),
    "useless_rule": World(0.30, 0.50, 0.50),
    "small_share": World(0.06, 0.20, 0.02, drawn=150),
    "few_members": World(0.20, 0.10, 0.05, drawn=50, members=3),
    "planned": World(0.25, 0.10, 0.033, precision=0.08),
}


def simulated(
    name: str, world: World, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame, float, int]:
    """Drawn and reviewed lines, strata, the true share, and the number drawn of each member."""
    drawn, strata = [], []
    wild_total = area_total = 0.0
    size = world.drawn
    for member in range(world.members):
        amount = rng.lognormal(8, 1.2, world.lines).round(2)
        amount[rng.random(world.lines) < CREDITS] *= -0.3
        amount = amount.round(2)
        in_area = rng.random(world.lines) < 0.85
        wild = in_area & (
            rng.random(world.lines) < world.wild * (1 + 0.5 * (member - (world.members - 1) / 2))
        )
        turned = rng.random(world.lines) < np.where(wild, world.missed, world.alarmed)
        rule_wild = in_area & (wild ^ turned)
        wild_total += amount[wild].sum()
        area_total += amount[in_area].sum()
        if world.precision is not None:
            rule = np.select([rule_wild, in_area], ["wild", "on_contract"], "uncovered")
            size = sampling.needed(pl.DataFrame({"amount_net": amount, "rule_class": rule}), world.precision)
        credit = amount < 0
        credits = max(
            sampling.FEWEST_CREDITS, round(size * np.abs(amount[credit]).sum() / np.abs(amount).sum())
        )
        for sign, n in ((~credit, size - credits), (credit, credits)):
            at = np.flatnonzero(sign)
            chance = sampling.probabilities(np.abs(amount[at]), n)
            taken = chance >= 1
            u = rng.random((SAMPLES, at.size))
            rank = np.where(taken, -1.0, u / (1 - u) * (1 - chance) / np.maximum(chance, 1e-300))
            chosen = np.argpartition(rank, n - 1, axis=1)[:, :n]
            sample = np.repeat(np.arange(SAMPLES), n)
            line = chosen.ravel()
            place = at[line]
            label = np.where(taken[line], "take_all", "credit" if credit[at[0]] else "debit")
            drawn.append(
                pl.DataFrame(
                    {
                        "sample": sample,
                        "member_code": [f"{member}"] * sample.size,
                        "stratum": label,
                        "inclusion_probability": chance[line],
                        "amount_net": amount[place],
                        "rule_class": np.select(
                            [rule_wild[place], in_area[place]], ["wild", "on_contract"], "uncovered"
                        ),
                        "verdict": np.select(
                            [wild[place], in_area[place]], ["wild", "on_contract"], "uncovered"
                        ),
                    }
                )
            )
            for stratum, inside in (("take_all", taken), ("credit" if credit[at[0]] else "debit", ~taken)):
                if inside.any():
                    here = at[inside]
                    strata.append(
                        {
                            "member_code": f"{member}",
                            "stratum": stratum,
                            "rule_wild_amount": amount[here][rule_wild[here]].sum().round(2),
                            "rule_area_amount": amount[here][in_area[here]].sum().round(2),
                        }
                    )
    prefix = pl.lit(f"{name}|")
    lines = pl.concat(drawn).with_columns(sample_id=prefix + pl.col("sample").cast(pl.String)).drop("sample")
    frame = pl.DataFrame(strata).join(lines.select("sample_id").unique(), how="cross")
    return lines, frame, wild_total / area_total, size


STAGE = """
create table procurement.main.invoice_sample as
select * replace (cast(amount_net as decimal(18, 2)) as amount_net), 1 / inclusion_probability as weight,
    verdict is not null as is_reviewed
from drawn;
create or replace table working.run.sample_strata as
select * replace (cast(rule_wild_amount as decimal(18, 2)) as rule_wild_amount,
    cast(rule_area_amount as decimal(18, 2)) as rule_area_amount) from strata;
create or replace table working.run.samples as
select distinct sample_id, sample_id as period, 1 as number from strata;
"""


@pytest.fixture(scope="module")
def estimates(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """What the model says of every simulated sample as a whole, with the true share of its world."""
    rng = np.random.default_rng(20260102)
    workspace = Workspace(tmp_path_factory.mktemp("samples"))
    connection = build.fresh(workspace, Settings(organisation="prov", members=["1"]), date(2022, 12, 31))
    made = {name: simulated(name, world, rng) for name, world in WORLDS.items()}
    connection.register("drawn", pl.concat(lines for lines, *_ in made.values()).to_arrow())
    connection.register("strata", pl.concat(frame for _, frame, *_ in made.values()).to_arrow())
    connection.execute(STAGE)
    connection.close()
    told = dbt_in(workspace, "run", "--select", "invoice_sample_estimate")
    assert all(status.startswith("success") for status in told.values()), told
    connection = build.connect(workspace)
    found = connection.sql(
        "select split_part(sample_id, '|', 1) as world, * from invoice_sample_estimate where member_code = 'ALL'"
    ).pl()
    connection.close()
    truth = pl.DataFrame({"world": list(made), "truth": [truth for *_, truth, _ in made.values()]})
    return found.join(truth, on="world")


def covered(estimates: pl.DataFrame, world: str, method: str) -> float:
    found = estimates.filter(world=world, method=method)
    assert len(found) == SAMPLES
    assert found["status"].unique().to_list() == ["estimated"]
    holds = (found["wild_share_low"] <= found["truth"]) & (found["truth"] <= found["wild_share_high"])
    return float(holds.mean() or 0)


# Where only a handful of reviewed lines differ from the rule, chance comes in leaps and the interval errs to be wide.
MANY_DIFFER = ("bad_rule", "useless_rule", "few_members")


@pytest.mark.parametrize("world", WORLDS)
def test_the_design_based_interval_holds_the_truth_as_often_as_it_says(
    world: str, estimates: pl.DataFrame
) -> None:
    assert covered(estimates, world, "design_based") == pytest.approx(NOMINAL, abs=SLACK)


@pytest.mark.parametrize("world", WORLDS)
def test_the_model_assisted_interval_holds_the_truth_at_least_as_often_as_it_says(
    world: str, estimates: pl.DataFrame
) -> None:
    share = covered(estimates, world, "model_assisted")
    assert share >= NOMINAL - SLACK
    if world in MANY_DIFFER:
        assert share <= NOMINAL + SLACK


def test_a_good_rule_makes_the_interval_narrower(estimates: pl.DataFrame) -> None:
    gain = estimates.filter(world="good_rule", method="model_assisted")["width_gain"].mean()
    assert isinstance(gain, float)
    assert gain > 0.2


def test_the_size_that_a_precision_asks_for_gives_that_precision(estimates: pl.DataFrame) -> None:
    wanted = WORLDS["planned"].precision
    found = estimates.filter(world="planned", method="design_based")
    half = (found["wild_share_high"] - found["wild_share_low"]).median() / 2  # type: ignore[operator]
    assert half == pytest.approx(wanted, rel=0.1)
