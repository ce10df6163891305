"""What every kind of test shares: the real deliveries, how long the long suites are, and what starts first."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "real"
# Whole runs take minutes, and what is short fills up the ends: so the workers are done at the same time.
ORDER = ("e2e", "golden", "dbt", "property", "unit", "architecture")
LONGEST = (
    "test_killed_runs.py",
    "test_killed_runs_too.py",
    "test_daemon.py",
    "test_gates.py",
    "test_crowded_disk.py",
    "test_truth.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often runs are killed: a few times in `make test`, a hundred times in `make nightly`."""
    parser.addoption("--kills", type=int, default=10, help="how many runs the suite of killed runs kills")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file the tests stay as they are written."""

    def place(item: pytest.Item) -> tuple[int, int]:
        kind, name = item.path.parent.name, item.path.name
        return _place(name, LONGEST), _place(kind, ORDER)

    items.sort(key=place)


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


@pytest.fixture(scope="session")
def real() -> Path:
    """The real deliveries beside the checkout; the test is skipped where they are not there."""
    if not REAL.is_dir():
        pytest.skip("the real deliveries are not beside this checkout")
    return REAL


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all test workers of this session have in common."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent
