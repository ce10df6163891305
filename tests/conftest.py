"""What every kind of test shares: where the real deliveries lie, and how long the long suites are."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "real"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often runs are killed: a few times in `make test`, a hundred times in `make nightly`."""
    parser.addoption("--kills", type=int, default=10, help="how many runs the suite of killed runs kills")


@pytest.fixture(scope="session")
def real() -> Path:
    """The real deliveries beside the checkout; the test is skipped where they are not there."""
    if not REAL.is_dir():
        pytest.skip("the real deliveries are not beside this checkout")
    return REAL
