"""The linter of targets: each rule finds its weakness and is silent where it is mended; the shipped boards in full.

The compiled model runs on small tables of its own; the catalogue is the indicators' real YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from dagster_project.flow import build
from dagster_project.kpis import load_indicators
from dagster_project.settings import PROJECT_ROOT, Settings, Workspace
from tests.dbt_here import dbt_in

BOARDS = PROJECT_ROOT / "dagster_project" / "demo" / "boards"
TARGETS = {
    "plan_id": pl.String, "kpi_id": pl.String, "valid_from": pl.String, "valid_to": pl.String, "operator": pl.String,
    "target_value": pl.String, "member_code": pl.String, "note": pl.String, "organisation": pl.String,
}  # fmt: skip
OUTCOMES = {"organisation": pl.String, "kpi_id": pl.String, "period": pl.String}

Finding = tuple[str, str, str]
Target = dict[str, str | None]


def target(kpi_id: str, operator: str, value: str | None, year: int = 2022, **other: str | None) -> Target:
    """One row of `targets`, for a plan of one year unless said otherwise."""
    row: Target = {
        "plan_id": f"plan_{year}",
        "kpi_id": kpi_id,
        "valid_from": f"{year}-01-01",
        "valid_to": f"{year}-12-31",
        "operator": operator,
        "target_value": value,
        "organisation": "prov",
    }
    return row | other


class Linter:
    """The compiled model over tables that each case fills anew."""

    def __init__(self, workspace: Workspace) -> None:
        self.con = build.connect(workspace)
        target = build.build_database(workspace).with_name("target")
        [compiled] = target.rglob("compiled/**/scorecard/kpi_lint.sql")
        self.sql = compiled.read_text(encoding="utf-8")
        catalogue = pl.DataFrame(
            [
                indicator.model_dump() | {"kpi_id": indicator.id, "position": position}
                for position, indicator in enumerate(load_indicators().values())
            ]
        )
        self.con.register("catalogue", catalogue)
        self.con.execute("create or replace table procurement.main.kpi_catalogue as select * from catalogue")
        self.con.execute(
            "create or replace table procurement.main.kpi_values (kpi_id varchar, period_type varchar, "
            "period_end date, member_code varchar, category_group varchar, actual double)"
        )

    def findings(
        self,
        targets: list[Target],
        outcomes: list[tuple[str, str]] | None = None,
        values: list[tuple[str, int]] | None = None,
        organisation: str = "prov",
    ) -> list[tuple[str, str, str, str, str]]:
        rows = pl.DataFrame(targets, schema=TARGETS)
        told = [(organisation, *outcome) for outcome in outcomes or []]
        published = pl.DataFrame(told, schema=OUTCOMES, orient="row")
        self.con.register("rows", rows)
        self.con.register("published", published)
        self.con.execute("update working.run.settings set organisation = ?", [organisation])
        self.con.execute(
            "create or replace table working.work.stg_targets as select * replace ("
            "cast(valid_from as date) as valid_from, cast(valid_to as date) as valid_to, "
            "cast(target_value as decimal(18, 6)) as target_value) from rows"
        )
        self.con.execute(
            "create or replace table working.work.stg_published_outcomes as select * from published"
        )
        self.con.execute("delete from procurement.main.kpi_values")
        for kpi_id, year in values or []:
            self.con.execute(
                "insert into procurement.main.kpi_values values (?, 'year', ?, 'ALL', 'ALL', 1)",
                [kpi_id, date(year, 12, 31)],
            )
        return self.con.execute(f"{self.sql} order by all").fetchall()


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    workspace = Workspace(tmp_path_factory.mktemp("lint"))
    build.fresh(workspace, Settings(organisation="prov", members=["1"]), date(2022, 12, 31)).close()
    assert set(dbt_in(workspace, "compile", "--select", "kpi_lint").values()) == {"success "}
    made = Linter(workspace)
    yield made
    made.con.close()


def rules(found: list[tuple[str, str, str, str, str]]) -> set[Finding]:
    return {(rule, kpi_id, plan_id) for rule, kpi_id, plan_id, _, _ in found}


def shipped(linter: Linter, organisation: str) -> set[Finding]:
    """What is found in a shipped board's own targets and outcomes, before anything is counted."""
    folder = BOARDS / organisation
    targets = pl.read_csv(folder / "targets.csv", infer_schema=False).to_dicts()
    outcomes = pl.read_csv(folder / "published_outcomes.csv", infer_schema=False)
    return rules(
        linter.findings(targets, outcomes.select("kpi_id", "period").rows(), organisation=organisation)
    )


