"""Demonstrations by their arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests import demonstrations
from tests.demonstrations import Published


@pytest.fixture(scope="session")
def published(shared: Path) -> Callable[[str, int, int], Published]:
    """A function (variant, invoice_lines, seed) → Published; the same arguments are run once."""
    return partial(demonstrations.published, shared)
