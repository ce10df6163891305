"""Writes a member's figures as a script that the first page loads when the member is chosen.

What does not belong here: the figures of a page that carries its own. A script and not JSON, because a page opened
from disk may load the one but not fetch the other.
"""

from __future__ import annotations

import json

from dagster_project.report.site.page import Work


def write_member_figures(work: Work, member: str, figures: dict[str, dict[str, list[str]]]) -> str:
    """Write `figures` (period → row → cells) of `member`; returns where, below the site's folder."""
    path = f"data/{list(work.reading.members).index(member)}.js"  # a code may be no name for a file
    (work.folder / "data").mkdir(exist_ok=True)
    told = json.dumps([member, figures], ensure_ascii=False, separators=(",", ":"))
    (work.folder / path).write_text(f"mattstock(...{told});\n", encoding="utf-8", newline="\n")
    return path