def test_every_weakness_of_the_municipal_board_is_found_and_no_other(linter: Linter) -> None:
    now, before = "plan_2023_2025", "plan_2021_2023"
    fidelity = (
        "off_contract_rate_value", "off_contract_rate_count", "off_contract_rate_sample",
        "contract_compliance_value", "supplier_compliance_value",
    )  # fmt: skip
    ending = (
        "contract_followup_count", "loyalty_training_members", "bidders_contacted_count", "reserved_count",
        "training_hours_per_employee",
    )  # fmt: skip
    unmeasured = {
        (before, "environment_advanced_share"), (before, "climate_other_share"), (before, "chemicals_share"),
        (before, "organic_food_share"), (before, "local_food_share"), (now, "organic_food_share"),
        (now, "local_food_share"), (now, "loyalty_training_members"), (now, "bidders_contacted_count"),
        (now, "bidder_survey_procurements"), (now, "environment_management_share"),
        (now, "climate_transport_share"),
    }  # fmt: skip
    assert shipped(linter, "uhc") == {
        ("several_denominators", "coordinated_share", now),
        ("split_between_plans", "climate_transport_share", now),
        ("split_between_plans", "climate_other_share", now),
        *(("target_ends_before_plan", kpi_id, now) for kpi_id in ending),
        ("baseline_without_target", "bidder_satisfaction_index", now),
        ("baseline_without_target", "new_solution_count", now),
        ("index_as_percentage", "customer_satisfaction_index", now),
        *(("no_target", kpi_id, now) for kpi_id in (*fidelity, "supplier_count")),
        ("said_to_differ_by_member", "organic_food_share", now),
        ("said_to_differ_by_member", "local_food_share", now),
        ("said_to_differ_by_member", "plant_based_food_share", now),
        ("target_without_sign", "budget_deviation", now),
        *(("target_without_baseline", kpi_id, plan_id) for plan_id, kpi_id in unmeasured),
    }


def test_every_weakness_of_the_regional_board_is_found_and_no_other(linter: Linter) -> None:
    assert shipped(linter, "sormland_vastmanland") == {
        ("count_became_share", "coordinated_share", "vp_2025"),
        ("target_without_baseline", "coordinated_share", "vp_2025"),
        *(
            ("target_counts_more_than_it_stands_for", "enabled_savings", f"vp_{year}")
            for year in (2022, 2023, 2024, 2025)
        ),
    }


CLEAN = [
    target("coordinated_share", ">=", "0.8", 2021),
    target("coordinated_share", ">=", "0.85", 2022),
    target("coordinated_share", ">=", "0.9", 2022, member_code="9101"),
    target("contract_followup_count", ">=", "250", 2022, note="A och B genom möte"),
    target("climate_transport_share", ">=", "0.05", 2021),
    target("climate_transport_share", ">=", "0.10", 2022),
    target("business_climate_rank_mean", "decrease", None, 2022),
    target("new_solution_count", "baseline", None, 2021),
    target("new_solution_count", ">=", "3", 2022),
    target("regional_bid_share", "measure", None, 2022),
    target("organic_food_share", ">=", "0.5", 2022, note="målet kan skilja sig mellan kommuner"),
    target("organic_food_share", ">=", "0.6", 2022, member_code="9101"),
]
KNOWN = [(str(row["kpi_id"]), "2020") for row in CLEAN]


