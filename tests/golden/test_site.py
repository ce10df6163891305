"""The site of a release, from its files: well formed, every link leads somewhere, every figure is the mart's."""

from __future__ import annotations

import csv
import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import duckdb
import pytest

from dagster_project.report.formats import Formats
from dagster_project.report.render import render
from dagster_project.report.site import records, write_site
from dagster_project.settings import load_settings
from tests.demonstrations import AS_OF, Published

VOID = {"meta", "link", "input", "br", "circle", "path", "line", "rect"}


class Html(HTMLParser):
    """A page: its links and ids, the cells of its rows, and the elements that were closed wrongly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.wrong: list[str] = []
        self.cells: dict[tuple[str, str], str] = {}
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.wrong += [tag for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag not in VOID:
            self._open.append((tag, given))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open[-1][0] != tag:
            self.wrong.append(tag)
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        cell = next((given["data-cell"] for _, given in reversed(self._open) if "data-cell" in given), None)
        row = next((given["data-row"] for _, given in reversed(self._open) if "data-row" in given), None)
        if cell is not None and row is not None:
            self.cells[row, cell] = self.cells.get((row, cell), "") + data.strip()


@pytest.fixture(scope="module")
def release(published) -> Published:  # type: ignore[no-untyped-def]
    return published("clean", 3000, 1)


@pytest.fixture(scope="module")
def site(release: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    written(release, folder)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Html]:
    return {path: Html(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def written(release: Published, folder: Path, language: str = "sv") -> None:
    settings = load_settings(release.workspace.settings_file).model_copy(update={"language": language})
    render(release.workspace.current_database, folder, settings, date.fromisoformat(AS_OF))


def test_every_page_is_well_formed(pages: dict[Path, Html]) -> None:
    assert len(pages) > 60
    for path, page in pages.items():
        assert page.wrong == [], path
        assert len(page.ids) == len(set(page.ids)), path


def test_every_link_leads_to_a_file_of_the_site(site: Path, pages: dict[Path, Html]) -> None:
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:,"):
                continue
            bare, anchor = urldefrag(link)
            target = (path.parent / bare).resolve() if bare else path
            assert target.is_file(), (path, link)
            assert target.is_relative_to(site.resolve()), (path, link)
            if anchor and target.suffix == ".html":
                assert anchor in pages[site / target.relative_to(site.resolve())].ids, (path, link)


def test_nothing_names_an_address_outside(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text(encoding="utf-8")), (
                path
            )


def test_every_indicator_shows_what_the_mart_holds(release: Published, pages: dict[Path, Html]) -> None:
    figures = release.table(
        "select kpi_id, unit, actual, target, target_operator from kpi_values where period = '2022' "
        "and member_code = 'ALL' and category_group = 'ALL' order by kpi_id"
    ).rows()
    formats = Formats("sv")
    by_name = {path.name: page for path, page in pages.items()}
    assert len(figures) > 50
    for kpi_id, unit, actual, target, operator in figures:
        shown = "–" if actual is None else formats.figure(actual, unit, kpi_id)
        aim = "" if operator is None else formats.target(operator, target, unit, kpi_id)
        assert by_name["index.html"].cells[kpi_id, "0"] == shown
        assert by_name["index.html"].cells.get((kpi_id, "2"), "") == aim
        assert by_name[f"{kpi_id}.html"].cells["m:{member}", "0"] == shown
        assert by_name[f"{kpi_id}.html"].cells.get(("m:ALL", "0"), shown) == shown


def test_the_downloads_hold_every_record(release: Published, site: Path) -> None:
    counts = dict(
        release.table(
            "select kpi_id, count(*) from kpi_evidence_register where member_code = 'ALL' group by kpi_id"
        ).rows()
    )
    assert len(counts) > 40
    counts |= {
        table: release.table(f"select count(*) from {table}").item()
        for table in ("fct_invoice_line", "fct_invoice")
    }
    for name, count in counts.items():
        with (site / "records" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter=";"))
        assert len(rows) - 1 == count, name
        assert not any(cell[:1] in ("=", "+", "@") for row in rows for cell in row), name


def test_the_ledgers_indicators_share_a_file_whose_classes_give_their_figures(
    release: Published, pages: dict[Path, Html], site: Path
) -> None:
    with (site / "records" / "fct_invoice_line.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    amounts = {}
    for row in rows:
        if row["Bokföringsdatum"][:4] == "2022":
            amount = Decimal(row["Belopp exkl. moms"].replace(",", "."))
            amounts[row["Klass"]] = amounts.get(row["Klass"], 0) + amount
    [(wild, known)] = release.table(
        "select numerator, denominator from kpi_values where kpi_id = 'off_contract_rate_value' "
        "and period = '2022' and member_code = 'ALL' and category_group = 'ALL'"
    ).rows()
    assert float(amounts["wild"]) == pytest.approx(wild)
    assert float(sum(amounts[one] for one in ("on_contract", "over_ceiling", "wild"))) == pytest.approx(known)
    page = pages[site / "indicators" / "off_contract_rate_value.html"]
    assert "../records/fct_invoice_line.csv" in page.links


def test_a_file_that_does_not_hold_all_says_so(
    release: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "IN_FILE", 50)
    written(release, tmp_path)
    for name in ("fct_invoice_line", "sme_bid_share"):
        assert len((tmp_path / "records" / f"{name}.csv").read_text(encoding="utf-8-sig").splitlines()) == 51
    for name in ("off_contract_rate_value", "sme_bid_share"):
        text = (tmp_path / "indicators" / f"{name}.html").read_text(encoding="utf-8")
        assert "Det är de nyaste av" in text


def test_the_same_tables_give_the_same_bytes(release: Published, site: Path, tmp_path: Path) -> None:
    render(
        release.workspace.current_database,
        tmp_path,
        load_settings(release.workspace.settings_file),
        date.fromisoformat(AS_OF),
    )
    files = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    assert files <= {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    for name in files:
        assert (tmp_path / name).read_bytes() == (site / name).read_bytes(), name


def test_a_mart_that_is_absent_takes_its_page_with_it(release: Published, tmp_path: Path) -> None:
    database = tmp_path / "less.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute(f"attach '{release.workspace.current_database}' as whole (read_only)")
        con.execute("copy from database whole to less")
        con.execute("detach whole")
        for name in ("environment_levels", "kpi_breaks", "kpi_lint"):
            con.execute(f"drop table {name}")
    write_site(
        database,
        tmp_path / "site",
        load_settings(release.workspace.settings_file),
        date.fromisoformat(AS_OF),
    )
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "site" / "environment.html").exists()
    assert "environment.html" not in index
    assert "purchases.html" in index


def test_a_wild_purchase_stands_beside_the_contracts_that_its_buyer_could_have_used(
    release: Published, site: Path
) -> None:
    text = (site / "purchases.html").read_text(encoding="utf-8")
    table = text[text.index('id="wildrows"') :]
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        for row in table[: table.index("</table>")].split("<tr>")[2:]
    ]
    assert len(rows) > 50
    held = release.table(
        "select distinct member_code, category_name, supplier_name from contract_entitlements "
        "inner join dim_unit using (unit_id) inner join dim_category using (category_code) "
        "inner join dim_supplier using (supplier_id) inner join dim_member using (member_code)"
    )
    names = dict(release.table("select member_code, member_name from dim_member").rows())
    open_to = {(names[member], category, supplier) for member, category, supplier in held.rows()}
    for member, category, supplier, _, holders, *_ in rows:
        assert holders, (member, category, supplier)
        for holder in holders.split(", "):
            assert holder != supplier
            assert (member, category, holder) in open_to
    ceilings = text[text.index('aria-labelledby="ceilings"') :]
    contracts = re.findall(r'<th scope="row">(\S+)', ceilings)
    assert len(contracts) == len(set(contracts)) > 5


def test_the_samples_page_shows_the_estimate_of_the_whole_and_of_each_member(
    release: Published, site: Path
) -> None:
    text = (site / "invoice-sample.html").read_text(encoding="utf-8")
    rows = release.table(
        "select member_name, method, wild_share, wild_share_low, wild_share_high, width_gain, rule_recall "
        "from invoice_sample_estimate left join dim_member using (member_code) where wild_share is not null"
    ).rows()
    formats = Formats("sv")
    assert len(rows) > 10
    for name, _, share, low, high, gain, recall in rows:
        assert (name or "Alla medlemmar") in text
        for number in (formats.share(share), formats.share(low), formats.share(high)):
            assert number in text, (name, number)
        assert formats.share(gain, 0) in text
        assert recall is None or formats.share(recall, 0) in text
    [(differing,)] = release.table(
        "select count(*) from invoice_sample where verdict <> "
        "case when rule_class = 'over_ceiling' then 'on_contract' else rule_class end"
    ).rows()
    table = text[text.index('id="samplerows"') :]
    assert differing > 0
    assert table[: table.index("</table>")].count("<tr>") == differing + 1
    assert "har fått annan klass" not in text


def test_the_samples_page_says_so_where_none_was_drawn_or_none_is_reviewed(
    release: Published, tmp_path: Path
) -> None:
    for emptied, said in (
        (("update invoice_sample_estimate set wild_share = null, wild_share_low = null, wild_share_high = null, "
          "is_published = false, status = 'not_reviewed', reviewed_lines = 0",
          "update invoice_sample set verdict = null, is_reviewed = false"), "Ingen skattning än: inte granskad"),
        (("delete from invoice_sample_estimate", "delete from invoice_sample"), "Inget stickprov är draget"),
    ):  # fmt: skip
        database = tmp_path / "less.duckdb"
        with duckdb.connect(str(database)) as con:
            con.execute(f"attach '{release.workspace.current_database}' as whole (read_only)")
            con.execute("copy from database whole to less")
            con.execute("detach whole")
            for statement in emptied:
                con.execute(statement)
        settings = load_settings(release.workspace.settings_file)
        write_site(database, tmp_path / "site", settings, date.fromisoformat(AS_OF))
        page = Html(text := (tmp_path / "site" / "invoice-sample.html").read_text(encoding="utf-8"))
        assert said in text
        assert page.wrong == []
        database.unlink()


def test_the_site_speaks_english_where_that_is_chosen(release: Published, tmp_path: Path) -> None:
    written(release, tmp_path, "en")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert "Where do we stand against the targets?" in text
    assert "Var står vi" not in text
