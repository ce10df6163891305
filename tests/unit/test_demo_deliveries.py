"""The deliveries of the demonstration organisations: repeatable, and every row's fate known."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest

from dagster_project.contracts import load_contracts
from dagster_project.demo import VARIANTS, generate
from dagster_project.demo.facts import KEYS
from dagster_project.demo.faults import personal_names, personal_texts
from dagster_project.settings import load_settings

LINES = 480


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small organisation in every variant."""
    root = tmp_path_factory.mktemp("demo")
    for variant in VARIANTS:
        generate(root / variant, invoice_lines=LINES, seed=3, variant=variant)
    return {variant: root / variant for variant in VARIANTS}


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _files(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth" / "files.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_same_arguments_give_the_same_bytes(made: dict[str, Path], tmp_path: Path) -> None:
    generate(tmp_path / "again", invoice_lines=LINES, seed=3, variant="corrected")
    assert _hashes(tmp_path / "again") == _hashes(made["corrected"])


def test_another_seed_gives_another_ledger(made: dict[str, Path], tmp_path: Path) -> None:
    generate(tmp_path / "other", invoice_lines=LINES, seed=4)
    name = "raw/invoices/2021-3.csv"
    assert (tmp_path / "other" / name).read_bytes() != (made["clean"] / name).read_bytes()


def test_an_unknown_organisation_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demo"):
        generate(tmp_path, organisation="atlantis")


def test_an_unknown_variant_is_refused_with_the_known_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="corrected"):
        generate(tmp_path, variant="messy")


def test_a_folder_that_holds_deliveries_is_left_alone(made: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="exists already"):
        generate(made["clean"])


def test_the_settings_can_be_read_and_name_seven_members(made: dict[str, Path]) -> None:
    settings = load_settings(made["clean"] / "organisation.yml")
    assert settings.organisation == "demo"
    assert len(settings.members) == 7


def test_every_source_is_delivered(made: dict[str, Path]) -> None:
    delivered = {p.name for p in (made["clean"] / "raw").iterdir()}
    assert delivered == set(KEYS) | {"invoices"}
    assert delivered == set(load_contracts())


def test_the_keys_are_those_of_the_contracts() -> None:
    contracts = load_contracts()
    for source, key in KEYS.items():
        declared = set(contracts[source].key)
        # a review names a fiscal year where it has one
        assert (
            declared | {"fiscal_year"} == set(key) if source == "invoice_reviews" else declared == set(key)
        ), source


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_file_is_counted_and_conserves_its_rows(made: dict[str, Path], variant: str) -> None:
    folder = made[variant]
    counted = _files(folder)
    assert {row["file"] for row in counted} == {
        str(p.relative_to(folder)) for p in (folder / "raw").rglob("*") if p.is_file()
    }
    for row in counted:
        parts = sum(int(row[f"rows_{fate}"]) for fate in ("accepted", "quarantined", "repeated", "skipped"))
        assert int(row["rows_read"]) == parts, row["file"]
        assert int(row["rows_superseded"]) <= int(row["rows_repeated"])


def test_rows_read_are_the_rows_that_stand_in_the_text_files(made: dict[str, Path]) -> None:
    encodings = {"2019": "windows-1252", "2020-1": "utf-16", "2022": "utf-8-sig"}
    for row in _files(made["dirty"]):
        path = made["dirty"] / row["file"]
        if row["source"] != "invoices":
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        name = next((e for start, e in encodings.items() if path.name.startswith(start)), "utf-8")
        lines = [line for line in data.decode(name).splitlines() if line]
        above = 2 if path.name.startswith("2019") else 1
        assert len(lines) - above == int(row["rows_read"]), path.name


def test_a_clean_delivery_has_nothing_for_quarantine_but_repeats_corrections_and_sums(
    made: dict[str, Path],
) -> None:
    totals: Counter[str] = Counter()
    for row in _files(made["clean"]):
        totals.update({name: int(value) for name, value in row.items() if name.startswith("rows_")})
    assert totals["rows_quarantined"] == 0
    assert min(totals["rows_repeated"], totals["rows_superseded"], totals["rows_skipped"]) > 0


def test_a_corrected_delivery_answers_all_but_one_row_per_source(made: dict[str, Path]) -> None:
    dirty, corrected = _accepted(made["dirty"]), _accepted(made["corrected"])
    clean = _accepted(made["clean"])
    # the sole traders come on top of the clean organisation
    more = {"suppliers": 2, "workplaces": 2, "bids": 2, "invoices": 8}
    # and of another ledger another sample is drawn
    drawn = (clean.pop("invoice_reviews"), corrected.pop("invoice_reviews"), dirty.pop("invoice_reviews"))
    assert min(drawn) > 100
    assert corrected == {source: count + more.get(source, 0) for source, count in clean.items()}
    assert sum(dirty.values()) < sum(corrected.values())


def _accepted(folder: Path) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in _files(folder):
        found[row["source"]] += int(row["rows_accepted"])
    return dict(found)


def test_the_truth_has_a_line_for_every_accepted_line(made: dict[str, Path]) -> None:
    for variant in VARIANTS:
        with (made[variant] / "truth" / "invoice_lines.csv").open(encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == _accepted(made[variant])["invoices"]
        keys = {(x["buyer_unit_id"], x["fiscal_year"], x["invoice_id"], x["line_no"]) for x in lines}
        assert len(keys) == len(lines)


def test_every_indicator_has_a_row_for_all_in_every_period(made: dict[str, Path]) -> None:
    with (made["clean"] / "truth" / "kpi_values.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["member_code"], r["category_group"]) == ("ALL", "ALL")]
    per_indicator = Counter(r["kpi_id"] for r in rows)
    assert len(per_indicator) == 62
    # per year 4 quarters, 3 tertials, 2 halves, itself and 4 ytd; r12 from the first full year on
    assert set(per_indicator.values()) == {4 * 14 + 13}


def test_personal_numbers_stand_in_the_dirty_deliveries_only(made: dict[str, Path]) -> None:
    listed = (made["dirty"] / "truth" / "personal_numbers.txt").read_text(encoding="utf-8").split()
    assert listed == personal_texts()
    ledger = (made["dirty"] / "raw" / "invoices" / "2022-1.csv").read_text(encoding="utf-8-sig")
    assert any(number in ledger for number in listed)
    assert all(name in ledger for name in personal_names())
    clean = (made["clean"] / "raw" / "invoices" / "2022-1.csv").read_text(encoding="utf-8-sig")
    assert not any(number in clean for number in listed)


def test_zipped_files_bear_no_time(made: dict[str, Path]) -> None:
    for path in (made["clean"] / "raw").rglob("*.gz"):
        assert path.read_bytes()[4:8] == b"\0\0\0\0", path.name
