"""What a controller sees of savings and coordination: amounts are the mart's, no sum stands without its parts, and the
list for internal control can be sent as it is.

What belongs here: pages, workbooks and the list. What does not: whether the marts are right (`test_truth.py`,
`test_published_outcomes.py`), and how a page looks to a browser (`test_site_in_browser.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from html import unescape
from pathlib import Path

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from dagster_project.messages import message
from dagster_project.messages.marts import column_heading
from dagster_project.report.control_list import write_control_list
from dagster_project.report.formats import Formats
from dagster_project.settings import load_settings
from tests.demonstrations import AS_OF, Published

SUMS = ("enabled_savings", "realised_savings", "net_coordination_benefit")
PARTS = {"basket": "varukorg (A)", "negotiation": "förhandling (B)", "market_price": "marknadspris (C)"}
HEADINGS = 4  # the row of the headings of a sheet
FORMATS = Formats("sv")


@pytest.fixture(scope="module")
def release(published) -> Published:  # type: ignore[no-untyped-def]
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def reports(release: Published) -> Path:
    return release.workspace.current_database.parent / "reports"


def section(page: Path, name: str) -> str:
    """The part of a page under the heading with this id."""
    [found] = [
        one for one in page.read_text(encoding="utf-8").split("<section>") if f'<h2 id="{name}">' in one
    ]
    return found


def rows_of(html: str) -> list[list[str]]:
    """The cells of the rows of a section's table, as text."""
    return [
        [plain(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.S)]
        for row in re.findall(r"<tr>(.*?)</tr>", html, re.S)
    ]


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ").split())


def amount(value: float) -> str:
    return FORMATS.amount(value).replace("\u00a0", " ")


def parts_of(release: Published, kpi_id: str, period: str) -> dict[str, float]:
    rows = release.table(
        f"select part, amount from savings_parts where kpi_id = '{kpi_id}' and period = '{period}' "
        "and member_code = 'ALL' and category_group = 'ALL'"
    ).rows()
    return {part: float(value) for part, value in rows}


def test_every_published_sum_of_savings_is_its_parts(release: Published) -> None:
    sums = release.table(
        f"""
        select figures.kpi_id, figures.member_code, figures.category_group, figures.period, figures.actual,
            sum(parts.amount) as parts
        from kpi_values as figures
        left join savings_parts as parts using (kpi_id, period_type, period, member_code, category_group)
        where figures.kpi_id in {SUMS} and figures.actual is not null
        group by all
        """
    )
    assert set(sums["kpi_id"]) == set(SUMS)
    assert (sums["member_code"] != "ALL").any()
    assert (sums["category_group"] != "ALL").any()
    assert [row for row in sums.iter_rows() if row[5] is None or abs(row[4] - float(row[5])) > 0.05] == []


def test_enabled_contracted_realised_and_net_are_four_columns_each_with_its_parts(
    release: Published, reports: Path
) -> None:
    heading, *rows = rows_of(section(reports / "savings.html", "chain"))
    assert heading == [
        "Period",
        "Möjliggjord",
        "Avtalad",
        "Realiserad",
        "Netto för de samordnade",
        "Förlorad",
    ]
    assert len(rows) >= 4
    for year, *cells in rows:
        figures = dict(
            release.table(
                f"select kpi_id, actual from kpi_values where period = '{year[:4]}' and member_code = 'ALL' "
                f"and category_group = 'ALL' and kpi_id in {SUMS}"
            ).rows()
        )
        contracted = dict(
            release.table(
                "select method, contracted_saving_amount from savings_summary "
                f"where period = '{year[:4]}' and member_code = 'ALL' and category_group = 'ALL'"
            ).rows()
        )
        for cell, kpi_id in zip((cells[0], cells[2], cells[3]), SUMS, strict=True):
            assert cell.startswith(f"{amount(figures[kpi_id])} täckning"), (year, kpi_id)
            parts = parts_of(release, kpi_id, year[:4])
            for part, value in parts.items():
                assert f"{PARTS.get(part, 'samordningens kostnad')} {amount(value)}" in cell, (year, kpi_id)
            assert ("varav slump" in cell) == ("market_price" in parts)
        assert cells[1].startswith(f"{amount(contracted.pop('ALL'))} täckning")
        for part, value in contracted.items():
            assert value is None or f"{PARTS[part]} {amount(value)}" in cells[1], (year, part)


def test_the_bars_have_their_grade_their_low_and_high_and_chance_hatched(reports: Path) -> None:
    bars = section(reports / "savings.html", "methods")
    assert re.findall(r'<text class="name start" x="0"[^>]*>([^<]+)<', bars) == list(PARTS.values())
    market_price = bars[bars.index(PARTS["market_price"]) :]
    assert 'class="hatched"' in market_price
    assert 'class="whisker"' in market_price
    assert bars.count('class="hatched"') == 1  # a registered saving has no part that chance gives
    net = section(reports / "coordination-benefit.html", "net")
    assert net.count('class="whisker"') >= 4
    assert net.count('class="hatched"') >= 4


