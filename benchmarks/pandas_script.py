"""The floor's task as an analyst would write it in a notebook: read each file with pandas, join the contracts, sum.

Same files, same classes, same sums as `floor.py`, whose table of headings it borrows. No quarantine, repeats, checks
or figures either. What does not belong here: Måttstock's own code, and tricks that a plain script would not use.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.floor import DAY_FORMATS, MEANING

ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
ABOVE = 5  # rows that may stand above the headings


def read(path: Path) -> pd.DataFrame:
    """The columns that are known, as text, under the names of `MEANING`."""
    for encoding in ENCODINGS:
        for delimiter in ";,\t":
            for above in range(ABOVE):
                try:
                    head = pd.read_csv(path, sep=delimiter, encoding=encoding, skiprows=above, nrows=0)
                except (UnicodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
                    break
                names = {name.casefold(): name for name in head.columns}
                found = {names[word]: m for m, words in MEANING.items() for word in words if word in names}
                if len(found) >= 4:
                    try:
                        table = pd.read_csv(
                            path,
                            sep=delimiter,
                            encoding=encoding,
                            skiprows=above,
                            dtype=str,
                            usecols=list(found),
                        )
                    except UnicodeError:
                        break
                    return table.rename(columns=found)
    raise SystemExit(f"no heading: {path.name}")


def days(text: pd.Series) -> pd.Series:
    """Dates in any of the forms, missing where none fits."""
    read_so_far = pd.to_datetime(text, format=DAY_FORMATS[0], errors="coerce")
    for form in DAY_FORMATS[1:]:
        if read_so_far.isna().any():
            read_so_far = read_so_far.fillna(pd.to_datetime(text, format=form, errors="coerce"))
    return read_so_far


def suppliers(text: pd.Series) -> pd.Series:
    """The ten digits of an organisation number; a VAT number's 01 goes."""
    return text.str.replace(r"[^0-9]|01$", "", regex=True).str[-10:]


def classify(data: Path) -> dict[str, float]:
    """Seconds, and what came out: lines, those on a contract, and their sum in all."""
    began = time.perf_counter()
    contracts = pd.concat([read(path) for path in sorted((data / "raw" / "contracts").iterdir())])
    contracts["supplier"] = contracts["supplier"].str.replace(r"[^0-9]", "", regex=True).str[-10:]
    for name in ("valid_from", "valid_to"):
        contracts[name] = pd.to_datetime(contracts[name], format=DAY_FORMATS[0], errors="coerce")
    contracts = contracts.dropna(subset=["valid_from", "valid_to"])
    contracts = contracts[["supplier", "category", "valid_from", "valid_to"]].drop_duplicates()
    lines, on_contract, amount = 0, 0, 0.0
    for path in sorted((data / "raw" / "invoices").iterdir()):
        table = read(path)
        table["day"] = days(table["day"])
        table["supplier"] = suppliers(table["supplier"])
        written = table["amount"].str.replace(r"[ \u00a0]", "", regex=True).str.replace(",", ".", regex=False)
        table["amount"] = pd.to_numeric(written, errors="coerce")
        met = table.reset_index().merge(contracts, on=["supplier", "category"])
        covered = met.loc[met["day"].between(met["valid_from"], met["valid_to"]), "index"]
        table["on_contract"] = table.index.isin(covered)
        lines += len(table)
        on_contract += int(table["on_contract"].sum())
        amount += float(table["amount"].sum())
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "lines": lines,
        "lines_on_contract": on_contract,
        "amount": round(amount, 2),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(classify(Path(sys.argv[1]))) + "\n")
