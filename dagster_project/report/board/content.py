"""Chooses and words what the board reads about one period: outcomes, deviations, members, comments, trust.

What belongs here: which of an indicator's published figures is told, what counts as a deviation, and the words. What
does not: arithmetic on figures (the marts), where a point stands in a chart (`drawing.py`), the look (`report.typ`).

The figure told of an indicator is the first that is judged of: the year up to the period's end, the period itself, the
calendar year; where none is judged, the first with a value. See `docs/choices.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dagster_project.report.board import drawing
from dagster_project.report.board.savings import savings
from dagster_project.report.explain import UnknownFigure
from dagster_project.report.site.cells import Words
from dagster_project.report.site.charts import Scale
from dagster_project.report.site.outlook import PARTS, chance
from dagster_project.report.site.reading import ALL, Figure, Period, Reading

JUDGED = ("met", "not_met", "baseline", "measured")
QUARTERS = 12
DEVIATIONS = 8  # told one by one; the rest by name
PANELS = 4  # indicators whose members stand side by side
MANY_MEMBERS = 10  # from so many on, half as many panels
LISTED = 8
LOW_COVERAGE = 0.95
MONTHS_IN_QUARTER = 3
BOUNDS = (">=", ">", "<=", "<", "abs<")
COMPARED = ("share", "mean", "median")


@dataclass(frozen=True)
class Told:
    """An indicator's row of the catalogue, the figure that is told, the same a year earlier, and the period's own."""

    row: dict[str, Any]
    figure: Figure | None
    before: Figure | None
    own: Figure | None

    @property
    def is_judged(self) -> bool:
        return self.figure is not None and self.figure.status in JUDGED

    @property
    def is_missed(self) -> bool:
        """Whether the target is not met, by more than chance explains."""
        figure = self.figure
        return (
            figure is not None and figure.status == "not_met" and figure.target_verdict != "within_interval"
        )

    @property
    def is_worse(self) -> bool:
        return self.figure is not None and self.figure.change_verdict == "worsened"

    @property
    def is_deviation(self) -> bool:
        return self.is_missed or self.is_worse


def content(reading: Reading, period: str) -> dict[str, Any]:
    """Everything that the report on `period` says, in words and places. UnknownFigure when there is no such period."""
    if period not in reading.periods:
        raise UnknownFigure("period", period, list(reading.periods))
    about = reading.periods[period]
    words = Words(reading)
    told = [_told(reading, row, about) for row in reading.catalogue.values()]
    deviations = sorted(
        (one for one in told if one.is_deviation), key=lambda one: (not one.is_missed, not one.is_worse)
    )
    comments = _comments(reading, about)
    forecasts = _forecasts(reading, about)
    shown = deviations[:DEVIATIONS]
    return {
        "language": reading.language,
        "labels": _labels(reading),
        "title": reading.say("report.board.title"),
        "organisation": reading.settings.display_name,
        "period": reading.formats.period(period),
        "as_of": str(reading.as_of),
        "release": reading.release["release_id"],
        "preliminary": ""
        if about.is_ended
        else reading.say("report.board.preliminary", end=about.end, as_of=reading.as_of),
        "summary": _summary(reading, told, about),
        "columns": _columns(reading, about, bool(forecasts)),
        "objectives": _objectives(reading, words, told, about, forecasts),
        "deviations": [
            _deviation(reading, words, one, about, comments.get((one.row["kpi_id"], ALL), ""), forecasts)
            for one in shown
        ],
        "more_deviations": [reading.told(one.row, "name") for one in deviations[DEVIATIONS:]],
        "improved": [
            reading.told(one.row, "name")
            for one in told
            if one.figure is not None and one.figure.change_verdict == "improved"
        ],
        "panels": _panels(reading, words, told, deviations),
        "savings": savings(reading, _names(about)[0], about.end.year),
        "comments": _listed_comments(reading, comments, {one.row["kpi_id"] for one in shown}),
        "changed": _changed(reading),
        "trust": _trust(reading, told),
        "missing": _missing(reading, told),
    }


# ---------------------------------------------------------------------------------------- choosing the figure


def _told(reading: Reading, row: dict[str, Any], about: Period) -> Told:
    candidates = [name for name in _names(about) if name in reading.periods]
    figures = [reading.figures.get((row["kpi_id"], name, ALL, ALL)) for name in candidates]
    known = [figure for figure in figures if figure is not None]
    judged = [figure for figure in known if figure.status in JUDGED]
    valued = [figure for figure in known if figure.actual is not None]
    figure = next(iter([*judged, *valued, *known]), None)
    before = None
    if figure is not None:
        before = reading.figures.get((row["kpi_id"], _year_before(figure.period), ALL, ALL))
    return Told(row, figure, before, reading.figures.get((row["kpi_id"], about.period, ALL, ALL)))


def _names(about: Period) -> tuple[str, ...]:
    """The periods whose figure may stand for the report's, the first first."""
    if about.period_type in ("ytd", "r12", "year"):
        return (about.period,)
    year = str(about.end.year)
    return (*((_to_date(about),) if about.end.month % MONTHS_IN_QUARTER == 0 else ()), about.period, year)


