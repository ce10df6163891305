"""Reads the YAML files that come with the program: contracts, expectations, indicators, words.

They are many, and every process of a run reads them; libyaml takes a tenth of the time. What does not belong here:
files that people write (settings.py), whose faults are told with the line as Python's own reader shows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: Path) -> Any:
    """What the file holds. OSError where it cannot be read, YAMLError where it is not YAML."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
