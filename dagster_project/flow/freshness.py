"""Which deliveries are expected (`expected` in organisation.yml), which have come, and which are overdue.

    due(settings, arrivals, as_of) -> list[Due]     what was expected and whether it came; pure
    remembered(workspace) -> list[Arrival]          what the latest run saw arrive (for a command that reads no data)
    overdue(dues) -> list[Due]                      those that should have come and have not

A period is answered in one of two ways. A source that has rows for every period says so in its contract
(`dated_by`): one accepted row dated in the period is enough. Of any other source, where a period may well pass without
an event, a file written on the period's last day or later is enough. What does not belong here: who is told, and how.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from dagster_project.contracts import Source
from dagster_project.messages import message
from dagster_project.settings import Expected, Settings, SettingsError, Workspace

if TYPE_CHECKING:
    import duckdb

    from dagster_project.flow.ingest import Delivery

ARRIVALS_FILE = "arrivals.json"
MONTHS = {"month": 1, "quarter": 3, "tertial": 4, "half": 6, "year": 12}
LETTERS = {"quarter": "Q", "tertial": "T", "half": "H"}
LOOKED_BACK = timedelta(days=366)


@dataclass(frozen=True)
class Arrival:
    """What one file says about deliveries: whose rows it bears (every name that the unit goes by, lower case) and the
    month that they are dated in (its first day; None where the source's rows date nothing).
    """

    source: str
    file: str
    modified_at: datetime
    units: frozenset[str]
    month: date | None


@dataclass(frozen=True)
class Due:
    """One expected delivery: source, unit (None = the source as a whole) and period, and what became of it.

    `awaited`: the period has ended, and `due_date` has not passed. `arrived_at` is when the first file that answers
    the period was written (UTC), `last_arrival` when the latest file of the source and unit was.
    """

    source: str
    unit: str | None
    period: str
    period_start: date
    period_end: date
    due_date: date
    arrived_at: datetime | None
    last_arrival: datetime | None
    status: Literal["arrived", "awaited", "overdue"]

    @property
    def name(self) -> str:
        """What identifies it from run to run."""
        return f"{self.source}|{self.unit or ''}|{self.period}"


def due(settings: Settings, arrivals: Iterable[Arrival], as_of: date) -> list[Due]:
    """Every expected delivery of the year before `as_of`, by expectation and period, oldest first.

    Periods before a unit's first dated row are not asked for; where nothing has ever come, only the latest ended
    period and the latest whose due date has passed.
    """
    arrived = list(arrivals)
    found: list[Due] = []
    for expected in settings.expected:
        mine = [a for a in arrived if a.source == expected.source and _is_of(expected.unit, a)]
        found += _of_one(expected, mine, as_of, ZoneInfo(settings.timezone))
    return found


def overdue(dues: Iterable[Due]) -> list[Due]:
    """The deliveries that should have come and have not."""
    return [one for one in dues if one.status == "overdue"]


def _of_one(expected: Expected, mine: Sequence[Arrival], as_of: date, zone: ZoneInfo) -> list[Due]:
    first = min((a.month for a in mine if a.month), default=None)
    last_arrival = max((a.modified_at for a in mine), default=None)
    answers = []
    for start, end in _ended_periods(expected.every, as_of):
        if first is not None and end < first:
            continue
        due_date = end + timedelta(days=expected.days_after)
        arrived_at = min((a.modified_at for a in mine if _answers(a, start, end, zone)), default=None)
        status: Literal["arrived", "awaited", "overdue"] = (
            "arrived" if arrived_at else "overdue" if as_of > due_date else "awaited"
        )
        period = _label(expected.every, start)
        answers.append(
            Due(
                expected.source, expected.unit, period, start, end, due_date, arrived_at, last_arrival, status
            )
        )
    if not mine:
        late = [one for one in answers if one.status == "overdue"][-1:]
        return late + [one for one in answers if one.status == "awaited"][-1:]
    return answers


def _answers(arrival: Arrival, start: date, end: date, zone: ZoneInfo) -> bool:
    if arrival.month is None:
        return arrival.modified_at.astimezone(zone).date() >= end
    return start <= arrival.month <= end


def _is_of(unit: str | None, arrival: Arrival) -> bool:
    """Whether a unit's rows are in the file, or its name is a word in the file's path below `raw/`."""
    if unit is None:
        return True
    folded = unit.casefold()
    if folded in arrival.units:
        return True
    # `falun` is in `falun_2024.csv` and `Falun2024.csv`, not in `falunda.csv`; `u1` is not in `u10.csv`.
    before = r"(?<!\d)" if folded[0].isdigit() else r"(?<![^\W\d_])"
    after = r"(?!\d)" if folded[-1].isdigit() else r"(?![^\W\d_])"
    _raw, _source, *path = arrival.file.casefold().split("/")
    return re.search(before + re.escape(folded) + after, "/".join(path)) is not None


def _ended_periods(every: str, as_of: date) -> list[tuple[date, date]]:
    """First and last day of the periods that ended in the year before `as_of`, oldest first."""
    months = MONTHS[every]
    start = date(as_of.year - 2, 1, 1)
    periods = []
    while (following := _months_later(start, months)) <= as_of:
        end = following - timedelta(days=1)
        if end >= as_of - LOOKED_BACK:
            periods.append((start, end))
        start = following
    return periods


def _months_later(first: date, months: int) -> date:
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _label(every: str, start: date) -> str:
    """The period's name, the same as in `dim_period`."""
    if every == "month":
        return f"{start:%Y-%m}"
    if every == "year":
        return f"{start:%Y}"
    return f"{start.year}-{LETTERS[every]}{(start.month - 1) // MONTHS[every] + 1}"


# -- what a run saw arrive -----------------------------------------------------------------------------------------


def check(settings: Settings, known: Collection[str]) -> None:
    """SettingsError when an expectation names a source that there is not."""
    for expected in settings.expected:
        if expected.source not in known:
            [near] = difflib.get_close_matches(expected.source, sorted(known), n=1, cutoff=0)
            words = {"name": expected.source, "near": near}
            raise SettingsError(
                f"{message('settings.expected_source', 'sv', **words)} / "
                f"{message('settings.expected_source', 'en', **words)}"
            )


def seen(
    connection: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, Source],
    settings: Settings,
    deliveries: Sequence[Delivery],
    passed_over: Collection[str],
) -> list[Arrival]:
    """What arrived of the sources that are expected, from the accepted rows in schema `delivered`.

    `passed_over`: files that count as no delivery of a source without a date, such as rejected ones.
    """
    names = _names_of_units(connection, settings)
    arrivals = []
    for source in sorted({expected.source for expected in settings.expected}):
        contract = contracts.get(source)
        by_file = _rows_by_file(connection, contract) if contract else []
        if contract is not None and contract.dated_by:
            written = {delivery.file: delivery.modified_at for delivery in deliveries}
            arrivals += [
                Arrival(source, file, written[file], names[unit], month)
                for file, unit, month in by_file
                if month is not None
            ]
            continue
        units: dict[str, set[str]] = {}
        for file, unit, _ in by_file:
            units.setdefault(file, set()).update(names[unit])
        arrivals += [
            Arrival(source, d.file, d.modified_at, frozenset(units.get(d.file, ())), None)
            for d in deliveries
            if d.source == source and d.file not in passed_over
        ]
    return arrivals