def _to_date(about: Period) -> str:
    return f"{about.end.year}-Q{about.end.month // MONTHS_IN_QUARTER}-ytd"


def _year_before(period: str) -> str:
    return f"{int(period[:4]) - 1}{period[4:]}"


# --------------------------------------------------------------------------------------------------- in words


def _labels(reading: Reading) -> dict[str, str]:
    keys = {
        "indicator": "report.indicator",
        "target": "report.target",
        "target_and_status": "report.board.target_and_status",
        "trend": "report.trend",
        "change": "report.change",
        "summary": "report.board.summary",
        "objectives": "report.board.objectives",
        "objectives_about": "report.board.objectives.about",
        "deviations": "report.board.deviations",
        "deviations_about": "report.board.deviations.about",
        "deviations_none": "report.board.deviations.none",
        "deviations_more": "report.board.deviations.more",
        "improved": "report.board.improved",
        "members": "report.members.side",
        "members_about": "report.board.members.about",
        "savings": "report.menu.savings",
        "comments": "report.board.comments",
        "changed": "report.board.changed",
        "changed_about": "report.board.changed.about",
        "period": "report.period",
        "reported": "report.published.reported",
        "now": "report.changes.now",
        "parts": "report.changes.parts",
        "others": "report.board.others",
        "missing": "report.board.missing",
        "trust": "report.board.trust",
        "page": "report.board.page",
        "how_words": "report.board.how",
    }
    return {name: reading.say(key) for name, key in keys.items()}


def _columns(reading: Reading, about: Period, has_forecast: bool) -> dict[str, str]:
    """The headings of the tables that name a period: of the outcome, of what it is compared with, of the forecast."""
    main = _names(about)[0]
    return {
        "outcome": reading.formats.period(main),
        "before": reading.formats.period(_year_before(main)),
        "forecast": reading.say("report.board.forecast", year=about.end.year) if has_forecast else "",
    }


def _summary(reading: Reading, told: list[Told], about: Period) -> list[dict[str, str]]:
    """The three answers of the first page: the targets, what has changed, whether the figures can be trusted."""
    judged = [one for one in told if one.figure is not None and one.figure.status in ("met", "not_met")]
    met = [one for one in judged if one.figure is not None and one.figure.status == "met"]
    close = [one for one in judged if not one.is_missed and one not in met]
    better = sum(one.figure is not None and one.figure.change_verdict == "improved" for one in told)
    worse = sum(one.is_worse for one in told)
    [rows] = reading.rows(
        "select coalesce(sum(rows_read), 0) as rows_read, coalesce(sum(rows_quarantined), 0) as quarantined, "
        "count(*) as files from data_quality_summary"
    )
    formats = reading.formats
    return [
        {
            "question": reading.say("report.question.targets"),
            "big": reading.say("report.of", numerator=len(met), denominator=len(judged)),
            "text": reading.say("report.board.summary.met"),
            "more": reading.say("report.board.summary.close", count=len(close)) if close else "",
        },
        {
            "question": reading.say("report.question.changes"),
            "big": reading.say("report.board.summary.changes", better=better, worse=worse),
            "text": reading.say(
                "report.board.summary.changed", period=formats.period(_year_before(about.period))
            ),
            "more": "",
        },
        {
            "question": reading.say("report.question.trust"),
            "big": formats.number(rows["rows_read"]),
            "text": reading.say("report.board.summary.rows", files=formats.number(rows["files"])),
            "more": reading.say(
                "report.board.summary.quarantined", count=formats.number(rows["quarantined"])
            ),
        },
    ]


