"""The site in a real Chromium: it shows the mart, asks for nothing outside, and can be used by everybody.

Skipped, with the reason, where there is no Chromium. The browser itself is `tests/browser`.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.error import HTTPError

import pytest

from dagster_project.report.formats import Formats
from dagster_project.report.render import render
from dagster_project.report.serve import server
from dagster_project.settings import load_settings
from tests.browser.chromium import Page, browsing, program
from tests.demonstrations import AS_OF, Published

AXE = Path(__file__).resolve().parents[1] / "browser" / "vendor" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
KINDS = (
    "index.html",
    "indicators/coordinated_share.html",
    "indicators/off_contract_rate_value.html",
    "purchases.html",
    "environment.html",
    "contracts.html",
    "suppliers.html",
    "invoice-sample.html",
    "spend-cube.html",
    "direct-awards.html",
    "environmental-spend.html",
    "contract-calendar.html",
    "coordination-potential.html",
    "savings.html",
    "coordination-benefit.html",
    "preparedness.html",
    "supplier-concentration.html",
    "supplier-matches.html",
    "ceilings.html",
    "maturity.html",
    "quality.html",
    "release.html",
)
CELLS = """Object.fromEntries([...document.querySelectorAll('.score tr[data-row]')].map(
    (row) => [row.dataset.row, row.querySelector('[data-cell="0"]').textContent]))"""


@pytest.fixture(scope="module")
def release(published) -> Published:  # type: ignore[no-untyped-def]
    if program() is None:
        pytest.skip("no Chromium on this computer")
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def site(release: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the site."""
    folder = tmp_path_factory.mktemp("site")
    settings = load_settings(release.workspace.settings_file)
    render(release.workspace.current_database, folder, settings, date.fromisoformat(AS_OF))
    return folder


