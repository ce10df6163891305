"""Draws charts as SVG: plain shapes with a title for those who hear the page; colours and type are the style sheet's.

What belongs here: geometry and marks. What does not: which figures are drawn, and the table with the same figures
that stands under every chart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 22, 34
SPARK_WIDTH, SPARK_HEIGHT = 96, 24


@dataclass(frozen=True)
class Point:
    """One place on a line: a value with its interval, a target, and whether what is measured changed here.

    `label` stands under the axis where `is_labelled`; `told` is what the mark says. `note` says what changed.
    """

    label: str
    value: float | None
    told: str
    target: float | None = None
    low: float | None = None
    high: float | None = None
    is_labelled: bool = True
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """A round axis from `bottom` to `top` with a tick at each `step`."""

    bottom: float
    top: float
    step: float
    ticks: tuple[float, ...] = field(default=())

    @classmethod
    def around(cls, values: Sequence[float], *, limit: float | None = None) -> Scale:
        """The axis that holds `values` and zero; `limit` is a top that the axis never passes unless a value does."""
        low, high = min(0.0, *values), max(0.0, *values)
        span = (high - low) or 1.0
        raw = span / 4
        power = 10 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        top = last * step
        if limit is not None and high <= limit < top:
            top = limit
        ticks = tuple(number * step for number in range(first, last + 1) if number * step <= top + 1e-9)
        return cls(first * step, top if top > first * step else first * step + step, step, ticks)

    def y(self, value: float) -> float:
        """Where a value stands between the chart's top and bottom edges."""
        share = (value - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def line(points: Sequence[Point], *, title: str, tick: Sequence[str] | None = None, scale: Scale) -> Markup:
    """A line over time with a target that steps, breaks where the plan changed, and a band for intervals.

    `tick` are the words of the scale's ticks.
    """
    span = WIDTH - LEFT - RIGHT
    gap = span / max(len(points), 1)
    xs = [LEFT + gap * (index + 0.5) for index in range(len(points))]
    parts = []
    for place, words in zip(scale.ticks, tick or [f"{value:g}" for value in scale.ticks], strict=True):
        y = scale.y(place)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{escape(words)}</text>')
    for x, point in zip(xs, points, strict=True):
        if point.is_labelled:
            parts.append(
                f'<text class="tick middle" x="{x:.1f}" y="{HEIGHT - 12}">{escape(point.label)}</text>'
            )
        if point.note:
            edge = x - gap / 2
            parts.append(
                f'<g class="break"><title>{escape(point.note)}</title>'
                f'<line x1="{edge:.1f}" x2="{edge:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}"/>'
                f'<path d="M{edge - 5:.1f} {TOP - 12}h10l-5 8z"/></g>'
            )
    for run in _runs(points, lambda point: point.low is not None and point.high is not None):
        upper = [f"{xs[index]:.1f} {scale.y(points[index].high or 0):.1f}" for index in run]
        lower = [f"{xs[index]:.1f} {scale.y(points[index].low or 0):.1f}" for index in reversed(run)]
        # A figure that stands alone has no area: its interval is a whisker.
        alone = f'<path class="whisker" d="M{"L".join(upper + lower)}"/>'
        parts.append(f'<path class="band" d="M{"L".join(upper + lower)}Z"/>' if len(run) > 1 else alone)
    if target := _steps(points, xs, gap, scale):
        parts.append(f'<path class="target" d="{target}"/>')
    for run in _runs(points, lambda point: point.value is not None, breaks=True):
        places = [f"{xs[index]:.1f} {scale.y(points[index].value or 0):.1f}" for index in run]
        parts.append(f'<path class="line" d="M{"L".join(places)}"/>')
    for x, point in zip(xs, points, strict=True):
        if point.value is not None:
            parts.append(
                f'<circle class="dot" cx="{x:.1f}" cy="{scale.y(point.value):.1f}" r="3.5">'
                f"<title>{escape(point.told)}</title></circle>"
            )
    return _svg("".join(parts), title, WIDTH, HEIGHT, "chart")


def spark(values: Sequence[float | None]) -> str:
    """The path of a small line without axes; empty when fewer than two values are known."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = (SPARK_WIDTH - 6) / max(len(values) - 1, 1)
    path, pen_is_down = [], False
    for index, value in enumerate(values):
        if value is None:
            pen_is_down = False
            continue
        y = SPARK_HEIGHT - 4 - (value - low) / span * (SPARK_HEIGHT - 8)
        path.append(f"{'L' if pen_is_down else 'M'}{3 + index * step:.0f} {y:.0f}")
        pen_is_down = True
    return "".join(path)


def funnel(shares: Sequence[tuple[str, float, float, str]], common: float, *, title: str) -> Markup:
    """Members' shares by size within the limits that chance alone gives about the common share.

    `shares` holds name, share, count and what the mark says. The limits are 95 and 99.8 per cent of a binomial's
    normal approximation.
    """
    largest = max(count for _, _, count, _ in shares) * 1.15
    parts = []
    for words, share in (("0 %", 0.0), ("50 %", 0.5), ("100 %", 1.0)):
        y = _funnel_y(share)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{words}</text>')
    for name, deviations in (("outer", 3.09), ("inner", 1.96)):
        upper, lower = [], []
        for number in range(61):
            count = max(largest * number / 60, largest / 400)
            reach = deviations * math.sqrt(common * (1 - common) / count)
            x = LEFT + count / largest * (WIDTH - LEFT - RIGHT)
            upper.append(f"{x:.1f} {_funnel_y(min(1.0, common + reach)):.1f}")
            lower.append(f"{x:.1f} {_funnel_y(max(0.0, common - reach)):.1f}")
        parts.append(f'<path class="funnel {name}" d="M{"L".join(upper + lower[::-1])}Z"/>')
    y = _funnel_y(common)
    parts.append(f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    taken: list[tuple[float, float]] = []
    for name, share, count, told in sorted(shares, key=lambda one: (-one[1], one[2], one[0])):
        x = LEFT + count / largest * (WIDTH - LEFT - RIGHT)
        y = _funnel_y(share)
        anchor, shift = ("end", -8) if x > WIDTH - 150 else ("start", 8)
        low = y
        # A name gives way downwards to the names above it.
        while any(abs(x - other) < 110 and abs(low - height) < 13 for other, height in taken):
            low += 3
        taken.append((x, low))
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(told)}</title></circle>'
            f'<text class="name {anchor}" x="{x + shift:.1f}" y="{low + 4:.1f}">{escape(name)}</text>'
        )
    return _svg("".join(parts), title, WIDTH, HEIGHT, "chart")


def columns(values: Sequence[tuple[str, str, float, str]], *, title: str) -> Markup:
    """One column for each value, with two lines of label under it; the last of each is what the mark says."""
    span = WIDTH - LEFT - RIGHT
    gap = span / max(len(values), 1)
    top = max((value for _, _, value, _ in values), default=0) or 1.0
    parts = []
    for index, (label, below, value, told) in enumerate(values):
        height = value / top * (HEIGHT - TOP - BOTTOM)
        x = LEFT + gap * index
        parts.append(
            f'<rect class="column" x="{x + gap * 0.12:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
            f'width="{gap * 0.76:.1f}" height="{height:.1f}"><title>{escape(told)}</title></rect>'
            f'<text class="tick middle" x="{x + gap / 2:.1f}" y="{HEIGHT - 18}">{escape(label)}</text>'
            f'<text class="tick middle" x="{x + gap / 2:.1f}" y="{HEIGHT - 4}">{escape(below)}</text>'
        )
    y = HEIGHT - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
    return _svg("".join(parts), title, WIDTH, HEIGHT, "chart")


def areas(
    rows: Sequence[tuple[str, Sequence[tuple[float, str]]]], labels: Sequence[tuple[str, str]], *, title: str
) -> Markup:
    """Squares in a grid: a row for each name, a column for each label of two lines; a value is its square's area.

    Each value comes with what its mark says. All squares are to one scale; nothing is drawn for zero.
    """
    gap = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    tall = min(gap, 96) + 28
    height = tall * len(rows) + BOTTOM
    most = max((value for _, values in rows for value, _ in values), default=0) or 1.0
    parts = []
    for index, (name, values) in enumerate(rows):
        floor = tall * (index + 1)
        parts.append(f'<text class="name start" x="0" y="{floor - tall + 16:.1f}">{escape(name)}</text>')
        parts.append(
            f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor:.1f}" y2="{floor:.1f}"/>'
        )
        for place, (value, told) in enumerate(values):
            side = math.sqrt(max(value, 0) / most) * min(gap, 96) * 0.94
            if side > 0:
                x = LEFT + gap * (place + 0.5) - side / 2
                parts.append(
                    f'<rect class="column" x="{x:.1f}" y="{floor - side:.1f}" width="{side:.1f}" '
                    f'height="{side:.1f}"><title>{escape(told)}</title></rect>'
                )
    for place, (label, below) in enumerate(labels):
        x = LEFT + gap * (place + 0.5)
        parts.append(f'<text class="tick middle" x="{x:.1f}" y="{height - 18:.1f}">{escape(label)}</text>')
        parts.append(f'<text class="tick middle" x="{x:.1f}" y="{height - 4:.1f}">{escape(below)}</text>')
    return _svg("".join(parts), title, WIDTH, math.ceil(height), "chart")


@dataclass(frozen=True)
class Range:
    """An amount as a bar from zero: its name, what stands at its end, its low and high, and the part to be hatched.

    `hatched` is the outer part of the value; None where there is none. `told` is what the mark says.
    """

    name: str
    label: str
    value: float
    told: str
    low: float | None = None
    high: float | None = None
    hatched: float | None = None


def ranges(bars: Sequence[Range], *, title: str, hatch: str, ticks: Sequence[str], scale: Scale) -> Markup:
    """Lying bars to one scale, each with its low and high as a whisker; `hatch` names the pattern within the page.

    `ticks` are the words of the scale's ticks.
    """
    left, right, tall = 190, WIDTH - 120, 44
    height = tall * len(bars) + 30

    def x(value: float) -> float:
        return left + (value - scale.bottom) / (scale.top - scale.bottom) * (right - left)

    parts = [
        f'<defs><pattern id="{hatch}" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><line class="hatch" x1="0" x2="0" y1="0" y2="7"/></pattern></defs>'
    ]
    for place, words in zip(scale.ticks, ticks, strict=True):
        parts.append(
            f'<line class="grid" x1="{x(place):.1f}" x2="{x(place):.1f}" y1="0" y2="{height - 24}"/>'
            f'<text class="tick middle" x="{x(place):.1f}" y="{height - 6}">{escape(words)}</text>'
        )
    for index, bar in enumerate(bars):
        top = tall * index + 10
        inner = bar.value - (bar.hatched or 0.0)
        parts.append(f"<g><title>{escape(bar.told)}</title>")
        parts.append(f'<text class="name start" x="0" y="{top + 16}">{escape(bar.name)}</text>')
        parts.append(_lying("column", x(0), x(inner), top))
        if bar.hatched:
            parts.append(_lying("hatched", x(inner), x(bar.value), top, f' fill="url(#{hatch})"'))
        if bar.low is not None and bar.high is not None:
            parts.append(
                f'<path class="whisker" d="M{x(bar.low):.1f} {top + 12}H{x(bar.high):.1f}'
                f'M{x(bar.low):.1f} {top + 6}v12M{x(bar.high):.1f} {top + 6}v12"/>'
            )
        end = x(max(bar.value, bar.high or bar.value, inner, 0.0))
        parts.append(
            f'<text class="name start" x="{end + 8:.1f}" y="{top + 16}">{escape(bar.label)}</text></g>'
        )
    parts.append(f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height - 24}"/>')
    return _svg("".join(parts), title, WIDTH, height, "chart")


def _lying(css: str, start: float, end: float, top: float, more: str = "") -> str:
    return f'<rect class="{css}" x="{min(start, end):.1f}" y="{top}" width="{abs(end - start):.1f}" height="24"{more}/>'


def waterfall(levels: Sequence[float], words: Sequence[tuple[str, str]], *, title: str) -> Markup:
    """How a figure went from the first of `levels` to the last: the ends as lines, each step between as a bar.

    `words` are what stands under and over each: the first end, one for each step, the last end. The axis holds the
    levels and not zero, so the ends are lines: a bar would be read by its length.
    """
    low, high = min(levels), max(levels)
    span = (high - low) or 1.0
    gap = (WIDTH - 2 * RIGHT) / (len(levels) + 1)

    def y(level: float) -> float:
        return HEIGHT - BOTTOM - 22 - (level - low) / span * (HEIGHT - TOP - BOTTOM - 44)

    parts = []
    spans = [(levels[0], levels[0]), *itertools.pairwise(levels), (levels[-1], levels[-1])]
    for place, ((start, end), (below, above)) in enumerate(zip(spans, words, strict=True)):
        x = RIGHT + gap * place
        left, right, middle = x + gap * 0.14, x + gap * 0.86, x + gap / 2
        if place in (0, len(spans) - 1):
            parts.append(
                f'<line class="end-mark" x1="{left:.1f}" x2="{right:.1f}" y1="{y(end):.1f}" y2="{y(end):.1f}"/>'
            )
        else:
            upper = min(y(start), y(end))
            parts.append(
                f'<rect class="step {"up" if end >= start else "down"}" x="{left:.1f}" y="{upper:.1f}" '
                f'width="{right - left:.1f}" height="{max(abs(y(end) - y(start)), 1.5):.1f}"/>'
            )
        if place < len(spans) - 1:
            parts.append(f'<path class="grid" d="M{right:.1f} {y(end):.1f}h{gap * 0.28:.1f}"/>')
        parts.append(
            f'<text class="name middle" x="{middle:.1f}" y="{min(y(start), y(end)) - 8:.1f}">{escape(above)}</text>'
            f'<text class="tick middle" x="{middle:.1f}" y="{HEIGHT - 12}">{escape(below)}</text>'
        )
    return _svg("".join(parts), title, WIDTH, HEIGHT, "chart")


def quadrants(
    lines: Sequence[Sequence[tuple[float, float, str, str]]],
    cutoff: float,
    *,
    sides: tuple[str, str],
    title: str,
) -> Markup:
    """Points on two axes of 0 to 4 with a cut-off on both; points of one line follow each other in time.

    A point is across, up, its name and what the mark says; `sides` name the axes, across and up.
    """
    height = 420
    left, right, top, bottom = LEFT, WIDTH - 180, 14, height - 44

    def x(value: float) -> float:
        return left + value / 4 * (right - left)

    def y(value: float) -> float:
        return bottom - value / 4 * (bottom - top)

    parts = [f'<path class="goal" d="M{x(cutoff):.1f} {top}H{right}V{y(cutoff):.1f}H{x(cutoff):.1f}Z"/>']
    for number in range(5):
        parts.append(
            f'<line class="grid" x1="{left}" x2="{right}" y1="{y(number):.1f}" y2="{y(number):.1f}"/>'
            f'<text class="tick end" x="{left - 8}" y="{y(number) + 4:.1f}">{number}</text>'
            f'<text class="tick middle" x="{x(number):.1f}" y="{bottom + 18}">{number}</text>'
        )
    parts.append(
        f'<line class="target" x1="{left}" x2="{right}" y1="{y(cutoff):.1f}" y2="{y(cutoff):.1f}"/>'
        f'<line class="target" x1="{x(cutoff):.1f}" x2="{x(cutoff):.1f}" y1="{top}" y2="{bottom}"/>'
        f'<text class="tick end" x="{right}" y="{height - 6}">{escape(sides[0])} →</text>'
        f'<text class="tick start" x="{left + 6}" y="{top + 10}">↑ {escape(sides[1])}</text>'
    )
    places = [(x(across), y(up)) for points in lines for across, up, _, _ in points]
    for points in lines:
        if len(points) > 1:
            path = "L".join(f"{x(across):.1f} {y(up):.1f}" for across, up, _, _ in points)
            parts.append(f'<path class="line" d="M{path}"/>')
        for across, up, _, told in points:
            radius = 6 if (across, up) == points[-1][:2] else 4
            parts.append(
                f'<circle class="dot" cx="{x(across):.1f}" cy="{y(up):.1f}" r="{radius}">'
                f"<title>{escape(told)}</title></circle>"
            )
        across, up, name, _ = points[-1]
        at_x, at_y, anchor = _beside(x(across), y(up), len(name) * 6.8, places)
        places += [
            (at_x + shift * (1 if anchor == "start" else -1), at_y - 4)
            for shift in range(0, len(name) * 7, 12)
        ]
        parts.append(f'<text class="name {anchor}" x="{at_x:.1f}" y="{at_y:.1f}">{escape(name)}</text>')
    return _svg("".join(parts), title, WIDTH, height, "chart")


def _beside(
    x: float, y: float, width: float, places: Sequence[tuple[float, float]]
) -> tuple[float, float, str]:
    """Where the name of the point at x, y covers nothing of `places`: right of it, left, or ever further down."""
    for down in range(0, 200, 14):
        for anchor, left in (("start", x + 10), ("end", x - 10 - width)):
            mine = (other for other in places if other != (x, y))
            if not any(left - 8 < at < left + width + 8 and abs(level - y - down) < 11 for at, level in mine):
                return (left if anchor == "start" else left + width), y + down + 4, anchor
    return x + 10, y + 4, "start"


def _funnel_y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _svg(inner: str, title: str, width: int, height: int, css: str) -> Markup:
    return Markup(
        f'<svg class="{css}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{inner}</svg>'
    )


def _runs(points: Sequence[Point], known, *, breaks: bool = False) -> list[list[int]]:  # type: ignore[no-untyped-def]
    """The places of unbroken runs of known points; a change of what is measured breaks the line."""
    runs: list[list[int]] = [[]]
    for index, point in enumerate(points):
        if not known(point) or (breaks and point.note):
            runs.append([])
        if known(point):
            runs[-1].append(index)
    return [run for run in runs if run]


def _steps(points: Sequence[Point], xs: Sequence[float], gap: float, scale: Scale) -> str:
    """The target's path: level while the target stands, and lifted where there is none."""
    path, before = "", None
    for x, point in zip(xs, points, strict=True):
        if point.target is not None:
            y = scale.y(point.target)
            path += f"{'M' if before is None else 'L'}{x - gap / 2:.1f} {y:.1f}H{x + gap / 2:.1f}"
        before = point.target
    return path
