"""Reads what is expected at both borders: `expectations/arrivals/*.yml` and `expectations/marts/*.yml`.

A *rule* looks at rows (`row`: a condition over one row; `set`: rows that cannot stand together) and says what a row
that breaks it meets. A *judgement* is a Great Expectations expectation over a small frame and says whether
publication stops. What a contract can say is not repeated here. What does not belong here: evaluation.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dagster_project.settings import PROJECT_ROOT
from dagster_project.shipped import read_yaml

EXPECTATIONS_DIR = PROJECT_ROOT / "expectations"


class ExpectationError(Exception):
    """An expectations file is not well formed; the text names the file and the key."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """A rule over delivered rows that a contract cannot say.

    `row`: `holds` is an SQL condition over the row alias `r`; NULL counts as holding. `set`: `offenders` is a query
    over `{rows}` (the accepted rows) that gives `file_no, sheet, row` of the rows that break it. `{source}` in
    either stands for the accepted rows of another source.
    """

    name: str
    source: str
    kind: Literal["row", "set"]
    effect: Literal["quarantine", "warn"]
    columns: tuple[str, ...]
    holds: str | None = None
    offenders: str | None = None
    why: str
    message_sv: str
    message_en: str


class Judgement(_Strict):
    """One Great Expectations expectation over a frame made by flow/validate.py."""

    name: str
    batch: str
    expectation: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["blocking", "warning", "info"]
    may_be_empty: bool = False  # an empty frame means that there is nothing to judge, not that judging failed
    waived_by_accept_quarantine: bool = False
    why: str
    mend_sv: str
    mend_en: str


class _Document(_Strict):
    rules: tuple[Rule, ...] = ()
    judgements: tuple[Judgement, ...] = ()


class BatchQuery(_Strict):
    """A frame to be judged at the marts' border: one SQL query over the candidate."""

    name: str
    query: str


class _MartsDocument(_Strict):
    batches: tuple[BatchQuery, ...] = ()
    judgements: tuple[Judgement, ...] = ()


def _read(path: Path, model: type[BaseModel]) -> Any:
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise ExpectationError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


@functools.cache
def arrival_rules() -> tuple[Rule, ...]:
    """Every rule over delivered rows, in file and document order."""
    documents = [_read(path, _Document) for path in sorted((EXPECTATIONS_DIR / "arrivals").glob("*.yml"))]
    return tuple(rule for document in documents for rule in document.rules)


@functools.cache
def arrival_judgements() -> tuple[Judgement, ...]:
    """Every judgement at the first border."""
    documents = [_read(path, _Document) for path in sorted((EXPECTATIONS_DIR / "arrivals").glob("*.yml"))]
    return tuple(judgement for document in documents for judgement in document.judgements)


@functools.cache
def mart_expectations() -> tuple[tuple[BatchQuery, ...], tuple[Judgement, ...]]:
    """The frames and the judgements at the second border."""
    documents = [_read(path, _MartsDocument) for path in sorted((EXPECTATIONS_DIR / "marts").glob("*.yml"))]
    return (
        tuple(batch for document in documents for batch in document.batches),
        tuple(judgement for document in documents for judgement in document.judgements),
    )
