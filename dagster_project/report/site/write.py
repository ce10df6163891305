"""Writes every page of the site: finds the kinds of pages, fills their templates, lays the style and script beside.

What belongs here: files and templates. What does not: what a page says (`pages/`) and how a figure reads (`cells.py`).
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import jinja2

from dagster_project.report.site import pages
from dagster_project.report.site.cells import Words
from dagster_project.report.site.page import Kind, Made, Work, filters
from dagster_project.report.site.reading import Reading
from dagster_project.settings import Settings

HERE = Path(__file__).parent
STATIC = ("site.css", "site.js")


def write_site(database: Path, folder: Path, settings: Settings, as_of: date) -> None:
    """Make the site of the release in `database` in `folder`, which is made when missing.

    The same tables, settings and as-of date give the same bytes, save what the release page tells of the releases.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reading = Reading.open(database, settings, as_of)
    with closing(reading.con):
        work = Work(reading, Words(reading), folder)
        found = [kind for kind in kinds() if kind.needs <= reading.tables]
        environment = _environment(work, found)
        for kind in found:
            for made in kind.make(work):
                _write(environment, work, kind, made)
    for name in STATIC:
        shutil.copyfile(HERE / "static" / name, folder / name)


def kinds() -> list[Kind]:
    """Every kind of page: each module of `pages` is one."""
    modules = [
        importlib.import_module(f"{pages.__name__}.{module.name}")
        for module in pkgutil.iter_modules(pages.__path__)
    ]
    return sorted((module.KIND for module in modules), key=lambda kind: kind.order)


def script_json(value: object) -> str:
    """JSON that can stand in a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _environment(work: Work, found: list[Kind]) -> jinja2.Environment:
    reading = work.reading
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        t=reading.say,
        word=reading.code,
        fmt=reading.formats,
        reading=reading,
        menu=[
            (kind.name, kind.menu, reading.say(f"report.menu.{kind.name}"))
            for kind in found
            if kind.menu and not kind.under
        ],
        families={kind.name: _family(kind, found, reading) for kind in found},
        organisation=reading.settings.display_name,
    )
    return environment


def _family(kind: Kind, found: list[Kind], reading: Reading) -> list[tuple[str, str, str]]:
    """The pages that stand under one entry of the menu, that entry's first; empty where it stands alone."""
    head = kind.under or kind.name
    pages = [
        (one.name, one.menu, reading.say(f"report.menu.{one.name}"))
        for one in sorted(found, key=lambda one: (one.name != head, one.order))
        if one.menu and head in (one.name, one.under)
    ]
    return pages if len(pages) > 1 else []


def _write(environment: jinja2.Environment, work: Work, kind: Kind, made: Made) -> None:
    path = work.folder / made.path
    path.parent.mkdir(parents=True, exist_ok=True)
    context: dict[str, Any] = {
        "root": "../" * made.path.count("/"),
        "here": kind.name,
        "head": kind.under or kind.name,
        "title": made.title,
        "filters": None,
        "figures_json": None,
    }
    if made.figures is not None:
        choices = filters(work.reading, made.period_types)
        context["filters"] = choices
        context["figures_json"] = script_json(
            {
                "member": choices["member"],
                "period": choices["period"],
                "blank": made.blank,
                "files": made.files,
                "figures": made.figures,
            }
        )
    html = environment.get_template(made.template).render(context | made.context)
    path.write_text(html, encoding="utf-8", newline="\n")
