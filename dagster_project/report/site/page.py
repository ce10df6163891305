"""What a kind of page is: the marts it needs, and how its pages are made.

What belongs here: the parts that every page module gives and gets. What does not: any one page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster_project.report.site.cells import Cells, Words
from dagster_project.report.site.reading import ALL, PERIOD_TYPES, Reading

# member → period → row → cells; "*" stands for every period.
Figures = dict[str, dict[str, dict[str, list[str]]]]


@dataclass(frozen=True)
class Work:
    """What a page is made from, and the folder that the site is written to."""

    reading: Reading
    words: Words
    folder: Path


@dataclass(frozen=True)
class Made:
    """One page: where it lies below the site's folder, its template, title and what the template shows.

    `figures` are what the filters switch between, for the kinds of period in `period_types`; without them the page
    has no filters. `files` names the script that holds a member's figures, for a page that does not carry them itself.
    """

    path: str
    template: str
    title: str
    context: dict[str, Any] = field(default_factory=dict)
    figures: Figures | None = None
    files: dict[str, str] = field(default_factory=dict)
    blank: Cells | tuple[str, ...] = ()
    period_types: tuple[str, ...] = PERIOD_TYPES


@dataclass(frozen=True)
class Kind:
    """A kind of page: made where the release has all the tables in `needs`; `order` is its place in the menu.

    `menu` is the page that the menu leads to, or None for pages that are reached from others. `under` names the kind
    that it stands under: the menu then has only that one, whose pages all list each other.
    """

    name: str
    order: int
    needs: frozenset[str]
    make: Callable[[Work], Iterator[Made]]
    menu: str | None = None
    under: str | None = None


def filters(reading: Reading, period_types: tuple[str, ...] = PERIOD_TYPES) -> dict[str, Any]:
    """The choices of member and period, as the page's form lists them."""
    by_type = [
        (
            reading.say(f"report.period_type.{kind}"),
            [
                (period.period, reading.formats.period(period.period), period.start, period.end)
                for period in reversed(reading.periods.values())
                if period.period_type == kind
            ],
        )
        for kind in period_types
    ]
    return {
        "members": reading.members,
        "periods": [(label, periods) for label, periods in by_type if periods],
        "member": ALL,
        "period": reading.default_period,
    }