def test_a_clean_set_of_targets_gives_nothing(linter: Linter) -> None:
    assert linter.findings(CLEAN, KNOWN) == []


def test_two_measures_of_one_thing_are_neither_a_split_area_nor_two_denominators(linter: Linter) -> None:
    another = [
        target("coordinated_share", ">=", "0.5", 2021),
        target("coordinated_share", ">=", "0.6", 2022),
        target("coordinated_count", ">=", "30", 2022),
        target("contract_compliance_value", ">=", "0.8", 2022),
        target("supplier_compliance_value", ">=", "0.9", 2022),
        target("off_contract_rate_count", "<", "0.2", 2022),
    ]
    assert linter.findings(another) == []


def test_without_targets_there_is_nothing_to_say(linter: Linter) -> None:
    assert linter.findings([], organisation="uhc") == []


def test_another_organisations_targets_are_not_judged(linter: Linter) -> None:
    bad = target("customer_satisfaction_index", ">", "0.9", organisation="annan")
    assert linter.findings([bad]) == []


# Rule, indicator, targets that have the weakness, and targets without it.
MENDED = [
    (
        "several_denominators",
        "coordinated_share",
        [target("coordinated_share", ">=", "0.8"), target("coordinated_share_announced", ">=", "0.8")],
        [target("coordinated_share", ">=", "0.8")],
    ),
    (
        "split_between_plans",
        "climate_transport_share",
        [
            target("climate_other_share", ">=", "0.2", 2021),
            target("climate_other_share", ">=", "0.2", 2022),
            target("climate_transport_share", ">=", "0.05", 2022),
        ],
        [
            target("climate_other_share", ">=", "0.2", 2021),
            target("climate_transport_share", ">=", "0.05", 2021),
            target("climate_other_share", ">=", "0.2", 2022),
            target("climate_transport_share", ">=", "0.05", 2022),
        ],
    ),
    (
        "count_became_share",
        "coordinated_share",
        [target("coordinated_count", ">=", "30", 2021), target("coordinated_share", ">=", "0.3", 2022)],
        [target("coordinated_count", ">=", "30", 2021), target("coordinated_count", ">=", "35", 2022)],
    ),
    (
        "count_where_plan_says_share",
        "reserved_count",
        [target("reserved_count", ">=", "0.1")],
        [target("reserved_count", ">=", "3", note="varav en inom vård")],
    ),
    (
        "count_where_plan_says_share",
        "reserved_count",
        [target("reserved_count", ">=", "10", note="andel av alla upphandlingar")],
        [target("reserved_count", ">=", "10", note="handelsområden undantagna")],
    ),
    (
        "target_without_unit",
        "environment_any_share",
        [target("environment_any_share", ">=", "98")],
        [target("environment_any_share", ">=", "0.98")],
    ),
    (
        "target_without_value",
        "reserved_count",
        [target("reserved_count", ">=", None)],
        [target("reserved_count", "measure", None)],
    ),
    (
        "target_without_sign",
        "budget_deviation",
        [target("budget_deviation", "abs<", "0.03")],
        [target("budget_deviation", ">", "-0.03")],
    ),
    (
        "index_as_percentage",
        "bidder_satisfaction_index",
        [target("bidder_satisfaction_index", ">", "0.7")],
        [target("bidder_satisfaction_index", "measure", None)],
    ),
    (
        "two_targets_in_one_year",
        "reserved_count",
        [
            target("reserved_count", ">=", "3", valid_to="2022-06-30"),
            target("reserved_count", ">=", "5", valid_from="2022-07-01", plan_id="plan_2023"),
        ],
        [target("reserved_count", ">=", "3", 2021), target("reserved_count", ">=", "5", 2022)],
    ),
    (
        "target_ends_before_plan",
        "reserved_count",
        [
            target("reserved_count", ">=", "3"),
            target("review_count", "<=", "7", valid_to="2023-12-31"),
        ],
        [
            target("reserved_count", ">=", "3"),
            target("reserved_count", ">=", "3", 2023),
            target("review_count", "<=", "7", valid_to="2023-12-31"),
        ],
    ),
    (
        "baseline_without_target",
        "reserved_count",
        [
            target("reserved_count", "baseline", None),
            target("review_count", "<=", "7", valid_to="2023-12-31"),
        ],
        [
            target("reserved_count", "baseline", None),
            target("reserved_count", ">=", "3", 2023),
            target("review_count", "<=", "7", valid_to="2023-12-31"),
        ],
    ),
    (
        "target_counts_more_than_it_stands_for",
        "enabled_savings",
        [target("enabled_savings", ">=", "70000000")],
        [
            target("enabled_savings", ">=", "70000000"),
            target("net_coordination_benefit", ">=", "10000000"),
        ],
    ),
    (
        "said_to_differ_by_member",
        "organic_food_share",
        [target("organic_food_share", ">=", "0.5", note="mål kan skilja per kommun")],
        [target("organic_food_share", ">=", "0.5", note="på uppdrag av minst två kommuner")],
    ),
]


