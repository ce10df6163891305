"""The least that anybody must do with the same ledger: stream it to Parquet, join each line once with the contracts, sum.

No quarantine, no repeats, no references, no checks, no figures, no release: a yardstick, not an alternative. What does
not belong here: anything of Måttstock's own code, which is what is measured against it.
"""

from __future__ import annotations

import codecs
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import polars as pl

LEDGER = ("invoices", "*")
DAY_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y")
MEANING = {
    "supplier": ("supplier_id", "org.nr leverantör", "leverantörens organisationsnummer", "lev.nr"),
    "day": ("invoice_date", "fakturadatum", "fakt.datum"),
    "category": ("category_code", "kategorikod", "kategori"),
    "amount": ("amount_net", "belopp exkl. moms", "nettobelopp"),
    "contract": ("contract_id", "avtalsnummer"),
    "valid_from": ("valid_from", "giltigt från"),
    "valid_to": ("valid_to", "giltigt till"),
}


def decoded(path: Path, scratch: Path) -> Path:
    """The file itself when it is UTF-8, else a UTF-8 copy, streamed."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as stream:
        start = stream.read(1 << 16)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(start)
            encoding = "utf-8-sig"
        except UnicodeDecodeError:
            encoding = "cp1252"
    if encoding == "utf-8-sig" and path.suffix != ".gz":
        return path
    copy = scratch / f"{path.name}.utf8"
    with opened(path, "rb") as stream, copy.open("w", encoding="utf-8", newline="") as out:
        decoder = codecs.getincrementaldecoder(encoding)()
        while chunk := stream.read(1 << 22):
            out.write(decoder.decode(chunk))
    return copy


def columns(path: Path) -> tuple[str, int, dict[str, str]]:
    """Delimiter, lines above the heading, and this file's heading per meaning."""
    with path.open(encoding="utf-8-sig") as stream:
        head = [stream.readline().rstrip("\r\n") for _ in range(5)]
    for above, line in enumerate(head):
        for delimiter in ";,\t":
            names = {name.casefold(): name for name in line.split(delimiter)}
            found = {m: names[w] for m, words in MEANING.items() for w in words if w in names}
            if len(found) >= 4:
                return delimiter, above, found
    raise SystemExit(f"no heading: {path.name}")


def floor(data: Path) -> dict[str, float]:
    """Seconds by step, and what the sum became."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="floor-", dir=data) as folder:
        scratch = Path(folder)
        union = []
        for number, path in enumerate(sorted((data / "raw" / "invoices").iterdir())):
            text = decoded(path, scratch)
            delimiter, above, names = columns(text)
            target = scratch / f"{number}.parquet"
            pl.scan_csv(text, separator=delimiter, skip_rows=above, infer_schema=False, truncate_ragged_lines=True).sink_parquet(target)
            if text != path:
                text.unlink()
            day = f'"{names["day"]}"'
            days = ", ".join(f"try_strptime({day}, '{form}')" for form in DAY_FORMATS)
            union.append(
                f"""select right(regexp_replace("{names['supplier']}", '[^0-9]|01$', '', 'g'), 10) as supplier,
                cast(coalesce({days}) as date) as day, "{names['category']}" as category,
                try_cast(replace(replace(replace("{names['amount']}", ' ', ''), chr(160), ''), ',', '.') as decimal(18, 2)) as amount
                from read_parquet('{target}')"""
            )
        streamed = time.perf_counter()
        contracts = []
        for path in sorted((data / "raw" / "contracts").iterdir()):
            delimiter, above, names = columns(decoded(path, scratch))
            contracts.append(
                pl.read_csv(decoded(path, scratch), separator=delimiter, skip_rows=above, infer_schema=False).select(
                    supplier=pl.col(names["supplier"]).str.replace_all("[^0-9]", "").str.tail(10),
                    category=names["category"], valid_from=names["valid_from"], valid_to=names["valid_to"],
                )
            )
        with duckdb.connect(config={"threads": 2, "memory_limit": "2500MB"}) as connection:
            connection.register("contracts", pl.concat(contracts).to_arrow())
            connection.execute(
                """create table contract_days as select distinct supplier, category, cast(d as date) as day from (
                select supplier, category, unnest(generate_series(cast(valid_from as date), cast(valid_to as date), interval 1 day)) as d
                from contracts where try_cast(valid_from as date) is not null and try_cast(valid_to as date) is not null)"""
            )
            found = connection.execute(
                f"""select c.day is not null as on_contract, count(*), sum(amount) from ({" union all ".join(union)}) as l
                left join contract_days as c using (supplier, category, day) group by all order by all"""
            ).fetchall()
        ended = time.perf_counter()
    return {
        "seconds": ended - began, "stream": streamed - began, "classify_and_sum": ended - streamed,
        "lines": sum(row[1] for row in found), "on_contract": sum(row[1] for row in found if row[0]),
        "amount": float(sum(row[2] for row in found)),
    }


if __name__ == "__main__":
    print(json.dumps(floor(Path(sys.argv[1]))))
