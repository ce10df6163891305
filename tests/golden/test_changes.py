"""Changes of the demonstration, worked again from the published evidence in plain Python.

What belongs here: one figure of each method, computed without the models and without numerical libraries. What does
not: how often the verdicts are right (simulated elsewhere), or the figures themselves.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import duckdb
import pytest

from tests.demonstrations import Published

Z = 1.959963985
REPLICATES = 200
YEARS = ("2022", "2021")
# Student's t is expanded around the normal quantile in the models and integrated here.
CLOSE = {"rel": 0.01, "abs": 1e-6}


@dataclass(frozen=True)
class Side:
    """One year's value between the ends of its interval, with each cluster's error."""

    actual: float
    low: float
    high: float
    errors: dict[str, float]


@pytest.fixture(scope="module")
def release(published: Callable[..., Published]) -> Published:
    return published("clean", 3000, 1)


def ask(release: Published, query: str, *given: object) -> list[tuple]:  # type: ignore[type-arg]
    with duckdb.connect(str(release.workspace.current_database), read_only=True) as con:
        return con.execute(query, list(given)).fetchall()


def records(release: Published, kpi_id: str, year: str) -> list[tuple[str, float, float]]:
    """Id, numerator and denominator of the records that count in a year."""
    found = ask(
        release,
        "select record_id, cast(numerator as double), cast(denominator as double) from kpi_evidence "
        "where kpi_id = ? and member_code = 'ALL' and exclusion is null and year(event_date) = ?",
        kpi_id,
        int(year),
    )
    return [(record, numerator, denominator) for record, numerator, denominator in found]


def quantile_of_t(degrees: float) -> float:
    """The two-sided 95 % quantile, by bisection of Simpson's integral of the density."""
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)

    def between(end: float, steps: int = 400) -> float:
        width = end / steps
        heights = [scale * (1 + (k * width) ** 2 / degrees) ** (-(degrees + 1) / 2) for k in range(steps + 1)]
        return width / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))

    low, high = 1.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if between(middle) < 0.475 else (low, middle)
    return low


def wilson(share: float, n: float) -> tuple[float, float]:
    centre, reach = share + Z**2 / 2 / n, Z * math.sqrt(share * (1 - share) / n + Z**2 / 4 / n**2)
    return (centre - reach) / (1 + Z**2 / n), (centre + reach) / (1 + Z**2 / n)


def totals(of: Iterable[tuple[str, float, float]]) -> dict[str, tuple[float, float]]:
    """Numerator and denominator per cluster."""
    summed: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for cluster, numerator, denominator in of:
        summed[cluster][0] += numerator
        summed[cluster][1] += denominator
    return {cluster: (numerator, denominator) for cluster, (numerator, denominator) in summed.items()}


def linearised(clusters: dict[str, tuple[float, float]]) -> tuple[float, dict[str, float]]:
    numerator, denominator = (sum(pair[side] for pair in clusters.values()) for side in (0, 1))
    ratio = numerator / denominator
    return ratio, {name: (y - ratio * x) / denominator for name, (y, x) in clusters.items()}


def share_side(release: Published, year: str) -> Side:
    """Every procurement is in the numerator or not: Wilson."""
    found = records(release, "environment_any_share", year)
    ratio, errors = linearised(totals(found))
    return Side(ratio, *wilson(ratio, len(found)), errors)


def bids_side(release: Published, year: str) -> Side:
    """Bids of a procurement are alike: Wilson with as many records as the clusters' variance is worth."""
    clusters = totals(
        (record.split("|")[0], numerator, denominator)
        for record, numerator, denominator in records(release, "regional_bid_share", year)
    )
    ratio, errors = linearised(clusters)
    bids = sum(x for _, x in clusters.values())
    worth = min(bids, ratio * (1 - ratio) / sum(error**2 for error in errors.values()))
    worth *= (quantile_of_t(bids - 1) / quantile_of_t(len(clusters) - 1)) ** 2
    return Side(ratio, *wilson(ratio, worth), errors)


def count_side(release: Published, year: str) -> Side:
    """Events: the score interval of a Poisson count."""
    events = [record for record, _, _ in records(release, "cancelled_count", year)]
    reach = Z * math.sqrt(len(events) + Z**2 / 4)
    centre = len(events) + Z**2 / 2
    return Side(len(events), centre - reach, centre + reach, dict.fromkeys(events, 1.0))


def survey_side(release: Published, year: str) -> Side:
    """Few procurements drawn of those completed, one to three answers in each."""
    asked = ask(
        release,
        "select record_id, cast(numerator as double) from kpi_evidence where kpi_id = 'bidder_satisfaction_index' "
        "and member_code = 'ALL' and exclusion is null and year(event_date) = ?",
        int(year),
    )
    [(completed,)] = ask(
        release,
        "select count(*) from kpi_evidence where kpi_id = 'coordinated_share' and member_code = 'ALL' "
        "and year(event_date) = ? and (exclusion is null or exclusion like 'unknown:%')",
        int(year),
    )
    # The demonstration names a respondent after the procurement.
    clusters = totals((record.split("|")[1].rpartition("-")[0], score, 1.0) for record, score in asked)
    ratio, errors = linearised(clusters)
    n, drawn = len(asked), len(clusters) / completed
    between = sum(error**2 for error in errors.values()) * len(clusters) / (len(clusters) - 1)
    within = sum((score - ratio) ** 2 for _, score in asked) / n**2
    variance = (1 - drawn) * between + drawn * within
    worth = ratio * (1 - ratio) / variance * (Z / quantile_of_t(len(clusters) - 1)) ** 2
    return Side(ratio, *wilson(ratio, worth), errors)


