"""Great Expectations at work: what is expected of small frames, and one verdict for each expectation.

Here, or in a process of its own that a run starts while it reads deliveries: importing the library takes seconds. What
does not belong here: which frames are judged and what is expected of them (validate.py).
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

EXAMPLES = 5


@dataclass(frozen=True)
class Verdict:
    """The result of one expectation: what was expected, what was seen, and whether publication stops on it."""

    suite: str
    name: str
    kind: str  # contract | rule | judgement
    severity: str  # blocking | warning | info
    success: bool
    blocking: bool
    expected: str
    observed: str
    threshold: str
    examples: str
    why: str
    mend_sv: str
    mend_en: str


@dataclass(frozen=True)
class Expectation:
    """What is expected of a frame, as Great Expectations names it, and what it means for publication."""

    name: str
    kind: str
    severity: str
    blocking: bool
    type: str
    arguments: dict[str, Any]
    why: str
    mend_sv: str
    mend_en: str
    may_be_empty: bool = False


# The suite's name, the frame, the columns that an example is named by, and what is expected.
Suite = tuple[str, pl.DataFrame, list[str], list[Expectation]]
Judge = Callable[[Sequence[Suite]], list[Verdict]]


class JudgeApart:
    """Judges as `judge` does, in a process of its own that makes itself ready from the start.

    It ends when it is closed, and also when this process dies, for then nobody asks it any more.
    """

    def __init__(self, log: Path) -> None:
        """`log` takes what the library says beside its verdicts."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", "from dagster_project.flow.judging import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
            )
        self._log = log

    def __call__(self, suites: Sequence[Suite]) -> list[Verdict]:
        """One verdict per expectation. RuntimeError where the process died; its log says of what."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(list(suites), self._process.stdin)
            self._process.stdin.flush()
            verdicts: list[Verdict] = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            raise RuntimeError(f"the process that judges died; see {self._log}") from error
        return verdicts

    def close(self) -> None:
        """Let the process end."""
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    """What the process of its own does: judge what comes on standard input until nothing more comes."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not garble the answer
        import great_expectations  # noqa: F401 - while nobody waits for it

        while True:
            try:
                suites = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            pickle.dump(judge(suites), answers)
            answers.flush()


def judge(suites: Sequence[Suite]) -> list[Verdict]:
    """One verdict per expectation, in this process."""
    # Importing Great Expectations takes seconds; commands that judge nothing must not pay for it.
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    definition = (
        context.data_sources.add_pandas("arrived")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("whole")
    )
    verdicts: list[Verdict] = []
    for suite_name, frame, index, expectations in suites:
        if frame.is_empty():
            verdicts += [_of_nothing(suite_name, expectation) for expectation in expectations]
            continue
        batch = definition.get_batch(batch_parameters={"dataframe": frame.to_pandas()})
        suite = gx.ExpectationSuite(
            name=suite_name,
            expectations=[
                ExpectationConfiguration(
                    type=e.type, kwargs=e.arguments, meta={"position": position}
                ).to_domain_obj()
                for position, e in enumerate(expectations)
            ],
        )
        outcome = batch.validate(
            suite, result_format={"result_format": "COMPLETE", "unexpected_index_column_names": index}
        )
        seen: set[int] = set()
        for result in outcome.results:
            position = result.expectation_config.meta["position"]
            seen.add(position)
            verdicts.append(_verdict(suite_name, expectations[position], result.to_json_dict(), index))
        for position in set(range(len(expectations))) - seen:
            raise RuntimeError(f"{suite_name}: {expectations[position].name} gave no result")
    return verdicts


def _of_nothing(suite: str, expectation: Expectation) -> Verdict:
    """Not applicable counts as failure, unless it was said to be allowed."""
    return Verdict(
        suite=suite,
        name=expectation.name,
        kind=expectation.kind,
        severity=expectation.severity,
        success=expectation.may_be_empty,
        blocking=expectation.blocking,
        expected=_words(expectation),
        observed="nothing to judge",
        threshold=_threshold(expectation),
        examples="",
        why=expectation.why,
        mend_sv=expectation.mend_sv,
        mend_en=expectation.mend_en,
    )


def _verdict(suite: str, expectation: Expectation, result: Mapping[str, Any], index: list[str]) -> Verdict:
    raised = _exception(result["exception_info"])
    detail = result["result"]
    if raised:
        observed, examples = f"could not be judged: {raised}", ""
    elif "unexpected_count" in detail:
        observed = f"{detail['unexpected_count']} of {detail['element_count']} fail"
        places = detail.get("unexpected_index_list") or []
        examples = "; ".join(
            ", ".join(f"{key}={value}" for key, value in place.items()) for place in places[:EXAMPLES]
        )
    else:
        observed, examples = str(detail.get("observed_value")), ""
    return Verdict(
        suite=suite,
        name=expectation.name,
        kind=expectation.kind,
        severity=expectation.severity,
        success=bool(result["success"]) and not raised,
        blocking=expectation.blocking,
        expected=_words(expectation),
        observed=observed,
        threshold=_threshold(expectation),
        examples=examples,
        why=expectation.why,
        mend_sv=expectation.mend_sv,
        mend_en=expectation.mend_en,
    )


def _exception(info: Mapping[str, Any]) -> str:
    """The message of an exception inside Great Expectations, which `success=False` alone would hide."""
    if "raised_exception" in info:
        return str(info["exception_message"]) if info["raised_exception"] else ""
    return "; ".join(str(entry["exception_message"]) for entry in info.values() if entry["raised_exception"])


def _words(expectation: Expectation) -> str:
    arguments = ", ".join(f"{key}={value}" for key, value in expectation.arguments.items())
    return f"{expectation.type}({arguments})"


def _threshold(expectation: Expectation) -> str:
    bounds = {
        k: v
        for k, v in expectation.arguments.items()
        if k in ("min_value", "max_value", "value_set", "value")
    }
    return ", ".join(f"{key}={value}" for key, value in bounds.items())