@pytest.mark.parametrize(("rule", "kpi_id", "weak", "mended"), MENDED, ids=[case[0] for case in MENDED])
def test_a_rule_finds_its_weakness_and_is_silent_once_it_is_mended(
    linter: Linter, rule: str, kpi_id: str, weak: list[Target], mended: list[Target]
) -> None:
    assert (rule, kpi_id) in {found[:2] for found in rules(linter.findings(weak))}
    assert rule not in {found[0] for found in rules(linter.findings(mended))}


def test_a_target_has_a_baseline_where_a_figure_was_published_or_counted_before(linter: Linter) -> None:
    aims = [target("reserved_count", ">=", "3"), target("review_count", "<=", "7")]
    found = ("target_without_baseline", "review_count", "plan_2022")
    assert rules(linter.findings(aims, [("reserved_count", "2021")])) == {found}
    assert rules(linter.findings(aims, [("reserved_count", "2021"), ("review_count", "2022")])) == {found}
    assert linter.findings(aims, [("reserved_count", "2021"), ("review_count", "2021-H2")]) == []
    assert linter.findings(aims, [("reserved_count", "2021")], [("review_count", 2021)]) == []
    # Where nothing at all is known of earlier years, nothing is said of one indicator.
    assert linter.findings(aims) == []


def test_what_the_plan_names_wants_a_target_for_it_or_for_another_measure_of_it(linter: Linter) -> None:
    aims = [target("supplier_compliance_value", ">=", "0.9", organisation="uhc")]
    without = {
        kpi_id for rule, kpi_id, _, _, _ in linter.findings(aims, organisation="uhc") if rule == "no_target"
    }
    assert {"supplier_count", "coordinated_share_announced"} <= without
    assert not {"contract_compliance_value", "off_contract_rate_value"} & without


def test_messages_are_sentences_in_both_languages_without_open_places(linter: Linter) -> None:
    weak = [target("coordinated_count", ">=", "30", 2021), target("coordinated_share", ">=", "0.305", 2022)]
    index = target("customer_satisfaction_index", ">", "0.905")
    told = linter.findings([*weak, index])
    for _, _, _, swedish, english in told:
        assert swedish != english
        assert not re.search(r"[{}]|  |\( | ,", swedish + english)
    [(_, _, _, swedish, english)] = [row for row in told if row[0] == "index_as_percentage"]
    assert "90,5 %" in swedish
    assert "90.5 %" in english


def test_every_rule_is_declared_with_its_words_and_used(linter: Linter) -> None:
    used = set(re.findall(r"'(\w+)' as rule,\s", linter.sql.split("words as (")[0]))
    declared = set(re.findall(r"'(\w+)' as rule,\s", linter.sql.split("words as (")[1]))
    assert used == declared
    assert len(used) == 15
