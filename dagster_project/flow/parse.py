"""One delivery becomes a remembered pair of Parquet files: rows that can be read, and rows that cannot.

What is remembered depends on the file's content, the effective contract and the pseudonym key only, so an
unchanged delivery is not read twice. What does not belong here: anything that needs other deliveries
(reconcile).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import secrets
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from dagster_project.contracts import Source, fold
from dagster_project.flow.dialects import Dialect
from dagster_project.flow.ingest import Delivery, Table, UnreadableDelivery, form_of, read_tables
from dagster_project.flow.readers import ROW, PassingFault, is_of_the_disk
from dagster_project.flow.standardise import (
    BAD,
    DTYPES,
    FINDINGS,
    NUMBERS,
    Choices,
    alternatives,
    line_number_column,
    positions,
    standardise,
)
from dagster_project.flow.values.identity import key_id, mask, pseudonym_key, screen_name
from dagster_project.flow.values.numbers import Sign, evidence, may_be_two_way
from dagster_project.flow.values.references import ANSWERS, is_helper
from dagster_project.flow.values.words import enum_words, only_crosses
from dagster_project.messages import message
from dagster_project.settings import Settings, SettingsError, Workspace

PARSER_VERSION = "6"
SHEET = "_sheet"
MAX_UNKNOWN_COLUMNS = 200
SHOWN_CHARACTERS = 1000
DICTIONARY_SAMPLE = 10_000  # rows that tell whether a column repeats itself

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in the file) while a file is standardised."""


@dataclass(frozen=True)
class Message:
    """Why a file was refused, in words: key `file.<rule>`."""

    rule: str
    sv: str
    en: str


@dataclass(frozen=True)
class ParsedFile:
    """One delivery, read: where its rows lie and what became of them. read = accepted + quarantined +
    skipped.

    `directory` holds `rows.parquet` and `bad.parquet` (the contract's columns, `_sheet`, `_row`, `_answers`) and
    `issues.parquet`. `numbered`: line numbers were given by us. `answers`: rows bear a row reference. `dialect`:
    the foreign way of writing that it came in. `findings`: rows in `issues.parquet`. A `rejected` file's rows are all
    quarantined.
    """

    delivery: Delivery
    directory: Path
    rejected: Message | None
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_skipped: int
    unknown_columns: tuple[str, ...]
    ignored_sheets: tuple[str, ...]
    numbered: bool
    answers: bool = False
    dialect: str = ""
    findings: int = 0


@dataclass
class _Counts:
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_skipped: int = 0
    findings: int = 0


def parse_delivery(
    delivery: Delivery,
    source: Source,
    settings: Settings,
    workspace: Workspace,
    progress: Progress | None = None,
    dialects: Sequence[Dialect] = (),
) -> ParsedFile:
    """Read one delivery by its contract, in whichever of the dialects it comes, or recall what was read before.

    Never raises for what a file holds: a file that cannot be used is `rejected`. Raises SettingsError where
    organisation.yml names columns or codes that the source does not have.
    """
    choices = first_choices(source, settings, pseudonym_key(workspace))
    return _remembered(
        delivery,
        source,
        choices,
        workspace,
        PARSER_VERSION,
        lambda scratch, result: _parse(delivery, source, choices, scratch, result, progress, dialects),
    )


@dataclass(frozen=True)
class RowsRead:
    """What an adapter has read from a file that is no table: `rows` with the contract's columns, `_sheet` and `_row`,
    and `findings` (columns FINDINGS and `_sheet`). A row with an error among the findings is quarantined.
    """

    rows: Sequence[Mapping[str, object]]
    findings: Sequence[Mapping[str, object]]


def parse_rows(
    delivery: Delivery,
    source: Source,
    settings: Settings,
    workspace: Workspace,
    version: str,
    read: Callable[[bytes], RowsRead],
) -> ParsedFile:
    """The same for a format that gives typed rows itself: `read` is asked with the pseudonym key, once per content,
    contract, key and `version` of the adapter. It raises UnreadableDelivery for a file that cannot be used.
    """
    choices = first_choices(source, settings, pseudonym_key(workspace))

    def fill(_: Path, result: Path) -> UnreadableDelivery | None:
        try:
            done = read(choices.key)
        except UnreadableDelivery as refused:
            _write_refusal(result, _Counts(), [], source, choices, refused)
            return refused
        _write_rows(result, source, done, choices)
        return None

    return _remembered(
        delivery, source, choices, workspace, f"{PARSER_VERSION}.{version}", fill, in_place=True
    )