def quantile(ordered: list[float], level: float) -> float:
    place = level * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def poisson_weight(cluster: str, replicate: int) -> int:
    digest = hashlib.md5(f"{cluster}|{replicate}".encode(), usedforsecurity=False).digest()
    draw = int.from_bytes(digest[8:], "little") / 2**64
    weight, reached = 0, math.exp(-1)
    while draw >= reached and weight < 6:
        weight += 1
        reached += math.exp(-1) / math.factorial(weight)
    return weight


def mean_side(release: Published, year: str) -> Side:
    """The bootstrap of a mean: the same draws, and a small sample's widening."""
    found = records(release, "questions_mean", year)
    ratio, errors = linearised(totals(found))
    replicates = []
    for replicate in range(REPLICATES):
        weighed = [(poisson_weight(record, replicate), y) for record, y, _ in found]
        replicates.append(sum(w * y for w, y in weighed) / sum(w for w, _ in weighed))
    replicates.sort()
    n = len(found)
    wider = quantile_of_t(n - 1) / Z * math.sqrt(n / (n - 1))
    low, high = (ratio + (quantile(replicates, level) - ratio) * wider for level in (0.025, 0.975))
    return Side(ratio, low, high, errors)


def median_side(release: Published, year: str) -> Side:
    """The bootstrap of a median: values at ranks around the middle."""
    ordered = sorted(value for _, value, _ in records(release, "decision_days_median", year))
    n = len(ordered)
    rank = n * wilson(0.5, n)[0] + 0.5
    whole = math.floor(rank)

    def at(end: list[float]) -> float:
        return end[whole - 1] + (rank - whole) * (end[whole] - end[whole - 1])

    return Side(quantile(ordered, 0.5), at(ordered), at(ordered[::-1]), {})


def money_side(release: Published, year: str) -> Side:
    """Money per supplier, put into a hundred groups; its ratio, linearised."""
    lines = ask(
        release,
        "select coalesce(supplier_id, 'unknown'), compliance_class = 'wild', cast(amount_net as double) "
        "from fct_invoice_line where year(booking_date) = ? "
        "and compliance_class in ('on_contract', 'over_ceiling', 'wild')",
        int(year),
    )

    def group(supplier: str) -> str:
        digest = hashlib.md5(supplier.encode(), usedforsecurity=False).digest()
        return str(int.from_bytes(digest[8:], "little") % 100)

    clusters = totals((group(supplier), amount if wild else 0.0, amount) for supplier, wild, amount in lines)
    ratio, errors = linearised(clusters)
    bought = sum(x for _, x in clusters.values())
    even = bought**2 / sum(x**2 for _, x in clusters.values())
    m = len(clusters)
    reach = quantile_of_t(even - 1) * math.sqrt(sum(e**2 for e in errors.values()) * m / (m - 1))
    return Side(ratio, ratio - reach, ratio + reach, errors)


SIDES = {
    "environment_any_share": share_side,
    "regional_bid_share": bids_side,
    "cancelled_count": count_side,
    "bidder_satisfaction_index": survey_side,
    "questions_mean": mean_side,
    "decision_days_median": median_side,
    "off_contract_rate_value": money_side,
}


@pytest.mark.parametrize("kpi_id", SIDES)
def test_a_change_is_the_one_worked_from_its_records(kpi_id: str, release: Published) -> None:
    now, before = (SIDES[kpi_id](release, year) for year in YEARS)
    squares = [sum(error**2 for error in side.errors.values()) for side in (now, before)]
    common = sum(now.errors[name] * before.errors[name] for name in now.errors.keys() & before.errors.keys())
    bound = common / math.sqrt(squares[0] * squares[1]) if all(squares) else 0.0

    def recovered(one: float, other: float) -> float:
        return math.sqrt(one**2 + other**2 - 2 * bound * one * other)

    change = now.actual - before.actual
    low = change - recovered(now.actual - now.low, before.high - before.actual)
    high = change + recovered(now.high - now.actual, before.actual - before.low)
    [(found, found_low, found_high, verdict, direction)] = ask(
        release,
        "select change, change_low, change_high, change_verdict, direction from kpi_values join kpi_catalogue "
        "using (kpi_id) where kpi_id = ? and period = '2022' and member_code = 'ALL' and category_group = 'ALL'",
        kpi_id,
    )
    assert found == pytest.approx(change, abs=1e-9)
    assert found - found_low == pytest.approx(change - low, **CLOSE)
    assert found_high - found == pytest.approx(high - change, **CLOSE)
    expected = "no_clear_change"
    if low > 0 or high < 0:
        expected = "improved" if (change > 0) == (direction == "up") else "worsened"
    assert verdict == expected


def test_only_surveys_a_sample_and_what_ambiguity_could_change_have_an_interval_and_lie_in_it(
    release: Published,
) -> None:
    found = ask(
        release, "select kpi_id, low <= actual and actual <= high from kpi_values where low is not null"
    )
    assert {kpi_id for kpi_id, _ in found} == {
        "customer_satisfaction_index",
        "bidder_satisfaction_index",
        "ceiling_exceeded_count",
        "contract_compliance_value",
        "off_contract_rate_sample",
    }
    assert all(within for _, within in found)


def test_every_change_has_a_verdict_unless_neither_way_is_better(release: Published) -> None:
    found = Counter(
        ask(
            release,
            "select direction in ('up', 'down'), change is null, change_verdict is null from kpi_values "
            "join kpi_catalogue using (kpi_id)",
        )
    )
    assert all(unsaid == (unchanged or not directed) for directed, unchanged, unsaid in found)
