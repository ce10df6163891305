"""The least that anybody must do with the same ledger: stream it to Parquet, join each line with the contracts, sum.

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

DAY_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y")
# The demonstration's headings for what the floor reads.
MEANING = {
    "supplier": ("supplier_id", "org.nr leverantör", "leverantörens organisationsnummer", "lev.nr"),
    "day": ("invoice_date", "fakturadatum", "fakt.datum"),
    "category": ("category_code", "kategorikod", "kategori"),
    "amount": ("amount_net", "belopp exkl. moms", "nettobelopp"),
    "valid_from": ("valid_from", "giltigt från"),
    "valid_to": ("valid_to", "giltigt till"),
}
LINES = """
select
    right(regexp_replace("{supplier}", '[^0-9]|01$', '', 'g'), 10) as supplier,
    cast(coalesce({days}) as date) as day,
    "{category}" as category,
    try_cast(replace(replace(replace("{amount}", ' ', ''), chr(160), ''), ',', '.') as decimal(18, 2)) as amount
from read_parquet('{file}')
"""
CONTRACT_DAYS = """
create table contract_days as
select distinct supplier, category, cast(d as date) as day
from (
    select supplier, category,
        unnest(generate_series(cast(valid_from as date), cast(valid_to as date), interval 1 day)) as d
    from contracts
    where try_cast(valid_from as date) is not null and try_cast(valid_to as date) is not null
)
"""
CLASSES = """
select c.day is not null as on_contract, count(*), sum(amount)
from ({lines}) as l left join contract_days as c using (supplier, category, day)
group by all order by all
"""


def decoded(path: Path, scratch: Path) -> Path:
    """The file itself when it is plain UTF-8, else a UTF-8 copy, streamed."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as stream:
        start = stream.read(1 << 16)
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        encoding = "cp1252"
    if encoding == "utf-8-sig" and opened is open:
        return path
    copy = scratch / f"{path.name}.utf8"
    with opened(path, "rb") as stream, copy.open("w", encoding="utf-8", newline="") as out:
        decoder = codecs.getincrementaldecoder(encoding)()
        while chunk := stream.read(1 << 22):
            out.write(decoder.decode(chunk))
    return copy


def scanned(path: Path) -> tuple[pl.LazyFrame, dict[str, str]]:
    """The file's lines as text, and its heading per meaning."""
    with path.open(encoding="utf-8-sig") as stream:
        head = [stream.readline().rstrip("\r\n") for _ in range(5)]
    for above, line in enumerate(head):
        for delimiter in ";,\t":
            names = {name.casefold(): name for name in line.split(delimiter)}
            found = {m: names[w] for m, words in MEANING.items() for w in words if w in names}
            if len(found) >= 4:
                lines = pl.scan_csv(path, separator=delimiter, skip_rows=above, infer_schema=False)
                return lines, found
    raise SystemExit(f"no heading: {path.name}")


def floor(data: Path) -> dict[str, float]:
    """Seconds by step, and what came out of it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="floor-", dir=data) as folder:
        scratch = Path(folder)
        queries = []
        for path in sorted((data / "raw" / "invoices").iterdir()):
            text = decoded(path, scratch)
            lines, names = scanned(text)
            file = scratch / f"{path.name}.parquet"
            lines.sink_parquet(file)
            if text != path:
                text.unlink()
            days = ", ".join(f"try_strptime(\"{names['day']}\", '{form}')" for form in DAY_FORMATS)
            queries.append(LINES.format(days=days, file=file, **names))
        streamed = time.perf_counter()
        contracts = []
        for path in sorted((data / "raw" / "contracts").iterdir()):
            lines, names = scanned(decoded(path, scratch))
            digits = pl.col(names["supplier"]).str.replace_all("[^0-9]", "").str.tail(10)
            kept = [pl.col(names[name]).alias(name) for name in ("category", "valid_from", "valid_to")]
            contracts.append(lines.select(digits.alias("supplier"), *kept).collect())
        with duckdb.connect(config={"threads": 2}) as connection:
            connection.register("contracts", pl.concat(contracts).to_arrow())
            connection.execute(CONTRACT_DAYS)
            classes = connection.execute(CLASSES.format(lines=" union all ".join(queries))).fetchall()
        ended = time.perf_counter()
    return {
        "seconds": round(ended - began, 2),
        "stream": round(streamed - began, 2),
        "classify_and_sum": round(ended - streamed, 2),
        "lines": sum(lines for _, lines, _ in classes),
        "lines_on_contract": sum(lines for on_contract, lines, _ in classes if on_contract),
        "amount": float(sum(amount for _, _, amount in classes)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(floor(Path(sys.argv[1]))) + "\n")
