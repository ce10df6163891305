"""The Swedish open specification for supplier ledgers, as publishers really write it, becomes our ledger's headings.

Columns go by name, never by order. One row is one accounting line; its one date is invoice date and booking date;
a supplier's id is an organisation number or a number of the publisher's own, which tells us nothing. What does not
belong here: forms of file (`readers/`), and what a good amount or date is (`standardise`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from dagster_project.contracts import Source, fold
from dagster_project.flow.readers import Table
from dagster_project.flow.readers.json import is_json, read_json

NAME = "open_ledger"
ECHO = None
# The specification's `avtal` may be a contract's id, a yes, or a note: only what is some contract's id is one.
RESOLVED: Mapping[str, str] = {
    "contract_id": "select distinct contract_id as given, contract_id as value from delivered.contracts"
}

# Heading of the specification (folded) → our column; "" is known and not used.
HEADINGS: Mapping[str, str] = {
    "kopareid": "buyer_orgnr",
    "kopare": "",
    "verifikationsnummer": "invoice_id",
    "leverantor": "supplier_name",
    "leverantorid": "supplier_id",
    "kontonr": "account",
    "kontotext": "",
    "belopp": "amount_net",
    "nettobelopp": "amount_net",
    "datum": "booking_date",
    "bokforingsdatum": "booking_date",
    "forvaltning": "cost_centre",
    "fakturanummer": "supplier_invoice_number",
    "grund": "",
    "avtal": "contract_id",
    "kommunid": "",
    "skodnr": "",
}
# Which of two headings for one column is the better told.
PREFERRED = ("nettobelopp", "bokforingsdatum")
OWN_DATES = {fold("invoice_date"), fold("Fakturadatum"), fold("Fakt.datum")}
SWEDISH_ID = r"^(?i:SE)?(?:16|19|20)?[0-9]{6}[-–]?[0-9]{4}(?:01)?$"
ACCOUNT_WITH_TEXT = r"^([0-9]+)[\s:,–-]+\D"


def opens(own: Path) -> bool:
    """A reply in JSON; every other form has a reader already."""
    with own.open("rb") as stream:
        return is_json(stream.read(64))


def read(own: Path, folder: Path) -> list[Table]:
    """The rows of a reply in JSON."""
    return read_json(own, folder)


def speaks(tables: Sequence[Table]) -> bool:
    """Whether every table has the specification's buyer, supplier, voucher, amount and its one date."""
    return bool(tables) and all(_is_ledger({fold(cell) for cell in table.header}) for table in tables)


def _is_ledger(folded: set[str]) -> bool:
    return (
        {"verifikationsnummer", "leverantor"} <= folded
        and bool({"kopareid", "kopare"} & folded)
        and bool({"belopp", "nettobelopp"} & folded)
        and bool({"datum", "bokforingsdatum"} & folded)
        and not OWN_DATES & folded
    )


def contract(source: Source) -> Source:
    """The ledger's contract, in which a supplier's number that is none we know is set aside with a warning."""
    columns = tuple(
        column.model_copy(update={"sets_aside": True}) if column.name == "supplier_id" else column
        for column in source.columns
    )
    return source.model_copy(update={"columns": columns})


def translate(tables: Sequence[Table], folder: Path) -> list[Table]:
    """The tables under our headings."""
    return [_translated(table, folder / f"ledger-{number}.parquet") for number, table in enumerate(tables)]


def _translated(table: Table, spool: Path) -> Table:
    header = _renamed(table.header)
    place = {name: f"c{position}" for position, name in enumerate(header) if name}
    rows = table.scan()
    changed: list[pl.Expr] = []
    if "account" in place:
        at = pl.col(place["account"])
        number = at.str.extract(ACCOUNT_WITH_TEXT, 1)
        changed.append(pl.coalesce(number, at).alias(place["account"]))
    extra = f"c{len(header)}"
    rows = rows.with_columns(*changed, pl.col(place["booking_date"]).alias(extra))
    if "buyer_orgnr" in place and not _holds_numbers(rows, place["buyer_orgnr"]):
        header[int(place["buyer_orgnr"][1:])] = "buyer_unit_id"
    rows.sink_parquet(spool, compression="lz4")
    return replace(table, header=[*header, "invoice_date"], content=spool, dialect=NAME)


def _renamed(header: Sequence[str]) -> list[str]:
    folded = [fold(cell) for cell in header]
    better = {HEADINGS[cell] for cell in PREFERRED if cell in folded}
    renamed = []
    for cell, word in zip(header, folded, strict=True):
        ours = HEADINGS.get(word, cell)
        if ours in better and word not in PREFERRED:
            ours = ""
        if word == "kopare" and "kopareid" not in folded:
            ours = "buyer_unit_id"
        renamed.append(ours)
    return renamed


def _holds_numbers(rows: pl.LazyFrame, column: str) -> bool:
    """Whether buyers are given by organisation number, and not by an id of the organisation's own."""
    number = pl.col(column).str.replace_all(r"\s", "").str.contains(SWEDISH_ID)
    return bool(rows.select(number.any(ignore_nulls=True)).collect(engine="streaming").item())