def _objectives(
    reading: Reading, words: Words, told: list[Told], about: Period, forecasts: dict[str, dict[str, str]]
) -> list[dict[str, Any]]:
    """The indicators with a value by objective: those with a target or a baseline, and those that are only followed."""
    objectives = []
    for objective, group in groupby(told, key=lambda one: one.row["objective"]):
        ones = list(group)
        objectives.append(
            {
                "name": reading.code("objective", objective),
                "rows": [_row(reading, words, one, about, forecasts) for one in ones if one.is_judged],
                "others": [
                    _row(reading, words, one, about, forecasts)
                    for one in ones
                    if not one.is_judged and one.figure is not None and one.figure.actual is not None
                ],
            }
        )
    return objectives


def _row(
    reading: Reading, words: Words, one: Told, about: Period, forecasts: dict[str, dict[str, str]]
) -> dict[str, Any]:
    figure = one.figure
    assert figure is not None
    cells = words.cells(figure)
    kpi_id = one.row["kpi_id"]
    main = _names(about)[0]
    note = "" if figure.period == main else reading.formats.period(figure.period)
    series = [one.actual if one else None for _, one in _quarters(reading, kpi_id, about)]
    before = one.before.actual if one.before is not None else None
    return {
        "name": reading.told(one.row, "name"),
        "note": note,
        "outcome": cells.outcome,
        "basis": [part for part in (*_basis(reading, one.row, figure, cells.basis), cells.coverage) if part],
        "own": _own(reading, words, one, about),
        "target": cells.target,
        "state": cells.state,
        "status": cells.status,
        "margin": cells.margin if cells.margin and figure.target_verdict == "within_interval" else "",
        "before": "–" if before is None else reading.formats.figure(before, one.row["unit"], kpi_id),
        "change": cells.change,
        "verdict": cells.verdict,
        "verdict_text": cells.verdict_text,
        "forecast": forecasts.get(kpi_id, {"expected": "", "interval": "", "probability": "", "chance": ""}),
        "spark": drawing.spark(series),
    }


def _basis(reading: Reading, row: dict[str, Any], figure: Figure, basis: str) -> list[str]:
    """What the outcome was counted from, and its interval; of an index how many answered, not the sum of points."""
    parts = basis.split("; ")
    if row["is_index"] and figure.denominator:
        parts[0] = f"n = {reading.formats.plain(figure.denominator)}"
    return parts