def _rows_by_file(
    connection: duckdb.DuckDBPyConnection, source: Source
) -> list[tuple[str, str, date | None]]:
    """File, unit ('' where the rows name none) and month of a source's accepted rows."""
    unit = source.unit_column
    of_unit = f"coalesce(\"{unit}\", '')" if unit else "''"
    month = "null"
    if source.dated_by:
        forms = {
            "date": '"{0}"',
            "month": """cast("{0}" || '-01' as date)""",
            "year": 'make_date("{0}", 1, 1)',
        }
        day = forms[source.column(source.dated_by).type].format(source.dated_by)
        month = f"date_trunc('month', {day})"
    return connection.execute(
        f"select source_file, {of_unit}, cast({month} as date) from delivered.{source.name} group by all order by all"
    ).fetchall()


def _names_of_units(
    connection: duckdb.DuckDBPyConnection, settings: Settings
) -> defaultdict[str, frozenset[str]]:
    """Every name of a unit or member, by its id or code: id, name, member's code and member's name."""
    members = {} if settings.members == "all" else {m.code: m.name for m in settings.members}
    told = [(code, code, name, None) for code, name in members.items()]
    told += [
        (unit, unit, name, code)
        for unit, name, code in connection.execute(
            "select unit_id, unit_name, member_code from delivered.organisations"
        ).fetchall()
    ]
    names: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for unit, *words, code in told:
        names[unit] = frozenset(w.casefold() for w in (*words, code, members.get(code or "")) if w)
    return names


def remember(workspace: Workspace, arrivals: Sequence[Arrival]) -> None:
    """Keep what arrived for commands that read no data; OSError when it cannot be written."""
    told = [
        {
            **asdict(arrival),
            "modified_at": arrival.modified_at.isoformat(),
            "units": sorted(arrival.units),
            "month": arrival.month.isoformat() if arrival.month else None,
        }
        for arrival in arrivals
    ]
    path = _path(workspace)
    fresh = path.with_name(f".{ARRIVALS_FILE}.next")
    fresh.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    os.replace(fresh, path)


def remembered(workspace: Workspace) -> list[Arrival]:
    """What the latest run saw arrive; nothing where no run has been, or its memory cannot be read."""
    try:
        told: list[dict[str, Any]] = json.loads(_path(workspace).read_text(encoding="utf-8"))
        return [
            Arrival(
                source=one["source"],
                file=one["file"],
                modified_at=datetime.fromisoformat(one["modified_at"]),
                units=frozenset(one["units"]),
                month=date.fromisoformat(one["month"]) if one["month"] else None,
            )
            for one in told
        ]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _path(workspace: Workspace) -> Path:
    return workspace.warehouse / ARRIVALS_FILE
