"""Whole files: nothing is lost, order makes no difference, personal numbers never pass."""

import csv
import hashlib
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.contracts import Column, Source
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import ParsedFile, parse_delivery
from dagster_project.flow.readers import csv as reader
from dagster_project.flow.values.identity import has_check_digit
from dagster_project.settings import Settings, Workspace


def column(name: str, kind: str, **more: object) -> Column:
    return Column.model_validate({"name": name, "description": name, "type": kind, "label_sv": name, **more})


SOURCE = Source(
    name="things",
    area="test",
    description="Things.",
    name_sv="Saker",
    key=("id",),
    columns=(
        column("id", "code", required=True),
        column("kind", "enum", required=True, values={"a": ["alfa"], "b": ["beta"]}),
        column("amount", "money"),
        column("day", "date"),
        column("flag", "boolean"),
        column("supplier", "orgnr", personal="id"),
        column("name", "text", personal="name", personal_id="supplier"),
        column("text", "text"),
    ),
)
NAMES = [c.name for c in SOURCE.columns]
CELLS = st.one_of(
    st.sampled_from(["", "a", "beta", "1.234", "1,5", "1 000,25", "2021-03-04", "2021-02-30", "x", "ja",
                     "556000-4615", "811218-9876", "Summa", "Hjälp: så", "x;y", 'rör 5"', "två\nrader", "é"]),
    st.text(max_size=8),
)  # fmt: skip
ROWS = st.lists(st.lists(CELLS, min_size=0, max_size=10), max_size=12)


def parse(root: Path, content: bytes) -> ParsedFile:
    path = root / "raw" / "things" / "a.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    delivery = Delivery(
        "things", path, "raw/things/a.csv", hashlib.sha256(content).hexdigest(), 0, datetime.now(tz=UTC)
    )
    return parse_delivery(delivery, SOURCE, Settings(organisation="t", members="all"), Workspace(root))


def as_csv(header: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerows([header, *rows])
    return out.getvalue().encode("utf-8", errors="replace")


def shown(file: ParsedFile, part: str) -> pl.DataFrame:
    return pl.read_parquet(file.directory / f"{part}.parquet")


@given(ROWS)
@settings(deadline=None, max_examples=80)
def test_read_is_accepted_and_quarantined_and_skipped(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = parse(Path(folder), as_csv(NAMES, rows))
        if file.rejected is not None:
            assert file.rows_read == file.rows_quarantined
            return
        filled = sum(1 for row in rows if any(_tidy(cell) for cell in row))
        assert file.rows_read == filled
        assert file.rows_read == file.rows_accepted + file.rows_quarantined + file.rows_skipped
        assert (shown(file, "rows").height, shown(file, "bad").height) == (
            file.rows_accepted,
            file.rows_quarantined,
        )
        errors = shown(file, "issues").filter(pl.col("severity") == "error")
        assert set(errors["_row"]) == set(shown(file, "bad")["_row"])


def _tidy(cell: str) -> str:
    return cell.encode("utf-8", errors="replace").decode().replace("\x00", "").strip()


@given(st.lists(st.lists(CELLS, min_size=8, max_size=8), max_size=8), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_order_of_rows_and_columns_makes_no_difference(rows: list[list[str]], random: object) -> None:
    rows = [row for row in rows if not row[0].lower().startswith(("summa", "totalt", "hjälp"))]
    order = list(range(len(NAMES)))
    random.shuffle(order)  # type: ignore[attr-defined]
    order.remove(0)
    order.insert(0, 0)  # the first cell is where a summing row shows itself
    turned = rows[:]
    random.shuffle(turned)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as one:
        straight = parse(Path(one), as_csv(NAMES, rows))
        other = parse(
            Path(one), as_csv([NAMES[n] for n in order], [[row[n] for n in order] for row in turned])
        )
        assert (straight.rejected is None) == (other.rejected is None)
        for part in ("rows", "bad"):
            left, right = (shown(file, part).drop("_row").rows() for file in (straight, other))
            assert sorted(map(repr, left)) == sorted(map(repr, right))


@given(ROWS)
@settings(deadline=None, max_examples=80)
def test_the_fast_and_the_exact_way_read_the_same(rows: list[list[str]]) -> None:
    content = as_csv(NAMES, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(content)
        text = reader._as_utf8(path, Path(folder))
        layout = reader._layout(text.path, lambda cells: sum(cell in NAMES for cell in cells))
        fast, exact = Path(folder) / "fast.parquet", Path(folder) / "exact.parquet"
        read = reader._read_fast(text, layout, fast)
        if read is None:
            return
        reader._read_exactly(text.path, layout, exact)
        held = read if isinstance(read, pl.DataFrame) else pl.read_parquet(read)
        assert held.rows() == pl.read_parquet(exact).rows()


@st.composite
def persons(draw: st.DrawFn) -> str:
    """A made-up personal number with a right check digit, in one of its spellings."""
    day = draw(st.dates(min_value=datetime(1930, 1, 1).date(), max_value=datetime(2009, 12, 31).date()))
    coordination = 60 if draw(st.booleans()) else 0
    nine = f"{day:%y%m}{day.day + coordination:02d}{draw(st.integers(0, 999)):03d}"
    ten = next(nine + digit for digit in "0123456789" if has_check_digit(nine + digit))
    century = draw(st.sampled_from(["", f"{day:%Y}"[:2]]))
    return century + ten[:6] + draw(st.sampled_from(["", "-", "+", " "])) + ten[6:]


@given(
    st.lists(
        st.tuples(persons(), st.integers(0, 7), st.sampled_from(["{}", "hos {} i dag", "nr{}!"])),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None, max_examples=60)
def test_no_personal_number_passes_whatever_column_it_stands_in(cases: list[tuple[str, int, str]]) -> None:
    rows = []
    for number, (person, place, frame) in enumerate(cases):
        row = [f"id{number}", "a", "1,5", "2021-03-04", "ja", "556000-4615", "Bolaget", "text"]
        row[place] = person if NAMES[place] in ("amount",) else frame.format(person)
        rows.append(row)
    with tempfile.TemporaryDirectory() as folder:
        file = parse(Path(folder), as_csv(NAMES, rows))
        assert file.rejected is None
        kept = shown(file, "rows").drop("amount"), shown(file, "bad").drop("amount"), shown(file, "issues")
        written = " ".join(str(frame.rows()) for frame in kept)
        for person, place, _ in cases:
            if NAMES[place] != "amount":
                assert person not in written