@pytest.fixture(scope="module")
def page(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One tab of a real Chromium."""
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site as `mattstock serve` serves it."""
    with server(site, 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def violations(page: Page) -> list[str]:
    page.run(AXE.read_text(encoding="utf-8") + "; 0")
    options = json.dumps({"runOnly": RULES, "preload": False})
    found: list[str] = page.run(
        f"axe.run(document, {options}).then((told) => told.violations.flatMap("
        "(rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`)))"
    )
    return found


def shown(release: Published, member: str, period: str) -> dict[str, str]:
    """What the mart says that the scorecard shows for a member and period."""
    rows = release.table(
        f"select kpi_id, unit, actual from kpi_values where period = '{period}' "
        f"and member_code = '{member}' and category_group = 'ALL'"
    ).rows()
    formats = Formats("sv")
    return {
        kpi_id: "–" if actual is None else formats.figure(actual, unit, kpi_id)
        for kpi_id, unit, actual in rows
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_page_loads_from_disk_without_complaint_and_asks_for_nothing_outside(
    page: Page, site: Path, name: str
) -> None:
    page.size(1280, 900)
    page.open((site / name).as_uri())
    assert page.complaints == []
    assert page.requests != []
    root = site.as_uri() + "/"
    assert [one for one in page.requests if not one.startswith((root, "data:", "about:"))] == []


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", KINDS)
def test_a_page_is_accessible_and_fits_the_screen(page: Page, site: Path, name: str, width: int) -> None:
    page.size(width, 900)
    page.open((site / name).as_uri())
    assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert violations(page) == []


def test_every_indicator_shown_is_the_marts_whatever_is_chosen(
    page: Page, site: Path, release: Published
) -> None:
    page.size(1280, 900)
    for member, period in (("ALL", "2022"), ("ALL", "2021-Q3"), ("9102", "2021"), ("9105", "2022-Q2-ytd")):
        page.open((site / "index.html").as_uri() + f"#member={member}&period={period}")
        expected = shown(release, member, period)
        assert len(expected) > 20
        probe = f"({CELLS}).{next(kpi for kpi, value in expected.items() if value != '–')}"
        page.until(f"{probe} === {json.dumps(next(v for v in expected.values() if v != '–'))}")
        cells = page.run(CELLS)
        assert {kpi: cells[kpi] for kpi in expected} == expected
        assert {cells[kpi] for kpi in cells.keys() - expected.keys()} <= {"–"}
        assert page.complaints == []


def test_the_spend_page_shows_the_cube_whatever_is_chosen(page: Page, site: Path, release: Published) -> None:
    page.size(1280, 900)
    formats = Formats("sv")
    for member, period in (("ALL", "2022"), ("9102", "2021"), ("9105", "2022-Q2")):
        where = "compliance_class <> 'excluded'" + (
            "" if member == "ALL" else f" and member_code = '{member}'"
        )
        expected = {
            place: formats.amount(amount)
            for place, amount in release.table(
                "select case when grouping(category_group) = 0 then 'g:' || category_group else 'total' end, "
                f"sum(amount) from spend_cube where {where} and (quarter = '{period}' or year::varchar = '{period}') "
                "group by grouping sets ((), (category_group)) having grouping(category_group) = 1 "
                "or category_group is not null"
            ).rows()
        }
        assert len(expected) > 5
        page.open((site / "spend-cube.html").as_uri() + f"#member={member}&period={period}")
        total = "document.querySelector('tr[data-row=total] [data-cell=\"0\"]').textContent"
        page.until(f"{total} === {json.dumps(expected['total'])}")
        shown_rows = page.run(
            "Object.fromEntries([...document.querySelectorAll('tr[data-row^=\"g:\"]')].filter((row) => !row.hidden)"
            ".map((row) => [row.dataset.row, row.querySelector('[data-cell=\"0\"]').textContent]))"
        )
        assert shown_rows | {"total": expected["total"]} == expected
        assert page.complaints == []


def test_what_is_chosen_stays_in_the_address_and_follows_the_links(
    page: Page, site: Path, release: Published
) -> None:
    page.open((site / "index.html").as_uri())
    page.run(
        "(() => { const form = document.getElementById('filters'); form.elements.member.value = '9102';"
        "form.elements.period.value = '2021'; form.elements.period.dispatchEvent(new Event('change', "
        "{bubbles: true})); })()"
    )
    page.until("location.hash.includes('member=9102') && location.hash.includes('period=2021')")
    page.until("document.querySelector('[data-chosen=period]').textContent === '2021'")
    link = page.run("document.querySelector('a[href^=\"indicators/bids_mean\"]').href")
    page.open(link)
    expected = shown(release, "9102", "2021")["bids_mean"]
    assert page.run("document.querySelector('.big [data-cell=\"0\"]').textContent") == expected


def test_a_search_leaves_the_records_that_hold_its_words(page: Page, site: Path) -> None:
    page.open((site / "indicators/coordinated_share.html").as_uri())
    first = page.run("document.querySelector('#rows tbody th').textContent")
    visible = "[...document.querySelectorAll('#rows tbody tr')].filter((row) => !row.hidden)"
    assert page.run(f"{visible}.length") > 1
    page.run(
        "(() => { const box = document.querySelector('[data-search]');"
        f"box.value = {json.dumps(first)}; box.dispatchEvent(new Event('input')); }})()"
    )
    assert set(page.run(f"{visible}.map((row) => row.cells[0].textContent)")) == {first}


def test_the_keyboard_reaches_the_content_and_the_filters(page: Page, site: Path) -> None:
    page.open((site / "index.html").as_uri())
    page.press("Tab", 9)
    assert page.run("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(20):
        page.press("Tab", 9)
        reached.add(page.run("document.activeElement.name || document.activeElement.tagName"))
    assert {"member", "period", "A"} <= reached


def test_without_scripts_the_page_is_whole(page: Page, site: Path, release: Published) -> None:
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open((site / "index.html").as_uri())
        assert page.run(CELLS) == shown(release, "ALL", "2022")
    finally:
        page.send("Emulation.setScriptExecutionDisabled", value=False)


def test_on_paper_the_filters_are_gone(page: Page, site: Path) -> None:
    page.open((site / "index.html").as_uri())
    page.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert page.run("getComputedStyle(document.getElementById('filters')).display") == "none"
        assert page.run("getComputedStyle(document.querySelector('.score')).display") != "none"
    finally:
        page.send("Emulation.setEmulatedMedia", media="")


def test_served_it_is_the_same_and_only_to_this_computer(page: Page, address: str) -> None:
    page.open(f"{address}/#member=9102&period=2021")
    page.until("document.querySelector('[data-chosen=period]').textContent === '2021'")
    assert page.complaints == []
    assert all(one.startswith((address, "data:", "about:")) for one in page.requests)
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(f"{address}/records/", timeout=60)
    assert refused.value.code == 404
    refused.value.close()