def _remembered(
    delivery: Delivery,
    source: Source,
    choices: Choices,
    workspace: Workspace,
    version: str,
    fill: Callable[[Path, Path], UnreadableDelivery | None],
    in_place: bool = False,
) -> ParsedFile:
    """What was read of such a delivery before; else `fill(scratch, result)` reads it, and gives why it was refused.

    `in_place`: nothing but the result is written, so that one folder will do; for thousands of small files that counts.
    """
    directory = workspace.warehouse / "parsed" / source.name / _cache_key(delivery, source, choices, version)
    if not (directory / "meta.json").exists():
        with _scratch(workspace) as scratch:
            result = scratch if in_place else scratch / "result"
            result.mkdir(exist_ok=True)
            try:
                refused = fill(scratch, result)
            except BaseException as error:
                if not _is_of_the_file(error):
                    raise
                result = scratch / "unreadable"
                result.mkdir()
                refused = _unreadable(error, delivery, source, choices, workspace, result)
            if isinstance(refused, PassingFault):
                directory = directory.with_name(f"{directory.name}-{secrets.token_hex(6)}")
            _settle(result, directory)
    return _recalled(delivery, directory)


def clear_scratch(workspace: Workspace) -> None:
    """Remove what a killed run left behind; only while no other run works in the data folder."""
    shutil.rmtree(workspace.warehouse / "scratch", ignore_errors=True)


def forget_parsed(workspace: Workspace, kept: Sequence[ParsedFile]) -> None:
    """Remove remembered files that no present delivery uses."""
    used = {file.directory for file in kept}
    for directory in (workspace.warehouse / "parsed").glob("*/*"):
        if directory not in used:
            shutil.rmtree(directory)


# -- what is chosen
# ------------------------------------------------------------------------------------------------


def first_choices(source: Source, settings: Settings, key: bytes) -> Choices:
    """The contract with the organisation's headings, words and dates. Raises SettingsError for unknown
    columns.
    """
    names = {column.name for column in source.columns}
    headings: dict[str, tuple[str, ...]] = {heading: (name,) for heading, name in source.headers().items()}
    for heading, meant in settings.headers.get(source.name, {}).items():
        for name in meant:
            if name not in names:
                raise SettingsError(
                    f"headers.{source.name}.{heading}: {name}: kolumnen finns inte / no such column; "
                    f"välj bland / choose among: {', '.join(sorted(names))}"
                )
        headings[fold(heading)] = meant
    words: dict[str, dict[str, str]] = {}
    for name, meanings in settings.values.get(source.name, {}).items():
        if name not in names:
            raise SettingsError(
                f"values.{source.name}.{name}: kolumnen finns inte / no such column; "
                f"välj bland / choose among: {', '.join(sorted(names))}"
            )
        column = source.column(name)
        known = enum_words(column)
        for word, meaning in meanings.items():
            if column.type == "enum" and fold(meaning) not in known:
                raise SettingsError(
                    f"values.{source.name}.{name}.{word}: {meaning}: okänd kod / unknown code; "
                    f"välj bland / choose among: {', '.join(column.values)}"
                )
            words.setdefault(name, {})[fold(word)] = (
                known[fold(meaning)] if column.type == "enum" else meaning
            )
    return Choices(key=key, headings=headings, words=words, date_pattern=settings.dates.get(source.name))


def _cache_key(delivery: Delivery, source: Source, choices: Choices, version: str) -> str:
    effective = {
        "content": delivery.sha256,
        "form": form_of(delivery.path),
        "contract": source.fingerprint,
        "headings": choices.headings,
        "words": choices.words,
        "dates": choices.date_pattern,
        "parser": version,
        "key": key_id(choices.key),
    }
    return hashlib.sha256(json.dumps(effective, sort_keys=True).encode()).hexdigest()


