"""A folder of notices alone, from XML to published figures: what they can carry has values, the rest says no data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import Workspace
from tests.deliveries import deliver
from tests.e2e.conftest import Command
from tests.notices import BREWER, NORDBY, ROASTER, SODERBY, Lot, Notice, eforms, numbered, ted

GREEN = (("environmental-impact", "circ-econ"), ("accessibility", "inc"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, mattstock: Command) -> Path:
    """The database published from six calls and five results of 2021."""
    call = Notice(kind="competition", published="2021-02-01", deadline="2021-03-01", lots=(Lot(codes=GREEN),))
    joint = (NORDBY, SODERBY)
    notices = [
        *(eforms(numbered(number, call)) for number in (1, 2, 3, 4)),
        ted(numbered(5, replace(call, buyers=joint))),
        ted(numbered(6, call)),
        eforms(numbered(1, Notice(lots=(Lot(tenders=4),)))),
        eforms(numbered(2, Notice(lots=(Lot(tenders=1),)))),
        eforms(numbered(3, Notice(lots=(Lot(winners=(), reason="no-rece", tenders=None),)))),
        ted(numbered(5, Notice(buyers=joint, lots=(Lot(tenders=3, winners=((BREWER,),)),)))),
        eforms(numbered(6, Notice(central=True, lots=(Lot(tenders=2, winners=((ROASTER, BREWER),)),)))),
    ]
    folder = tmp_path_factory.mktemp("notices")
    workspace: Workspace = deliver(folder, {}, "organisation: riket\nmembers: all\n", base=False)
    (workspace.raw / "notices").mkdir(parents=True)
    for number, text in enumerate(notices):
        (workspace.raw / "notices" / f"{number}.xml").write_text(text, encoding="utf-8")
    done = mattstock("run", "--data", folder, "--as-of", "2021-12-31")
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace.current_database


def test_what_notices_can_carry_has_values_and_the_rest_has_none(release: Path) -> None:
    with duckdb.connect(str(release), read_only=True) as connection:
        values = dict(
            connection.execute(
                "select kpi_id, actual from kpi_values where period = '2021' and member_code = 'ALL' "
                "and category_group = 'ALL' and actual is not null"
            ).fetchall()
        )
        conflicts = connection.execute("select count(*) from source_conflicts").fetchone()
    # Four are completed: one joint, one bought by a central body for nobody knows whom; one was cancelled.
    assert values.pop("coordinated_share") == pytest.approx(1 / 3)
    assert values.pop("coordinated_count") == 1
    assert values.pop("coordinated_share_announced") == pytest.approx(1 / 5)
    assert values.pop("bids_mean") == values.pop("bids_per_lot_mean") == 2.5
    assert values.pop("bids_median") == values.pop("bids_per_lot_median") == 2.5
    assert values.pop("single_bid_share") == values.pop("single_bid_lot_share") == 0.25
    assert values.pop("cancelled_count") == 1
    # Four calls in eForms tell what was asked for, at level base; the two in TED are silent, and unknown.
    assert values.pop("environment_any_share") == 1
    assert values.pop("accessibility_count") == 4
    assert values.pop("environment_advanced_share") == values.pop("reuse_share") == 0
    assert values.pop("reserved_count") == 0
    assert set(values) <= {"savings_coverage"}
    assert conflicts == (0,)
