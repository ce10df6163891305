"""An invoice line explained: which contracts covered it, whose they were, and why it is not on them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.report import console
from dagster_project.report.explain_line import ExplainedLine, UnknownLine, explain_lines, is_line

TABLES = """
create table fct_invoice_line as
select 'school' as buyer_unit_id, 2021 as fiscal_year, 'v1' as invoice_id, line_no, '2080' as member_code,
    'S1' as supplier_id, 'Säljaren' as supplier_name, 'id' as supplier_match, 'milk' as category_code,
    'food' as category_group, 'line' as category_source, date '2021-07-01' as invoice_date,
    date '2021-07-15' as booking_date,
    '4000' as account, 1234.5 as amount_net, 'wild' as compliance_class, 'expired' as compliance_reason,
    cast(null as varchar) as contract_id, cast(null as varchar) as named_contract_id, false as match_ambiguous,
    'raw/invoices/l.csv' as source_file,
    17 as source_row
from (values (1), (2)) as numbers (line_no);
create table dim_unit as select 'school' as unit_id, 'Skolan' as unit_name;
create table dim_category as select 'milk' as category_code, 'Mjölk' as category_name;
create table dim_supplier as select * from (values ('S1', 'Säljaren AB'), ('S2', 'Mejeriet AB'), ('S3', 'Ladan AB'))
    as suppliers (supplier_id, supplier_name);
create table dim_contract as select * from (values
    ('common', 'S2', 'Mejeri', 'milk', date '2021-01-01', date '2021-12-31'),
    ('common', 'S3', 'Mejeri', 'milk', date '2021-01-01', date '2021-12-31'),
    ('last day', 'S2', 'Mejeri', 'milk', date '2020-01-01', date '2021-07-01'),
    ('over', 'S2', 'Mejeri', 'milk', date '2020-01-01', date '2021-06-30'),
    ('elsewhere', 'S2', 'Mejeri', 'milk', date '2021-01-01', null),
    ('ended', 'S1', null, 'milk', date '2020-01-01', date '2021-06-30'),
    ('coming', 'S1', null, 'milk', date '2021-07-02', null),
    ('of others', 'S1', null, 'milk', date '2021-01-01', null),
    ('paper', 'S1', null, 'paper', date '2021-01-01', null),
    ('further', 'S1', null, 'paper', date '2021-01-01', date '2021-01-31')
) as contracts (contract_id, supplier_id, title, category_code, valid_from_date, in_force_until_date);
create table contract_entitlements as
select contract_id, supplier_id,
    case when contract_id in ('of others', 'elsewhere') then 'library' else 'school' end as unit_id,
    category_code, valid_from_date, in_force_until_date
from dim_contract
union all
select 'further', 'S1', 'school', 'milk', date '2021-01-01', date '2021-01-31';
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "procurement.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(TABLES)
    return path


@pytest.fixture
def line(database: Path) -> ExplainedLine:
    [found] = explain_lines(database, "school|2021|v1|2")
    return found


def test_the_contracts_that_covered_the_purchase_are_those_open_and_valid_that_day(
    line: ExplainedLine,
) -> None:
    assert [(one.contract_id, one.suppliers) for one in line.covering] == [
        ("common", ("Ladan AB", "Mejeriet AB")),
        ("last day", ("Mejeriet AB",)),
    ]
    assert {one.obstacles for one in line.covering} == {("other_supplier",)}


def test_each_contract_of_the_supplier_says_why_the_line_is_not_on_it(line: ExplainedLine) -> None:
    assert {one.contract_id: one.obstacles for one in line.own} == {
        "ended": ("ended",),
        "coming": ("not_started",),
        "of others": ("not_open",),
        "paper": ("other_category",),
        "further": ("ended",),
    }


def test_an_invoice_without_a_line_is_all_its_lines(database: Path) -> None:
    assert [one.record_id for one in explain_lines(database, "school|2021|v1")] == [
        "school|2021|v1|1",
        "school|2021|v1|2",
    ]


@pytest.mark.parametrize(
    "given", ["school|2021|v1|3", "school|x|v1|1", "school|2021|v1|1|1", "|||", "school|2020|v"]
)
def test_a_line_that_is_not_there_is_said_to_be_unknown(database: Path, given: str) -> None:
    with pytest.raises(UnknownLine):
        explain_lines(database, given)


def test_similar_lines_are_named(database: Path) -> None:
    with pytest.raises(UnknownLine) as raised:
        explain_lines(database, "school|2020|v1|1")
    assert raised.value.known == ["school|2021|v1|1", "school|2021|v1|2"]


def test_a_figure_is_no_line() -> None:
    assert is_line("a|2021|1")
    assert not is_line("off_contract_rate_value")


def test_the_screen_names_class_reason_and_every_contract(
    line: ExplainedLine, capsys: pytest.CaptureFixture[str]
) -> None:
    console.explained_lines([line])
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "school|2021|v1|2", "Skolan", "Säljaren AB", "milk Mjölk",
        "Vilda: avtalet hade gått ut", "Ladan AB, Mejeriet AB",
        "köpet gjordes hos en annan leverantör", "hade inte börjat", "är inte öppet för köparen",
        "gäller annat än det som köptes", "raw/invoices/l.csv, rad 17",
    ):  # fmt: skip
        assert words in said, words
    assert line.values["invoice_date"] == date(2021, 7, 1)