def _file_choices(tables: Sequence[Table], source: Source, choices: Choices) -> Choices:
    """What can only be decided with the whole file in view: decimal signs, and crosses for yes."""
    places = [{n: p[0] for n, p in positions(table.header, choices.headings).items()} for table in tables]
    numbers = [column.name for column in source.columns if column.type in NUMBERS]
    flags = [column.name for column in source.columns if column.type == "boolean"]
    open_questions = [
        _ask(table, {name: may_be_two_way(f"c{place[name]}") for name in numbers if name in place})
        for table, place in zip(tables, places, strict=True)
    ]
    signs: dict[str, Sign | None] = {}
    if any(answer for answers in open_questions for answer in answers.values()):
        signs = _signs(tables, places, numbers)
    crosses = [
        _ask(table, {name: only_crosses(f"c{place[name]}") for name in flags if name in place})
        for table, place in zip(tables, places, strict=True)
    ]
    empty_means_no = frozenset(
        name
        for name in flags
        if any(answers.get(name) for answers in crosses)
        and all(answers.get(name, True) for answers in crosses)
    )
    return dataclasses.replace(choices, signs=signs, empty_means_no=empty_means_no)


def _ask(table: Table, questions: Mapping[str, pl.Expr]) -> dict[str, bool]:
    if not questions or not table.rows:
        return {}
    answers = table.scan().select(**questions).collect(engine="streaming").row(0, named=True)
    return {name: bool(answer) for name, answer in answers.items()}


def _signs(
    tables: Sequence[Table], places: Sequence[Mapping[str, int]], numbers: Sequence[str]
) -> dict[str, Sign | None]:
    """A column's decimal sign from its values that can be read one way only; else that of the others."""
    seen: dict[str, set[Sign]] = {name: set() for name in numbers}
    for table, place in zip(tables, places, strict=True):
        questions: dict[str, pl.Expr] = {}
        for name in numbers:
            if name in place:
                comma, point = evidence(f"c{place[name]}", table.typed)
                questions |= {f"{name},": comma, f"{name}.": point}
        for question, answer in _ask(table, questions).items():
            if answer:
                seen[question[:-1]].add("," if question.endswith(",") else ".")
    everywhere = set().union(*seen.values())
    return {name: _only(found or everywhere) for name, found in seen.items()}


def _only(signs: set[Sign]) -> Sign | None:
    return next(iter(signs)) if len(signs) == 1 else None


# -- reading
# -------------------------------------------------------------------------------------------------------


def _parse(
    delivery: Delivery,
    source: Source,
    choices: Choices,
    scratch: Path,
    result: Path,
    progress: Progress | None,
    dialects: Sequence[Dialect],
) -> UnreadableDelivery | None:
    """Read the file into `result`; gives why it was refused, if it was."""
    tables: list[Table] = []
    counts = _Counts()
    try:
        read = read_tables(delivery, lambda cells: len(positions(cells, choices.headings)), scratch, dialects)
        dialect = next((dialect for dialect in dialects if dialect.speaks(read)), None)
        if dialect is not None:
            read, source = dialect.translate(read, scratch), dialect.contract(source)
        tables = [dataclasses.replace(table, sheet=_shown_sheet(table.sheet, choices)) for table in read]
        _check_headings(tables, source, choices)
    except UnreadableDelivery as refused:
        counts.rows_read = counts.rows_quarantined = sum(table.rows for table in tables)
        _write_refusal(result, counts, tables, source, choices, refused)
        return refused
    decided = _file_choices(tables, source, choices)
    line_number = line_number_column(source)
    # A dialect bears whole invoices: a later file that bears one replaces all its lines.
    numbered = dialect is not None
    answers = False
    total = sum(table.rows for table in tables)
    counter = _LineCounter(source.numbered_within)
    with _Writers(result, source) as writers:
        for table in tables:
            counts_lines = line_number is not None and line_number not in positions(
                table.header, choices.headings
            )
            numbered = numbered or counts_lines
            for batch in table.batches:
                done = standardise(batch, table.header, source, decided)
                frame = done.frame
                if counts_lines and line_number is not None:
                    frame = frame.with_columns(counter.number(frame).alias(line_number))
                frame, findings = _with_reader_s(frame, done.findings, table)
                writers.write(frame, findings, table)
                quarantined = int(frame[BAD].sum())
                counts.rows_read += batch.height
                counts.rows_quarantined += quarantined
                counts.rows_accepted += frame.height - quarantined
                counts.rows_skipped += done.skipped
                counts.findings += findings.height
                answers = answers or frame[ANSWERS].null_count() < frame.height
                if progress is not None:
                    progress(counts.rows_read, total)
    _write_meta(result, counts, tables, choices, numbered, answers, refused=None)
    return None


