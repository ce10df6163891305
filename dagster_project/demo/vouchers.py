"""Writes the invoice ledger: several files a year, each year in the manner of another economy system.

The bulk is spelled with polars expressions, a month at a time, so that ten million lines need no more memory
than one month. What belongs here: spelling and splitting the ledger, with the fate of every row. What does
not: what is true of a line (`ledger.py`), which planted lines are faulty (`faults.py`).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from dagster_project.contracts import load_contracts
from dagster_project.demo.deliveries import ACCEPTED, QUARANTINED, REPEATED, SKIPPED, SUPERSEDED, Counts
from dagster_project.demo.facts import FIRST_YEAR, Line, World
from dagster_project.demo.faults import Faults
from dagster_project.demo.files import Form, heading, spell_orgnr
from dagster_project.demo.ledger import Ledger

COLUMNS = (
    "buyer_unit_id", "buyer_orgnr", "fiscal_year", "invoice_id", "line_no", "supplier_id", "supplier_name",
    "supplier_bankgiro", "invoice_date", "booking_date", "account", "cost_centre", "category_code",
    "contract_id",
    "order_id", "supplier_invoice_number", "amount_net", "vat_amount", "currency", "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class System:
    """How one economy system writes its ledger. `own_headings`: headings that only the settings explain."""

    form: Form
    columns: tuple[str, ...]
    buyers: str = "unit"
    trailing_minus: bool = False
    total: bool = False
    own_headings: tuple[tuple[str, str], ...] = ()


def _all_but(*left_out: str) -> tuple[str, ...]:
    return tuple(c for c in COLUMNS if c not in left_out)


SYSTEMS: dict[int, System] = {
    2019: System(
        Form(encoding="windows-1252", thousands=" ", orgnr="hyphen", titles=("Leverantörsreskontra 2019",)),
        _all_but("buyer_orgnr", "order_id"), total=True,
    ),
    # No line numbers and no fiscal year: both are worked out by whoever reads.
    2020: System(
        Form(delimiter="\t", headings="alias", dates="%Y%m%d", orgnr="century"),
        _all_but("buyer_orgnr", "line_no", "fiscal_year", "order_id"),
    ),
    # Companies are known by organisation number instead of unit.
    2021: System(
        Form(delimiter=",", headings="name", decimal="."), _all_but("cost_centre"),
        buyers="companies by orgnr"
    ),
    2022: System(
        Form(dates="%d.%m.%Y", encoding="utf-8-sig", orgnr="vat"), _all_but("buyer_orgnr", "order_id"),
        trailing_minus=True, own_headings=(("supplier_id", "Lev.nr"),),
    ),
}  # fmt: skip
UTF16_FILE = "2020-1.txt"
GZIPPED_FILE = "2022-4.csv.gz"

CORRECTED_INVOICE, CORRECTED_YEAR = "T05", 2021
"""Delivered with another amount first; the later file has it right."""
REPLACED_INVOICE, REPLACED_YEAR = "T50", 2020
"""Delivered as three other lines first, in a file without line numbers; the later file bears the invoice
whole.
"""
REPEATED_INVOICES, REPEATED_YEAR = ("T13", "T26", "T29"), 2021
"""Stand once more in a later file, unchanged."""


class _File:
    """One ledger file, opened when the first rows come and closed with `close`."""

    def __init__(self, path: Path, system: System, texts: _Texts) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.counts = Counts()
        self._system, self._texts = system, texts
        self._total = 0
        self._raw: IO[bytes] = path.open("wb")
        self._out: IO[bytes] = self._raw
        if path.suffix == ".gz":
            self._out = cast(IO[bytes], gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0))
        encoding = system.form.encoding
        # The mark that says the encoding stands once, at the beginning.
        self._encoding = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(encoding, encoding)
        self._out.write({"utf-16": b"\xff\xfe", "utf-8-sig": b"\xef\xbb\xbf"}.get(encoding, b""))
        source = load_contracts()["invoices"]
        own = dict(system.own_headings)
        names = [own.get(c) or heading(source, c, system.form) for c in system.columns]
        lines = [*system.form.titles, system.form.delimiter.join(names)]
        self._out.write("".join(f"{line}\r\n" for line in lines).encode(self._encoding))

    def write(self, chunk: pl.DataFrame, fate: str, raw: dict[str, str] | None = None) -> None:
        """Append lines; `raw` replaces whole columns with a text."""
        if chunk.is_empty():
            return
        rows = self._texts.spell(chunk, self._system)
        if raw:
            rows = rows.with_columns(
                **{column: pl.lit(text) for column, text in raw.items() if column in rows.columns}
            )
        self._write_rows(rows)
        self._total += int(chunk["amount_delivered"].sum())
        self.counts.rows[fate] += len(chunk)

    def write_row(self, values: dict[str, Any], fate: str) -> None:
        """Append one row of ready texts (and dates)."""
        texts = {
            c: value.strftime(self._system.form.dates) if isinstance(value := values.get(c), date) else value
            for c in self._system.columns
        }
        self._write_rows(
            pl.DataFrame({c: [t] for c, t in texts.items()}, schema=dict.fromkeys(texts, pl.String))
        )
        self.counts.rows[fate] += 1

    def _write_rows(self, rows: pl.DataFrame) -> None:
        text = rows.write_csv(
            include_header=False, separator=self._system.form.delimiter, line_terminator="\r\n"
        )
        self._out.write(text.encode(self._encoding))

    def close(self) -> None:
        """Append the summing row where the system has one, and close."""
        if self._system.total:
            amount = f"{self._total // 100},{self._total % 100:02d}"
            self.write_row({self._system.columns[0]: "Summa", "amount_net": amount}, SKIPPED)
        self._out.close()
        self._raw.close()


class _Texts:
    """Turns chunks into texts."""

    def __init__(self, ledger: Ledger) -> None:
        world = ledger.world
        self._units = pl.Series([u.unit_id for u in world.organisations])
        self._unit_orgnr = pl.Series([u.orgnr for u in world.organisations], dtype=pl.String)
        self._is_company = pl.Series([u.kind == "company" for u in world.organisations])
        self._categories = pl.Series([*(c.category_code for c in world.categories), None], dtype=pl.String)
        self._contracts = pl.Series([*ledger.contract_ids, None], dtype=pl.String)
        self._names = pl.Series([s.name for s in world.spellings], dtype=pl.String)
        self._giros = pl.Series([s.bankgiro for s in world.spellings], dtype=pl.String)
        self._ids = {
            how: pl.Series(
                [spell_orgnr(s.written_id, how) if s.written_id else None for s in world.spellings],
                dtype=pl.String
            )
            for how in ("plain", "hyphen", "century", "vat")
        }  # fmt: skip

    def spell(self, chunk: pl.DataFrame, system: System) -> pl.DataFrame:
        """The chunk's lines as the texts of the system's columns."""
        form, unit = system.form, chunk["unit"]

        def looked_up(values: pl.Series, at: pl.Series) -> pl.Series:
            return values.gather(at.cast(pl.Int64).replace(-1, len(values) - 1))

        by_orgnr = self._is_company.gather(unit)
        if system.buyers == "unit":
            by_orgnr = by_orgnr & False
        texts = chunk.select(
            buyer_unit_id=pl.when(~by_orgnr).then(self._units.gather(unit)),
            buyer_orgnr=pl.when(by_orgnr).then(self._unit_orgnr.gather(unit)),
            fiscal_year=pl.col("fiscal_year").cast(pl.String),
            invoice_id="invoice_id",
            line_no=pl.col("line_no").cast(pl.String),
            supplier_id=self._ids[form.orgnr].gather(chunk["spelling"]),
            supplier_name=self._names.gather(chunk["spelling"]),
            supplier_bankgiro=self._giros.gather(chunk["spelling"]),
            invoice_date=pl.col("invoice_date").dt.strftime(form.dates),
            booking_date=pl.col("booking_date").dt.strftime(form.dates),
            account=pl.col("account").cast(pl.String),
            cost_centre=pl.format("K{}", pl.col("unit") * 10 + pl.col("account") % 7),
            category_code=looked_up(self._categories, chunk["category"]),
            contract_id=looked_up(self._contracts, chunk["contract"]),
            order_id=pl.lit(None, pl.String),
            supplier_invoice_number=pl.format("F{}", "invoice_id"),
            amount_net=_money(pl.col("amount_delivered"), form, system.trailing_minus),
            vat_amount=_money(pl.col("amount_delivered") // 4, form, system.trailing_minus),
            currency="currency",
            text=pl.col("text").fill_null("Faktura"),
        )
        return texts.select(system.columns)


def _money(ore: pl.Expr, form: Form, trailing_minus: bool) -> pl.Expr:
    size = ore.abs()
    whole, fraction = size // 100, (size % 100).cast(pl.String).str.zfill(2)
    text = whole.cast(pl.String)
    if form.thousands:
        groups = [(whole // 1000**i % 1000).cast(pl.String).str.zfill(3) for i in (2, 1, 0)]
        head = (whole // 1000**3).cast(pl.String)
        grouped = pl.concat_str([head, *groups], separator=form.thousands)
        text = grouped.str.strip_chars_start("0" + form.thousands)
        text = pl.when(text == "").then(pl.lit("0")).otherwise(text)
    amount = text + form.decimal + fraction
    minus = pl.when(ore < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return amount + minus if trailing_minus else minus + amount


def file_of(year: int, month: int) -> str:
    """The ledger file of a month of invoice dates."""
    if year < FIRST_YEAR:
        year, month = FIRST_YEAR, 1
    quarter = (month - 1) // 3 + 1
    return (
        f"{year}-{quarter}.{'txt' if year == 2020 else 'csv'}{'.gz' if (year, quarter) == (2022, 4) else ''}"
    )


def write_ledger(
    world: World, ledger: Ledger, faults: Faults, variant: str, raw: Path
) -> dict[tuple[str, str], Counts]:
    """Write every ledger file of a variant; gives the counts by (source, file).

    `ledger` is that of the whole world, faulty lines included.
    """
    folder, texts = raw / "invoices", _Texts(ledger)
    counts: dict[tuple[str, str], Counts] = {}

    def opened(name: str, year: int) -> _File:
        system = SYSTEMS[year]
        if name == UTF16_FILE:
            system = replace(system, form=replace(system.form, encoding="utf-16"))
        file = _File(folder / name, system, texts)
        counts["invoices", f"raw/invoices/{name}"] = file.counts
        return file

    dirty = variant == "dirty"
    faulty = faults.faulty["invoices"] if variant != "clean" else {}
    cascade = faults.cascade(world).get("invoices", set()) if dirty else set()
    planted: dict[str, list[Line]] = {}
    for x in world.planted_lines:
        planted.setdefault(file_of(x.invoice_date.year, x.invoice_date.month), []).append(x)

    months: dict[str, list[tuple[int, int]]] = {}
    for year, month in ledger.months():
        months.setdefault(file_of(year, month), []).append((year, month))
    for name, parts in months.items():
        file = opened(name, parts[-1][0])
        for year, month in parts:
            file.write(ledger.random_lines(year, month), ACCEPTED)
        lines = planted.get(name, [])
        ordinary = [x for x in lines if x.key not in faulty and x.key not in cascade and not _special(x)]
        file.write(ledger.frame(ordinary), ACCEPTED)
        file.write(ledger.frame([x for x in lines if x.key in cascade]), QUARANTINED)
        _write_spoiled(file, ledger, [x for x in lines if _special(x)])
        for x in lines:
            if x.key == faults.ambiguous_line:
                continue
            for raw_texts in faulty.get(x.key, ()):
                file.write(ledger.frame([x]), QUARANTINED, raw_texts)
        if name == GZIPPED_FILE and variant != "clean":
            for values, _ in faults.garbage["invoices"]:
                file.write_row(values, QUARANTINED)
        file.close()

    if faulty:
        # Alone in its file, so that nothing says how its point is meant.
        ambiguous = [x for x in world.planted_lines if x.key == faults.ambiguous_line]
        system = replace(SYSTEMS[2022], columns=tuple(c for c in SYSTEMS[2022].columns if c != "vat_amount"))
        file = _File(folder / "2022-tvetydig.csv", system, texts)
        counts["invoices", "raw/invoices/2022-tvetydig.csv"] = file.counts
        file.write(ledger.frame(ambiguous), QUARANTINED, faulty[ambiguous[0].key][0])
        file.close()
    _later(world.planted_lines, ledger, opened)
    if variant == "corrected":
        file = opened("z_svar.csv", 2022)
        file.write(ledger.frame([x for x in world.planted_lines if x.key in faulty]), ACCEPTED)
        file.close()
    return counts


def _special(x: Line) -> bool:
    return (x.invoice_id, x.invoice_date.year) in (
        (CORRECTED_INVOICE, CORRECTED_YEAR),
        (REPLACED_INVOICE, REPLACED_YEAR),
    )


def _write_spoiled(file: _File, ledger: Ledger, lines: list[Line]) -> None:
    """What an earlier file had instead of the right lines; the replaced invoice had one line more."""
    spoiled = [replace(x, amount_ore=x.amount_ore + 77_700) for x in lines]
    spoiled += [replace(x, line_no=x.line_no + 1) for x in spoiled[-1:] if x.invoice_id == REPLACED_INVOICE]
    file.write(ledger.frame(spoiled), SUPERSEDED)


def _later(planted: Iterable[Line], ledger: Ledger, opened: Any) -> None:
    """The files that correct and repeat what earlier ones bear."""
    planted = list(planted)
    for name, year, invoices, fate in (
        ("rattelser_2020.txt", REPLACED_YEAR, (REPLACED_INVOICE,), ACCEPTED),
        ("rattelser_2021.csv", CORRECTED_YEAR, (CORRECTED_INVOICE,), ACCEPTED),
        ("upprepning_2021.csv", REPEATED_YEAR, REPEATED_INVOICES, REPEATED),
    ):
        file = opened(name, year)
        lines = [x for x in planted if x.invoice_id in invoices and x.invoice_date.year == year]
        file.write(ledger.frame(lines), fate)
        file.close()