def test_missed_coordination_stands_with_its_reasons_and_is_counted_three_ways(
    release: Published, reports: Path
) -> None:
    html = section(reports / "coordination-benefit.html", "missed")
    _, *shown = rows_of(html)
    missed = release.table("select * from missed_coordination order by completed_date desc, procurement_id")
    assert 0 < missed.height == len(shown)
    for row, cells in zip(missed.iter_rows(named=True), shown, strict=True):
        assert cells[0].startswith(row["procurement_id"])
        if not row["has_reason"]:
            assert cells[5] == "inget skäl angivet"
        for reason in (row["coordination_deviation_code"], row["coordination_deviation_reason"]):
            assert reason is None or reason in cells[5]
        assert (cells[6] == "–") == (row["potential_members"] is None)
    for told in re.findall(r"<dd>(.*?)</dd>", html):
        assert sum(int(count) for count in re.findall(r" (\d+)(?:,|$)", plain(told))) == missed.height
    silent = missed.filter(~missed["has_reason"]).height
    assert f"inget skäl angivet {silent}" in plain(html)
    assert f'href="internkontroll-samordning-{AS_OF}.xlsx"' in html


def test_missed_coordination_stands_beside_what_could_be_coordinated(release: Published) -> None:
    beside = release.table(
        """
        select procurement_id, category_code, potential_members, potential_member_codes, missed.next_common_date,
            potential.members, potential.member_codes, potential.next_common_date as date
        from missed_coordination as missed left join coordination_potential as potential using (category_code)
        """
    )
    assert beside["potential_members"].null_count() < beside.height
    assert [row for row in beside.iter_rows() if row[2:5] != row[5:8]] == []


def test_the_list_for_internal_control_has_every_row_and_its_counts(
    release: Published, reports: Path
) -> None:
    read = CalamineWorkbook.from_path(str(reports / f"internkontroll-samordning-{AS_OF}.xlsx"))
    listed, counts = (
        read.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in read.sheet_names
    )
    missed = release.table("select * from missed_coordination order by completed_date desc, procurement_id")
    headings = listed[HEADINGS - 1]
    assert headings[0] == column_heading("missed_coordination", "procurement_id", "sv")
    assert [row[0] for row in listed[HEADINGS:]] == missed["procurement_id"].to_list()
    code = headings.index(column_heading("missed_coordination", "coordination_deviation_code", "sv"))
    assert [row[code] or None for row in listed[HEADINGS:]] == missed["coordination_deviation_code"].to_list()
    silent = missed.filter(~missed["has_reason"]).height
    assert f"{missed.height} upphandlingar planerades" in listed[1][0]
    assert f"för {silent} är inget skäl angivet" in listed[1][0]
    figures = release.table(
        "select period, denominator, numerator from kpi_values where kpi_id = 'missed_coordination_share' "
        "and period_type = 'year' and actual is not null"
    )
    assert Counter((int(row[0]), row[3], row[4]) for row in counts[HEADINGS:]) == Counter(
        (int(period), planned, missing) for period, planned, missing in figures.iter_rows()
    )


def test_where_nothing_was_missed_there_is_no_list(release: Published, tmp_path: Path) -> None:
    bare = tmp_path / "bare.duckdb"
    bare.write_bytes(release.workspace.current_database.read_bytes())
    with duckdb.connect(str(bare)) as con:
        con.execute("delete from missed_coordination")
    settings = load_settings(release.workspace.settings_file)
    write_control_list(bare, tmp_path / "reports", settings, date.fromisoformat(AS_OF))
    assert not (tmp_path / "reports").exists()


def test_the_workbooks_first_sheet_has_the_parts_below_each_sum(release: Published, reports: Path) -> None:
    read = CalamineWorkbook.from_path(str(reports / "nyckeltal-2022.xlsx"))
    cells = read.get_sheet_by_index(0).to_python(skip_empty_area=False)
    names = [row[0] for row in cells]
    for kpi_id in SUMS:
        parts = parts_of(release, kpi_id, "2022")
        [(name, actual)] = release.table(
            "select name_sv, actual from kpi_values inner join kpi_catalogue using (kpi_id) "
            f"where kpi_id = '{kpi_id}' and period = '2022' and member_code = 'ALL' and category_group = 'ALL'"
        ).rows()
        line = names.index(name)
        assert cells[line][1] == pytest.approx(actual)
        below = cells[line + 1 : line + 1 + len(parts)]
        assert {row[0].strip(): row[1] for row in below} == {
            message(
                "workbook.part", "sv", name=PARTS.get(part, "samordningens kostnad")
            ).strip(): pytest.approx(value)
            for part, value in parts.items()
        }
        assert "slump" in cells[line + 1 + len(parts)][0]


def test_the_scorecard_of_the_site_says_what_a_sum_consists_of(release: Published, reports: Path) -> None:
    page = (reports / "index.html").read_text(encoding="utf-8")
    for kpi_id in SUMS:
        row = plain(page[page.index(f'data-row="{kpi_id}"') :].split("</tr>")[0])
        for part, value in parts_of(release, kpi_id, "2022").items():
            assert f"{PARTS.get(part, 'samordningens kostnad')} {amount(value)}" in row, kpi_id