def _with_reader_s(
    frame: pl.DataFrame, findings: pl.DataFrame, table: Table
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the reader found wrong with a batch's rows, in place of what their cells would say."""
    if not table.findings:
        return frame, findings
    told = pl.DataFrame(table.findings, schema=FINDINGS).filter(pl.col(ROW).is_in(frame[ROW].implode()))
    rows = told[ROW].unique().implode()
    return (
        frame.with_columns(pl.col(BAD) | pl.col(ROW).is_in(rows)),
        pl.concat([findings.filter(~pl.col(ROW).is_in(rows)), told]).sort(ROW, maintain_order=True),
    )


def _is_of_the_file(error: BaseException) -> bool:
    """Whether a fault that nobody foresaw is to be laid to the file that was being read.

    This is the only place that asks, because every library that reads a delivery does its work below `_parse`, and
    here alone a file can still be set aside by itself. A fault of the disk is the run's; so is a wish to stop.
    """
    is_panic = type(error).__name__ == "PanicException"  # Rust's, in polars and calamine: no Exception
    return is_panic or (isinstance(error, Exception) and not is_of_the_disk(error))


def _unreadable(
    error: BaseException,
    delivery: Delivery,
    source: Source,
    choices: Choices,
    workspace: Workspace,
    result: Path,
) -> PassingFault:
    """Write the refusal of a file that a library stumbled over; the details go to the log, numbers masked."""
    log = workspace.warehouse / "logs" / f"unreadable-{delivery.sha256[:16]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    details = "".join(traceback.format_exception(error))
    log.write_text(mask(f"{delivery.file}\n{details}"), encoding="utf-8", errors="backslashreplace")
    refused = PassingFault("unreadable", kind=type(error).__name__, log=log.name)
    _write_refusal(result, _Counts(), [], source, choices, refused)
    return refused


def _write_refusal(
    result: Path,
    counts: _Counts,
    tables: Sequence[Table],
    source: Source,
    choices: Choices,
    refused: UnreadableDelivery,
) -> None:
    with _Writers(result, source):
        pass
    _write_meta(result, counts, tables, choices, numbered=False, answers=False, refused=refused)


def _shown_sheet(name: str | None, choices: Choices) -> str | None:
    return None if name is None else screen_name(name, lambda: choices.key)


def _check_headings(tables: Sequence[Table], source: Source, choices: Choices) -> None:
    """Refuse a table where a required column is missing or a column stands twice."""
    for table in tables:
        found = positions(table.header, choices.headings)
        where = {"sheet": table.sheet or ""}
        for name, places in found.items():
            if len(places) > 1:
                repeated = ", ".join(mask(table.header[place]) for place in places)
                raise UnreadableDelivery("duplicate_column", column=name, headings=repeated, **where)
        missing = [name for name in source.required_columns if name not in found]
        missing += [
            f"{one}/{other}" for one, other in alternatives(source) if one not in found and other not in found
        ]
        if missing:
            headings = ", ".join(mask(cell) for cell in table.header if cell)
            raise UnreadableDelivery("missing_column", columns=missing, headings=headings, **where)


class _LineCounter:
    """Running numbers within groups, over a file that is read in batches."""

    def __init__(self, within: Sequence[str]) -> None:
        self._within = within
        # Hash of a group and its lines so far; of a group's several entries the largest holds.
        self._seen = pl.DataFrame(schema={"group": pl.UInt64, "line": pl.Int64})

    def number(self, frame: pl.DataFrame) -> pl.Series:
        """The next numbers for the rows of one batch, in order (Int64)."""
        # Sorted runs instead of a window: a ledger has as many groups as a third of its rows.
        runs = (
            frame.select(group=pl.struct(pl.col(*self._within)).hash(seed=0))
            .with_row_index("place")
            .sort("group", maintain_order=True)
            .with_columns(
                start=pl.when(pl.col("group").ne_missing(pl.col("group").shift(1)))
                .then(pl.int_range(pl.len(), dtype=pl.Int64))
                .forward_fill()
            )
            .select("place", "group", line=pl.int_range(1, pl.len() + 1, dtype=pl.Int64) - pl.col("start"))
        )
        is_last = pl.col("group").ne_missing(pl.col("group").shift(-1))
        earlier = (
            self._seen.join(runs.filter(is_last), on="group", how="semi")
            .group_by("group")
            .agg(before=pl.col("line").max())
        )
        if earlier.height:
            joined = runs.join(earlier, on="group", how="left", maintain_order="left")
            runs = joined.with_columns(pl.col("line") + pl.col("before").fill_null(0))
        self._seen = self._seen.vstack(runs.filter(is_last).select("group", "line"))
        return runs.sort("place")["line"]


def _write_rows(result: Path, source: Source, done: RowsRead, choices: Choices) -> None:
    """Write typed rows as `_parse` would; in one go, because an XML file holds few."""
    wrong = {(f[SHEET], f[ROW]) for f in done.findings if f["severity"] == "error"}
    parts: dict[str, list[Mapping[str, object]]] = {"rows": [], "bad": [], "issues": [*done.findings]}
    for row in done.rows:
        parts["bad" if (row[SHEET], row[ROW]) in wrong else "rows"].append(row)
    for name, schema in _schemas(source).items():
        target = result / f"{name}.parquet"
        if parts[name]:
            table = pl.DataFrame(parts[name], schema=schema, orient="row").to_arrow()
            pa.parquet.write_table(table, target, compression="zstd", compression_level=1)
        else:
            target.write_bytes(_empty_parquet(name, tuple(schema.items())))
    counts = _Counts(len(done.rows), len(parts["rows"]), len(parts["bad"]), findings=len(done.findings))
    _write_meta(result, counts, [], choices, numbered=False, answers=False, refused=None)


@functools.lru_cache(maxsize=64)
def _empty_parquet(name: str, schema: tuple[tuple[str, pl.DataType | type[pl.DataType]], ...]) -> bytes:
    """A Parquet file without rows, as bytes: most of thousands of small files have nothing wrong."""
    out = pa.BufferOutputStream()
    pa.parquet.write_table(pl.DataFrame(schema=dict(schema)).to_arrow(), out)
    return bytes(out.getvalue())


def _schemas(source: Source) -> dict[str, dict[str, pl.DataType | type[pl.DataType]]]:
    """The columns of the three Parquet files of a result."""
    rows = {column.name: DTYPES[column.type] for column in source.columns}
    rows |= {SHEET: pl.String, ROW: pl.Int64, ANSWERS: pl.String}
    findings: dict[str, pl.DataType | type[pl.DataType]] = {"severity": pl.String, SHEET: pl.String}
    return {"rows": rows, "bad": rows, "issues": findings | dict(FINDINGS)}


class _Writers:
    """The three Parquet files of a result, written batch by batch."""

    def __init__(self, directory: Path, source: Source) -> None:
        self._directory = directory
        self._schemas = _schemas(source)
        self._writers: dict[str, pa.parquet.ParquetWriter] = {}

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()
        for name in self._schemas.keys() - self._writers.keys():
            empty = _empty_parquet(name, tuple(self._schemas[name].items()))
            (self._directory / f"{name}.parquet").write_bytes(empty)

    def write(self, frame: pl.DataFrame, findings: pl.DataFrame, table: Table) -> None:
        placed = _placed(frame, table)
        if not frame[BAD].any():
            self._write("rows", placed)
        else:
            self._write("rows", placed.filter(~pl.col(BAD)))
            self._write("bad", placed.filter(BAD))
        self._write("issues", _placed(findings, table))

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        columns = frame.select(list(self._schemas[name]))
        rows = columns.to_arrow()
        if name not in self._writers:
            self._writers[name] = pa.parquet.ParquetWriter(
                self._directory / f"{name}.parquet",
                rows.schema,
                # Read a dozen times in the run that writes it, whole: packed lightly, and without a guide to its parts.
                compression="lz4",
                write_statistics=False,
                use_dictionary=_repeated(columns),
                store_decimal_as_integer=True,
            )
        self._writers[name].write_table(rows)


def _repeated(frame: pl.DataFrame) -> list[str]:
    """The columns where a value mostly comes again: the others gain nothing by a dictionary, and to make one is half of
    the work of writing.
    """
    first = frame.head(DICTIONARY_SAMPLE)
    return [name for name in first.columns if 3 * first[name].n_unique() <= first.height]


def _placed(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """With the sheet, or the place in a document, of every row."""
    if table.places is None:
        return frame.with_columns(pl.lit(table.sheet, dtype=pl.String).alias(SHEET))
    return frame.with_columns(table.places.gather(frame[ROW] - 1).alias(SHEET))


# -- remembering
# ---------------------------------------------------------------------------------------------------


def _write_meta(
    directory: Path,
    counts: _Counts,
    tables: Sequence[Table],
    choices: Choices,
    numbered: bool,
    answers: bool,
    refused: UnreadableDelivery | None,
) -> None:
    unknown = dict.fromkeys(
        _one_line(mask(cell))
        for table in tables
        for cell in table.header
        if cell and fold(cell) not in choices.headings and not is_helper(cell)
    )
    ignored = dict.fromkeys(sheet for table in tables for sheet in table.ignored_sheets)
    meta = {
        **dataclasses.asdict(counts),
        "unknown_columns": list(unknown)[:MAX_UNKNOWN_COLUMNS],
        "ignored_sheets": [_one_line(mask(sheet)) for sheet in ignored],
        "numbered": numbered,
        "answers": answers,
        "dialect": next((table.dialect for table in tables), ""),
        "refused": None
        if refused is None
        else {"rule": refused.rule, "arguments": _masked(refused.arguments)},
    }
    (directory / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")


def _masked(arguments: Mapping[str, object]) -> dict[str, object]:
    """What a message may show of a file: numbers of persons masked, one line, and no more than can be read."""
    return {
        name: _one_line(mask(value)) if isinstance(value, str) else value for name, value in arguments.items()
    }


def _one_line(text: str) -> str:
    line = "".join(sign if sign.isprintable() else " " for sign in text[:SHOWN_CHARACTERS])
    return line if len(text) <= SHOWN_CHARACTERS else f"{line} …"


def _recalled(delivery: Delivery, directory: Path) -> ParsedFile:
    meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
    refused = meta.pop("refused")
    return ParsedFile(
        delivery=delivery,
        directory=directory,
        rejected=None if refused is None else _refusal(delivery, refused["rule"], refused["arguments"]),
        rows_read=meta["rows_read"],
        rows_accepted=meta["rows_accepted"],
        rows_quarantined=meta["rows_quarantined"],
        rows_skipped=meta["rows_skipped"],
        unknown_columns=tuple(meta["unknown_columns"]),
        ignored_sheets=tuple(meta["ignored_sheets"]),
        numbered=meta["numbered"],
        answers=meta["answers"],
        dialect=meta["dialect"],
        findings=meta["findings"],
    )


def _refusal(delivery: Delivery, rule: str, arguments: Mapping[str, object]) -> Message:
    """The words are made when recalled: the same content may come under another name."""
    filled = {
        name: ", ".join(value) if isinstance(value, list) else value for name, value in arguments.items()
    }
    sheet = filled.get("sheet")
    filled |= {
        "sheet_sv": f" (bladet {sheet})" if sheet else "",
        "sheet_en": f" (sheet {sheet})" if sheet else "",
    }
    sv, en = (message(f"file.{rule}", language, file=delivery.file, **filled) for language in ("sv", "en"))
    return Message(rule, sv, en)


@contextmanager
def _scratch(workspace: Workspace) -> Iterator[Path]:
    folder = workspace.warehouse / "scratch" / f"{os.getpid()}-{secrets.token_hex(6)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)  # text as delivered lies here while it is read
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(result: Path, directory: Path) -> None:
    """Put a whole result in its place in one step; one that another run put there meanwhile stands."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        result.rename(directory)
    except OSError:
        if not (directory / "meta.json").exists():
            raise
