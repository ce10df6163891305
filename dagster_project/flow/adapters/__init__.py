"""Foreign formats: each adapter is one module that turns what another system exports into rows of our sources.

`ADAPTERS` names the folder under raw/ that each one reads. What does not belong here: the sources' own contracts.
"""

from __future__ import annotations

ADAPTERS: dict[str, object] = {}
