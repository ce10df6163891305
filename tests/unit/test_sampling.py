"""The draw of a sample: chances by amount, strata, repeatability, the size for a precision, and the record."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.flow import samples, sampling
from dagster_project.settings import Workspace


def frame(amounts: list[float], member: str = "0001", rule: str = "on_contract") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "buyer_unit_id": ["u"] * len(amounts),
            "fiscal_year": [2022] * len(amounts),
            "invoice_id": [f"f{at}" for at in range(len(amounts))],
            "line_no": [1] * len(amounts),
            "member_code": [member] * len(amounts),
            "booking_date": [date(2022, 5, 1)] * len(amounts),
            "amount_net": [Decimal(str(round(amount, 2))) for amount in amounts],
            "rule_class": [rule] * len(amounts),
        },
        schema_overrides={"amount_net": samples.MONEY},
    )


def ledger() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    return frame([*rng.lognormal(8, 1.5, 400), -500.0, -30.0, -2000.0])


def test_chance_follows_the_amount_and_what_is_larger_than_the_interval_is_taken() -> None:
    chance = sampling.probabilities(np.array([1000.0, 10.0, 20.0, 30.0]), 2)
    assert chance == pytest.approx([1, 1 / 6, 2 / 6, 3 / 6])


def test_a_sample_as_large_as_the_frame_takes_everything() -> None:
    assert sampling.probabilities(np.array([5.0, 1.0]), 2).tolist() == [1, 1]


def test_the_same_name_draws_the_same_lines_and_another_name_others() -> None:
    first, again, other = (sampling.drawn(ledger(), {"0001": 50}, name)[1] for name in ("A", "A", "B"))
    assert first.equals(again)
    assert set(first["invoice_id"]) != set(other["invoice_id"])


def test_the_strata_hold_the_whole_frame_and_the_sample_has_its_size() -> None:
    strata, lines = sampling.drawn(ledger(), {"0001": 50}, "A")
    assert strata["population_lines"].sum() == 403
    assert strata["amount"].sum() == ledger()["amount_net"].sum()
    assert len(lines) == strata["drawn_lines"].sum() == 50
    assert set(strata["stratum"]) == {"take_all", "debit", "credit"}
    assert lines.filter(stratum="take_all")["inclusion_probability"].unique().to_list() == [1.0]
    assert lines.filter(stratum="credit")["amount_net"].max() < 0


def test_a_line_is_drawn_as_often_as_its_chance_says() -> None:
    lines = frame(list(np.linspace(100, 2000, 40)))
    often = dict.fromkeys(lines["invoice_id"], 0)
    for draw in range(300):
        for name in sampling.drawn(lines, {"0001": 8}, f"S{draw}")[1]["invoice_id"]:
            often[name] += 1
    expected = sampling.probabilities(lines["amount_net"].cast(pl.Float64).to_numpy(), 8) * 300
    error = np.array(list(often.values())) - expected
    assert np.abs(error / np.sqrt(expected)).max() < 4


def test_a_stated_size_is_shared_by_amount_with_a_least_number_to_each_or_given_to_each() -> None:
    both = pl.concat([frame([900.0] * 200), frame([1.0] * 200, "0002")])
    assert sampling.planned(both, 100, False, None) == {"0001": 100, "0002": sampling.FEWEST}
    assert sampling.planned(both, 100, True, None) == {"0001": 100, "0002": 100}


def test_a_finer_precision_asks_for_more_lines() -> None:
    sizes = [sampling.needed(ledger(), precision) for precision in (0.10, 0.05, 0.02)]
    assert sizes == sorted(set(sizes))


def test_a_recorded_sample_is_read_back_is_never_written_over_and_is_refused_when_changed(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path)
    strata, lines = sampling.drawn(ledger(), {"0001": 50}, "2022-S1")
    design = {
        "sample_id": "2022-S1", "period": "2022", "period_start": "2022-01-01", "period_end": "2022-12-31", "number": 1,
        "release_id": "r", "recorded_at": "2023-01-01T00:00:00Z",
    }  # fmt: skip
    assert samples.fingerprint(workspace) == ""
    folder = samples.record(workspace, design, strata, lines)
    read = samples.read_samples(workspace)
    assert read[0].rows(named=True) == [design]
    assert read[1].equals(strata.select(read[1].columns))
    assert read[2].equals(lines.select(read[2].columns))
    with pytest.raises(samples.SampleError, match="2022-S1"):
        samples.record(workspace, design, strata, lines)
    with (folder / samples.LINES_FILE).open("a", encoding="utf-8") as file:
        file.write("2022-S1,u,2022,f9,1,0001,debit,1.0,2022-05-01,1.00,wild\n")
    with pytest.raises(samples.SampleError, match=samples.LINES_FILE):
        samples.read_samples(workspace)
