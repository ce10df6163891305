"""The road of a new indicator: the skeleton, walked in a copy of the dbt project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dagster_project import scaffold
from dagster_project.flow import build
from dagster_project.kpis import indicator_file, listed_indicators, load_indicators
from dagster_project.scaffold import ScaffoldError, new_indicator
from tests.dbt.conftest import NEW, SmallWorld, copied


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The dbt project without what dbt has made of it."""
    return copied(tmp_path)


def test_the_skeleton_is_two_files_and_a_word_in_the_list(copy: Path) -> None:
    before = (copy / "dbt_project.yml").read_text(encoding="utf-8")
    files = {path for path in copy.rglob("*") if path.is_file()}
    sql, words, project = new_indicator(NEW, copy)
    assert {path for path in copy.rglob("*") if path.is_file()} - files == {sql, words}
    assert (sql, words) == (indicator_file(NEW, "sql", copy), indicator_file(NEW, "yml", copy))
    assert project.read_text(encoding="utf-8").replace(f"    - {NEW}\n", "") == before
    assert listed_indicators(copy) == (*listed_indicators(), NEW)
    assert load_indicators(copy)[NEW].id == NEW
    assert scaffold.PLACE not in sql.read_text(encoding="utf-8") + words.read_text(encoding="utf-8")


def test_dbt_builds_with_the_skeleton_and_its_worked_example_holds(small_world: SmallWorld) -> None:
    failed = {
        name: said for name, said in small_world.told.items() if not said.startswith(("success", "pass"))
    }
    assert failed == {}
    assert [name for name in small_world.told if name.startswith("unit_test.") and f"kpi_{NEW}__" in name]


def test_the_new_indicator_is_last_in_the_catalogue_and_has_no_data_in_any_period(
    small_world: SmallWorld,
) -> None:
    with build.connect(small_world.workspace) as con:
        catalogue = con.execute("select kpi_id, name_en from kpi_catalogue order by position").fetchall()
        statuses = con.execute(
            "select distinct status, actual from kpi_values where kpi_id = ?", [NEW]
        ).fetchall()
    assert [kpi_id for kpi_id, _ in catalogue] == [*listed_indicators(), NEW]
    assert NEW in catalogue[-1][1]
    assert statuses == [("no_data", None)]


@pytest.mark.parametrize(
    ("kpi_id", "kind"),
    [
        ("coordinated_share", "exists"),
        ("Elbilar", "bad_id"),
        ("elbilar-andel", "bad_id"),
        ("../elbilar", "bad_id"),
        ("1_share", "bad_id"),
        ("share_", "bad_id"),
        ("a" * 51, "bad_id"),
        ("", "bad_id"),
    ],
)
def test_an_id_that_is_malformed_or_taken_is_refused_and_nothing_is_written(
    copy: Path, kpi_id: str, kind: str
) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with pytest.raises(ScaffoldError) as refused:
        new_indicator(kpi_id, copy)
    assert refused.value.kind == kind
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_an_unlisted_file_is_not_overwritten(copy: Path) -> None:
    words = copy / "models" / "marts" / "kpi" / f"kpi_{NEW}.yml"
    words.write_text("mine", encoding="utf-8")
    with pytest.raises(ScaffoldError):
        new_indicator(NEW, copy)
    assert words.read_text(encoding="utf-8") == "mine"
    assert NEW not in listed_indicators(copy)


def test_outside_a_checkout_the_command_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError) as refused:
        new_indicator(NEW, tmp_path)
    assert refused.value.kind == "no_checkout"


def test_the_command_tells_of_a_taken_id_in_one_plain_sentence() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mattstock")), "new-indicator", "coordinated_share"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("coordinated_share ")
    assert len(done.stderr.splitlines()) == 1


def test_the_skeleton_leaves_its_words_to_be_written() -> None:
    skeleton = build.DBT_DIR / "skeleton" / "indicator.yml"
    told = yaml.safe_load(skeleton.read_text(encoding="utf-8"))["models"][0]["config"]["meta"]["kpi"]
    words = {key: text for key, text in told.items() if key.endswith(("_sv", "_en"))}
    assert words
    assert all(text.startswith(("SKRIV:", "WRITE:")) for text in words.values())
    assert scaffold.PLACE in told["name_sv"]
