"""The page about every indicator, `docs/indicators.md`, from the indicators' own YAML; `make docs` renews it.

What does not belong here: any words about an indicator (its YAML) and any figure.
"""

from __future__ import annotations

from pathlib import Path

from dagster_project.kpis import Indicator, load_indicators
from dagster_project.messages import LANGUAGES, message
from dagster_project.settings import DBT_DIR

WORDS = ("definition", "numerator", "denominator", "left_out", "weakness")


def page(dbt_dir: Path = DBT_DIR) -> str:
    """The page as Markdown: the indicators in the order of the catalogue, in every language side by side."""
    head = " / ".join(message("indicators.title", language=language) for language in LANGUAGES)
    about = "\n\n".join(message("indicators.about", language=language) for language in LANGUAGES)
    parts = [_part(indicator) for indicator in load_indicators(dbt_dir).values()]
    return f"# {head}\n\n{about}\n\n" + "\n".join(parts)


def _part(indicator: Indicator) -> str:
    told = indicator.model_dump()
    names = [told[f"name_{language}"] for language in LANGUAGES]
    rows = [f"| {' | '.join(('', *names))} |", "|---" * (len(LANGUAGES) + 1) + "|"]
    for word in WORDS:
        texts = [told[f"{word}_{language}"] for language in LANGUAGES]
        if any(texts):
            labels = " / ".join(message(f"indicators.{word}", language=language) for language in LANGUAGES)
            rows.append(f"| {labels} | {' | '.join(texts)} |")
    labels = " / ".join(message("indicators.facts", language=language) for language in LANGUAGES)
    facts = (
        f"{indicator.objective}, {indicator.unit}, {indicator.direction}, {indicator.basis}, "
        f"{indicator.aggregation}; {indicator.source_document}; {indicator.version} ({indicator.since})"
    )
    needs = ", ".join(indicator.requires)
    if indicator.requires_any:
        needs += f"; {' | '.join(indicator.requires_any)}"
    return "\n".join([f"## `{indicator.id}`", "", *rows, "", f"{labels}: {facts}; {needs}", ""])


if __name__ == "__main__":
    print(page(), end="")
