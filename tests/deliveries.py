"""Hand-made data folders for tests: deliveries written as text, judged without dbt."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from dagster_project.flow.reconcile import FileCount, Reconciled
from dagster_project.flow.refresh import Refresh
from dagster_project.flow.validate import Verdict, stopping
from dagster_project.settings import Workspace

ORGANISATION = """\
organisation: prov
name: Provorganisationen
members: ["9101", "9102"]
region: {counties: ["91"]}
"""
BASE = {
    "organisations/o.csv": "unit_id;unit_name;orgnr;member_code;kind\n"
    "u1;Enhet ett;212000-0142;9101;municipality\nu2;Enhet två;;9102;municipality\n",
    "procurements/p.csv": "procurement_id;title;category_code;procedure;announced_date;completed_date\n"
    "P1;Kaffe;K1;open;2021-01-10;2021-03-01\nP2;Te;K1;open;2021-02-10;2021-04-01\n",
    "participants/d.csv": "procurement_id;unit_id\nP1;u1\nP1;u2\nP2;u1\n",
}
INVOICE_HEADER = "buyer_unit_id;invoice_id;line_no;supplier_id;invoice_date;booking_date;account;amount_net\n"
UNNUMBERED_HEADER = "buyer_unit_id;invoice_id;supplier_id;invoice_date;booking_date;account;amount_net\n"


def deliver(
    folder: Path, files: dict[str, str], organisation: str = ORGANISATION, base: bool = True
) -> Workspace:
    """Write a data folder; `files` maps path under raw/ to text and adds to (or replaces) the base deliveries."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "organisation.yml").write_text(organisation, encoding="utf-8")
    for name, text in ({**BASE, **files} if base else files).items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Workspace(folder)


class Judged:
    """What became of every delivered row."""

    def __init__(self, workspace: Workspace, as_of: date = date(2022, 12, 31), accept: bool = False) -> None:
        with Refresh(workspace, as_of, accept_quarantine=accept) as refresh:
            self.reconciled: Reconciled = refresh.arrive()
            connection = refresh._connection
            assert connection is not None
            self._refresh = refresh
            self._tables = {
                source: connection.sql(f"select * from delivered.{source} order by all").pl()
                for source in refresh.contracts
            }
            self.conflicts = connection.sql("select * from run.source_conflicts order by all").pl()

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The first border's verdicts; made when they are asked for, because judging takes its time."""
        return self._refresh.judge_arrivals(keep=False)

    @property
    def stopped(self) -> bool:
        """Whether publication would stop."""
        return bool(stopping(self.verdicts))

    def rows(self, source: str) -> pl.DataFrame:
        """The accepted rows of a source."""
        return self._tables[source]

    def count(self, file: str) -> tuple[int, int, int, int, int]:
        """(read, accepted, quarantined, repeated, skipped) of raw/<file>; conservation is asserted on the way."""
        found: FileCount = next(c for c in self.reconciled.files if c.file == f"raw/{file}")
        parts = (found.rows_accepted, found.rows_quarantined, found.rows_repeated, found.rows_skipped)
        assert found.rows_read == sum(parts)
        return (found.rows_read, *parts)

    def superseded(self, file: str) -> int:
        """Of the repeated rows of raw/<file>, those that a different row replaced."""
        return next(c.rows_superseded for c in self.reconciled.files if c.file == f"raw/{file}")

    def issues(self, severity: str, source: str) -> list[dict[str, object]]:
        """The findings of one severity about one source."""
        frame = self.reconciled.issues.filter((pl.col("severity") == severity) & (pl.col("source") == source))
        return frame.to_dicts()