def _own(reading: Reading, words: Words, one: Told, about: Period) -> str:
    """The period's own outcome, where what is told is of the year so far and differs from it."""
    if one.own is None or one.figure is None or one.own.period == one.figure.period or one.own.actual is None:
        return ""
    outcome = words.cells(one.own).outcome
    if outcome == words.cells(one.figure).outcome and about.start.month == 1:
        return ""
    name = reading.formats.period(about.period)
    if about.period_type == "quarter":
        name = reading.say("report.quarter.short", number=about.end.month // MONTHS_IN_QUARTER)
    return reading.say("report.board.own", period=name, outcome=outcome)


def _quarters(reading: Reading, kpi_id: str, about: Period) -> list[tuple[Period, Figure | None]]:
    """The quarters up to the period's end, the last twelve."""
    series = reading.series(kpi_id, ALL, "quarter")
    return [(period, figure) for period, figure in series if period.end <= about.end][-QUARTERS:]


def _forecasts(reading: Reading, about: Period) -> dict[str, dict[str, str]]:
    """The expected end of the period's year by indicator; empty where the release expects nothing of that year."""
    if "kpi_forecast" not in reading.tables:
        return {}
    formats, told = reading.formats, {}
    for row in reading.rows(
        "select * from kpi_forecast where member_code = ? and period = ? and expected is not null order by kpi_id",
        [ALL, str(about.end.year)],
    ):
        kpi_id = row["kpi_id"]
        if kpi_id not in reading.catalogue:
            continue
        unit = reading.catalogue[kpi_id]["unit"]
        interval = probability = short = ""
        if row["low"] is not None and row["high"] is not None:
            low, high = (formats.figure(row[side], unit, kpi_id) for side in ("low", "high"))
            interval = reading.say("report.interval", low=low, high=high)
        if row["probability_of_target"] is not None:
            words = chance(reading, row["probability_of_target"])
            probability = reading.say("report.board.chance", chance=words)
            short = reading.say("report.chance", chance=words)
        told[kpi_id] = {
            "expected": formats.figure(row["expected"], unit, kpi_id),
            "interval": interval,
            "probability": probability,
            "chance": short,
        }
    return told


def _deviation(
    reading: Reading,
    words: Words,
    one: Told,
    about: Period,
    comment: str,
    forecasts: dict[str, dict[str, str]],
) -> dict[str, Any]:
    """One deviation: what is wrong in a sentence, the forecast, the controller's words and a line over time."""
    row = _row(reading, words, one, about, forecasts)
    say, expected = reading.say, row["forecast"]
    forecast = change = ""
    if expected["expected"]:
        forecast = say(
            "report.board.deviation.forecast",
            year=about.end.year,
            expected=expected["expected"],
            **{
                part: say(f"report.board.deviation.{part}", **{part: expected[part]})
                if expected[part]
                else ""
                for part in ("interval", "probability")
            },
        )
    if row["change"] and row["before"] != "–":
        change = say("report.board.deviation.change", before=row["before"], change=row["change"])
    return {
        **{name: row[name] for name in ("name", "state", "basis", "verdict", "verdict_text")},
        "sentence": say("report.board.deviation.outcome", outcome=row["outcome"], target=row["target"])
        if row["target"]
        else row["outcome"],
        "change": change,
        "forecast": forecast,
        "comment": comment,
        "chart": _chart(reading, one.row, about),
        "chart_told": say(
            "report.board.chart", name=row["name"], period=reading.formats.period(about.period)
        ),
    }


def _chart(reading: Reading, row: dict[str, Any], about: Period) -> dict[str, Any] | None:
    """The last twelve quarters with the target in force in each; None where fewer than two are known."""
    kpi_id, unit, formats = row["kpi_id"], row["unit"], reading.formats
    series = _quarters(reading, kpi_id, about)
    if sum(figure is not None and figure.actual is not None for _, figure in series) < 2:
        return None
    changed = {
        found["period"]
        for found in reading.rows(
            "select period from kpi_breaks where kpi_id = ? and member_code = ? and period_type = 'quarter' "
            "and kind <> 'begins'",
            [kpi_id, ALL],
        )
    }
    marks = [
        drawing.Mark(
            label=period.period[:4]
            if period.period.endswith("Q1") or (place == 0 and len(series) < 4)
            else "",
            value=figure.actual if figure else None,
            target=figure.target if figure and figure.operator in BOUNDS else None,
            breaks=period.period in changed,
        )
        for place, (period, figure) in enumerate(series)
    ]
    values = [value for mark in marks for value in (mark.value, mark.target) if value is not None]
    scale = Scale.around(values, limit=1.0 if unit == "share" else None)
    ticks = [
        formats.share(tick, 0)
        if unit == "share"
        else formats.amount(tick)
        if unit == "sek"
        else formats.plain(tick)
        for tick in scale.ticks
    ]
    return drawing.line(marks, scale, ticks)


def _panels(reading: Reading, words: Words, told: list[Told], deviations: list[Told]) -> list[dict[str, Any]]:
    """Members side by side where it matters: in deviations, then where some have met the target and some have not."""
    members = [code for code in reading.members if code != ALL]
    wanted = PANELS if len(members) < MANY_MEMBERS else PANELS // 2
    panels: list[dict[str, Any]] = []
    for one in [*deviations, *(one for one in told if not one.is_deviation)]:
        figure, kpi_id, unit = one.figure, one.row["kpi_id"], one.row["unit"]
        if figure is None or figure.actual is None or unit not in COMPARED or len(panels) == wanted:
            continue
        found = [
            (code, member)
            for code in members
            if (member := reading.figures.get((kpi_id, figure.period, code, ALL))) is not None
            and member.actual is not None
        ]
        differ = {"met", "not_met"} <= {member.status for _, member in found}
        if len(found) < 2 or not (differ or one.is_deviation):
            continue
        top = max(member.actual or 0 for _, member in found)
        top = max(top, figure.actual, figure.target or 0, 1.0 if unit == "share" else 0) or 1.0
        panels.append(
            {
                "name": reading.told(one.row, "name"),
                "target": words.cells(figure).target,
                "target_at": round(figure.target / top, drawing.DECIMALS)
                if figure.operator in BOUNDS and figure.target is not None and 0 <= figure.target <= top
                else None,
                "rows": [
                    {
                        "name": reading.members[code],
                        "outcome": words.cells(member).outcome,
                        "basis": _basis(reading, one.row, member, words.cells(member).basis)[0],
                        "at": round(max(0.0, member.actual or 0) / top, drawing.DECIMALS),
                        "is_all": code == ALL,
                    }
                    for code, member in [(ALL, figure), *found]
                ],
            }
        )
    return panels


def _comments(reading: Reading, about: Period) -> dict[tuple[str, str], str]:
    """The controller's words by indicator and member: on the period, and on others that end the same day."""
    if "kpi_comments" not in reading.tables:
        return {}
    told: dict[tuple[str, str], str] = {}
    for row in reading.rows(
        "select kpi_id, member_code, text from kpi_comments inner join dim_period using (period) "
        "where period_end = ? order by kpi_id, member_code, period_start desc, period",
        [about.end],
    ):
        key = (row["kpi_id"], row["member_code"])
        told[key] = f"{told[key]}\n{row['text']}" if key in told else row["text"]
    return told


def _listed_comments(
    reading: Reading, comments: dict[tuple[str, str], str], told: set[str]
) -> list[dict[str, str]]:
    """The comments that do not stand beside a deviation, in the catalogue's order."""
    order = list(reading.catalogue)
    rows = [
        (order.index(kpi_id) if kpi_id in order else len(order), kpi_id, member, text)
        for (kpi_id, member), text in comments.items()
        if member != ALL or kpi_id not in told
    ]
    return [
        {
            "name": reading.told(reading.catalogue[kpi_id], "name")
            if kpi_id in reading.catalogue
            else kpi_id,
            "member": "" if member == ALL else reading.members.get(member, member),
            "text": text,
        }
        for _, kpi_id, member, text in sorted(rows)
    ]


def _changed(reading: Reading) -> list[dict[str, str]]:
    """What the figures of closed periods have become since, each difference with what it comes of."""
    if "kpi_changes" not in reading.tables:
        return []
    formats, told = reading.formats, []
    for row in reading.rows(
        "select * from kpi_changes where compared_with = 'closed_period' and closed_period = period "
        "and member_code = $1 and category_group = $1 order by period desc, kpi_id",
        [ALL],
    ):
        kpi_id = row["kpi_id"]
        if kpi_id not in reading.catalogue:
            continue
        unit = reading.catalogue[kpi_id]["unit"]
        parts = [
            f"{reading.code('part', part)} {formats.difference(float(row[part]), unit, kpi_id)}"
            for part in PARTS
            if row[part]
        ]
        told.append(
            {
                "name": reading.told(reading.catalogue[kpi_id], "name"),
                "period": formats.period(row["period"]),
                "before": "–" if row["before"] is None else formats.figure(row["before"], unit, kpi_id),
                "now": "–" if row["now"] is None else formats.figure(row["now"], unit, kpi_id),
                "parts": ", ".join(parts),
            }
        )
    return told[:LISTED]


# ---------------------------------------------------------------------------------------------------- trust


def _trust(reading: Reading, told: list[Told]) -> list[dict[str, str]]:
    """What the figures rest on and what is lacking, one statement a line."""
    formats, say = reading.formats, reading.say
    [rows] = reading.rows(
        "select coalesce(sum(rows_read), 0) as rows_read, coalesce(sum(rows_accepted), 0) as accepted, "
        "coalesce(sum(rows_repeated), 0) as repeated, coalesce(sum(rows_skipped), 0) as skipped, "
        "coalesce(sum(rows_quarantined), 0) as quarantined, count(*) as files, "
        "count(distinct source) as sources from data_quality_summary"
    )
    quarantined = reading.rows(
        "select source, sum(rows_quarantined) as rows from data_quality_summary group by source "
        "having sum(rows_quarantined) > 0 order by rows desc, source"
    )
    overdue = reading.rows(
        "select source, unit, due_date from deliveries_due where status = 'overdue' order by due_date, source, unit"
    )
    [checks] = reading.rows(
        "select count(*) as checks, count(*) filter (where not success) as failed from validation_results"
    )
    poor = sorted(
        (one.figure.coverage, place, reading.told(one.row, "name"))
        for place, one in enumerate(told)
        if one.figure is not None and one.figure.actual is not None and one.figure.coverage is not None
    )
    low = [f"{name} {formats.share(share, 0)}" for share, _, name in poor if share < LOW_COVERAGE]
    counts = {name: formats.number(rows[name]) for name in rows}
    missing = sorted(map(reading.source, reading.missing_sources))
    late = [
        f"{reading.source(row['source'])} {row['unit'] or ''} {row['due_date']}".replace("  ", " ")
        for row in overdue
    ]
    return [
        {"name": say("report.board.trust.deliveries"), "text": say("report.board.trust.rows", **counts)},
        {
            "name": say("report.board.trust.quarantine"),
            "text": say(
                "report.board.trust.quarantined",
                count=counts["quarantined"],
                sources=_some(
                    reading,
                    [f"{reading.source(row['source'])} {formats.number(row['rows'])}" for row in quarantined],
                ),
            )
            if quarantined
            else say("report.board.trust.none_quarantined"),
        },
        {
            "name": say("report.board.trust.late"),
            "text": say("report.board.trust.overdue", count=len(late), deliveries=_some(reading, late))
            if late
            else say("report.trust.none_late"),
        },
        {
            "name": say("report.board.trust.missing"),
            "text": ", ".join(missing) if missing else say("report.board.trust.none_missing"),
        },
        {
            "name": say("report.board.trust.coverage"),
            "text": say("report.board.trust.low_coverage", indicators=_some(reading, low))
            if low
            else say("report.board.trust.full_coverage"),
        },
        {
            "name": say("report.checks"),
            "text": say("report.checks.about", failed=checks["failed"], checks=checks["checks"]),
        },
        {
            "name": say("report.menu.release"),
            "text": say(
                "report.board.trust.release",
                release=reading.release["release_id"],
                as_of=reading.as_of,
                fingerprint=reading.release["fingerprint"][:16],
                code=reading.release["code_version"],
            ),
        },
    ]


def _missing(reading: Reading, told: list[Told]) -> list[dict[str, str]]:
    """The indicators without a value, by why."""
    reasons: dict[str, list[str]] = {}
    for one in told:
        if one.figure is None or one.figure.actual is None:
            reasons.setdefault(reading.why_missing(one.row["kpi_id"]), []).append(
                reading.told(one.row, "name")
            )
    return [{"why": why, "names": ", ".join(names)} for why, names in reasons.items()]


def _some(reading: Reading, texts: list[str]) -> str:
    """The first of a list, and how many more there are."""
    rest = len(texts) - LISTED
    listed = ", ".join(texts[:LISTED])
    return f"{listed} {reading.say('report.board.and_more', count=rest)}" if rest > 0 else listed
