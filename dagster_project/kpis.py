"""Reads the indicators: each is one SQL and one YAML of the same name, listed once in `dbt/dbt_project.yml`.

What does not belong here: any arithmetic; that is done once, in the scorecard models.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dagster_project.settings import DBT_DIR
from dagster_project.shipped import read_yaml


class IndicatorError(Exception):
    """An indicator's YAML is not well formed; the text names the indicator and the key."""


class Indicator(BaseModel):
    """What is declared of one indicator.

    `requires` are sources without which it is `no_data`. `coverage_like` names the indicator whose coverage it shares:
    what is counted in invoices is covered as far as the money on their lines is. Five keys serve `kpi_lint` alone:
    `concept` is shared by indicators that measure the same thing in different ways, `same_over_another_basis` names the
    one with the same numerator in words but another denominator, `area` is shared by parts that a plan may treat as
    one, `is_index` says that the value is points on a scale though it is written as a share, and `stands_for` names
    the indicator that this one is taken for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name_sv: str
    name_en: str
    objective: str
    unit: str
    direction: str
    basis: str
    aggregation: Literal["ratio", "sum", "count_distinct", "median", "estimate"]
    source_document: str
    concept: str | None = None
    same_over_another_basis: str | None = None
    area: str | None = None
    is_index: bool = False
    stands_for: str | None = None
    record_kind: str
    requires: tuple[str, ...]
    requires_any: tuple[str, ...] = ()
    event_count: bool = False
    told_by: tuple[str, ...] = ()
    own_dimensions: bool = False
    period_rule: str | None = None
    coverage_like: str | None = None
    definition_sv: str
    definition_en: str
    numerator_sv: str
    numerator_en: str
    denominator_sv: str = ""
    denominator_en: str = ""
    left_out_sv: str
    left_out_en: str
    weakness_sv: str
    weakness_en: str
    version: str
    since: str


def listed_indicators(dbt_dir: Path = DBT_DIR) -> tuple[str, ...]:
    """The ids of the live indicators, in the order of the list in dbt_project.yml."""
    project = read_yaml(dbt_dir / "dbt_project.yml")
    return tuple(project["vars"]["indicators"])


def indicator_file(kpi_id: str, kind: str, dbt_dir: Path = DBT_DIR) -> Path:
    """Where an indicator's SQL or YAML lies; `kind` is the ending of its name."""
    return dbt_dir / "models" / "marts" / "kpi" / f"kpi_{kpi_id}.{kind}"


@functools.cache
def load_indicators(dbt_dir: Path = DBT_DIR) -> dict[str, Indicator]:
    """Every listed indicator by id, in the order of the list; IndicatorError for a file that is not well formed."""
    indicators = {}
    for kpi_id in listed_indicators(dbt_dir):
        document = read_yaml(indicator_file(kpi_id, "yml", dbt_dir))
        meta = document["models"][0]["config"]["meta"]["kpi"]
        try:
            indicators[kpi_id] = Indicator(id=kpi_id, **meta)
        except ValidationError as error:
            first = error.errors()[0]
            raise IndicatorError(f"kpi_{kpi_id}.yml: {first['loc'][0]}: {first['msg']}") from error
    return indicators
