"""What every kind of test shares: where the real deliveries lie, and small data folders."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "real"


@pytest.fixture(scope="session")
def real() -> Path:
    """The real deliveries beside the checkout; the test is skipped where they are not there."""
    if not REAL.is_dir():
        pytest.skip("the real deliveries are not beside this checkout")
    return REAL
