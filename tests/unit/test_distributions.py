"""The distributions that the models write out as SQL, against tables."""

from __future__ import annotations

import duckdb
import jinja2
import pytest

from dagster_project.settings import DBT_DIR

MACROS = (DBT_DIR / "macros" / "distributions.sql").read_text(encoding="utf-8")


def value(call: str) -> float:
    """What a call of one of the macros gives in DuckDB."""
    expression = jinja2.Environment().from_string(f"{MACROS}{{{{ {call} }}}}").render()
    [[found]] = duckdb.sql(f"select {expression}").fetchall()
    return float(found)


@pytest.mark.parametrize(
    ("z", "probability"),
    [(-2.326348, 0.01), (-1.281552, 0.1), (0, 0.5), (0.674490, 0.75), (1.959964, 0.975), (3.090232, 0.999)],
)
def test_the_normal_distribution_is_that_of_the_tables(z: float, probability: float) -> None:
    assert value(f"normal_cdf('({z})')") == pytest.approx(probability, abs=1e-6)


# Half a chi-square of 2 x shape degrees of freedom: its mean and variance are both the shape.
@pytest.mark.parametrize(
    ("shape", "tenth", "ninth"),
    [(1, 0.105, 2.303), (2, 0.532, 3.890), (9, 5.432, 12.995), (20, 14.525, 25.903)],
)
def test_the_gamma_distribution_is_near_the_tables(shape: int, tenth: float, ninth: float) -> None:
    for z, probability, quantile in [(-1.281552, 0.1, tenth), (1.281552, 0.9, ninth)]:
        assert value(f"gamma_quantile('{shape}', '{shape}', '{z}')") == pytest.approx(quantile, abs=0.03)
        assert value(f"gamma_cdf('{quantile}', '{shape}', '{shape}')") == pytest.approx(probability, abs=0.01)


def test_what_does_not_vary_is_certain() -> None:
    assert value("gamma_quantile('4', '0', '1.28')") == 4
    assert [value(f"gamma_cdf('{x}', '4', '0')") for x in ("-0.5", "3.9", "4.1")] == [0, 0, 1]
    assert value("gamma_cdf('0.5', '0', '0')") == 1
