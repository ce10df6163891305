"""The house rules as tests: one-way rooms, declared once, one reader of the environment, one catalogue of words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dagster_project.expectations import arrival_judgements, arrival_rules, mart_expectations
from dagster_project.kpis import indicator_file, listed_indicators, load_indicators
from dagster_project.messages import LANGUAGES, known_keys, message
from dagster_project.report.indicators import page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dagster_project"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# A room may import only from rooms with a lower number; what is not named here is free of rooms.
ROOMS: dict[str, float] = {
    "dagster_project.flow.values": 1,
    "dagster_project.flow.readers": 1,
    "dagster_project.flow.dialects": 1.5,
    "dagster_project.flow.ingest": 2,
    "dagster_project.flow.standardise": 2,
    "dagster_project.flow.parse": 3,
    "dagster_project.flow.adapters": 4,
    "dagster_project.flow.answers": 4,
    "dagster_project.flow.reconcile": 5,
    "dagster_project.flow.foreign": 5.5,
    "dagster_project.flow.freshness": 5.7,
    "dagster_project.flow.judging": 5.8,
    "dagster_project.flow.validate": 6,
    "dagster_project.flow.corrections": 6.5,
    "dagster_project.flow.build": 7,
    "dagster_project.flow.dbt_process": 7.5,
    "dagster_project.flow.faults": 0,
    "dagster_project.flow.lock": 0,
    "dagster_project.flow.history": 0,
    "dagster_project.flow.releases": 8,
    "dagster_project.flow.closed": 8.2,
    "dagster_project.flow.recompute": 8.4,
    "dagster_project.flow.changes": 8.6,
    "dagster_project.flow.dbt_docs": 8.8,
    "dagster_project.flow.swedish_views": 8.8,
    "dagster_project.flow.publish": 9,
    "dagster_project.flow.refresh": 10,
    "dagster_project.flow.closing": 10.5,
    "dagster_project.flow.samples": 2,
    "dagster_project.flow.sampling": 10.6,
    "dagster_project.report": 11,
    "dagster_project.orchestration": 11,
    "dagster_project.definitions": 12,
    "dagster_project.orchestration.execute": 13,
    "dagster_project.cli": 14,
}
EVERYBODY = ("settings", "messages", "contracts", "expectations", "kpis")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("dagster_project.")}


def room_of(module: str) -> tuple[str, float] | None:
    matches = [room for room in ROOMS if module == room or module.startswith(room + ".")]
    return (max(matches, key=len), ROOMS[max(matches, key=len)]) if matches else None


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_reaches_back(path: Path) -> None:
    own = room_of(name_of(path))
    for imported in imports_of(path):
        other = room_of(imported)
        if own and other and own[0] != other[0]:
            assert other[1] <= own[1], f"{name_of(path)} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_everybody_reads_knows_no_room(path: Path) -> None:
    if name_of(path).split(".")[1:2] and name_of(path).split(".")[1] in EVERYBODY:
        assert all(room_of(imported) is None for imported in imports_of(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if name_of(path) == "dagster_project.settings":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            pytest.fail(f"{name_of(path)} reads the environment in line {node.lineno}")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_belongs_there(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_the_list_of_indicators_is_the_files() -> None:
    listed = set(listed_indicators())
    assert len(listed) == len(listed_indicators())
    for kind in ("sql", "yml"):
        files = indicator_file("*", kind)
        assert {path.stem.removeprefix("kpi_") for path in files.parent.glob(files.name)} == listed
    assert set(load_indicators()) == listed


def test_no_indicator_is_left_a_skeleton() -> None:
    for kpi_id in listed_indicators():
        for kind in ("sql", "yml"):
            text = indicator_file(kpi_id, kind).read_text(encoding="utf-8")
            assert not re.search(r"\b(SKRIV|WRITE):", text), kpi_id


def test_what_indicators_say_of_each_other_is_so() -> None:
    indicators = load_indicators().values()
    shared = [topic for indicator in indicators for topic in (indicator.concept, indicator.area)]
    for indicator in indicators:
        assert {indicator.stands_for, indicator.same_over_another_basis} <= {None, *load_indicators()}
        # A concept or an area is what several indicators have in common.
        assert all(topic is None or shared.count(topic) > 1 for topic in (indicator.concept, indicator.area))


def test_the_page_about_the_indicators_is_theirs() -> None:
    written = (ROOT / "docs" / "indicators.md").read_text(encoding="utf-8")
    assert written == page(), "make indicators"


def test_every_language_has_every_message_with_the_same_places() -> None:
    places = re.compile(r"(?<!\{)\{(\w+)\}")
    keys = known_keys(LANGUAGES[0])
    for language in LANGUAGES[1:]:
        assert known_keys(language) == keys
    raw = {
        language: (PACKAGE / "messages" / f"{language}.yml").read_text(encoding="utf-8")
        for language in LANGUAGES
    }
    assert all(places.search(text) for text in raw.values())
    for text in raw.values():
        # YAML takes the last of two texts with one key and says nothing.
        written = re.findall(r"^([\w.]+):", text, re.MULTILINE)
        assert len(written) == len(set(written))


def test_a_message_with_a_missing_argument_is_an_error() -> None:
    with pytest.raises(KeyError):
        message("cli.published")


def test_expectations_have_names_of_their_own() -> None:
    names = [rule.name for rule in arrival_rules()]
    names += [judgement.name for judgement in (*arrival_judgements(), *mart_expectations()[1])]
    assert len(names) == len(set(names))


def test_every_judgement_at_the_marts_has_its_batch() -> None:
    batches, judgements = mart_expectations()
    assert {judgement.batch for judgement in judgements} == {batch.name for batch in batches}


def test_code_knows_no_municipality() -> None:
    words = re.compile(
        r"\b(Falun|Borlänge|Sörmland|Västmanland|Ludvika|Säter|Hedemora|Gagnef|Smedjebacken)\b"
    )
    for path in [*MODULES, *(ROOT / "dbt").glob("models/**/*.sql")]:
        assert not words.search(path.read_text(encoding="utf-8")), path


BLOCKING = {
    "every_file_conserves_its_rows", "required_sources_are_delivered", "own_errors_within_tolerance",
    "rows_lost_with_a_parent_within_tolerance", "no_file_is_rejected", "shares_lie_between_0_and_1",
    "coverage_lies_between_0_and_1", "one_row_per_figure", "every_indicator_has_every_period", "evidence_adds_up",
    "estimates_lie_in_their_intervals",
    "no_indicator_is_lost", "every_accepted_line_is_a_fact", "every_krona_is_in_the_facts",
    "every_line_has_one_known_class", "class_amounts_add_up", "purchase_figures_counted_twice_agree",
    "the_cube_holds_every_krona",
}  # fmt: skip


def test_what_stops_publication_is_what_was_agreed() -> None:
    judgements = (*arrival_judgements(), *mart_expectations()[1])
    assert {judgement.name for judgement in judgements if judgement.severity == "blocking"} == BLOCKING
    waived = {judgement.name for judgement in judgements if judgement.waived_by_accept_quarantine}
    assert waived == {
        "own_errors_within_tolerance",
        "rows_lost_with_a_parent_within_tolerance",
        "no_file_is_rejected",
    }
