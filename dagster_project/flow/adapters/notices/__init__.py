"""Public procurement notices, eForms and TED: one row per notice, from which the rows of our sources follow.

A file is one notice, or a zip of notices. Which schema a notice is in, its root element says; both give the same facts
(facts.py), and what several notices together say is worked out in every run (relations.py). What does not belong here:
the schemas themselves (eforms.py, ted.py).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from lxml import etree

from dagster_project.contracts import Source
from dagster_project.expectations import Rule
from dagster_project.flow.adapters.notices import eforms, ted
from dagster_project.flow.adapters.notices.facts import Notice, Problem
from dagster_project.flow.adapters.notices.relations import DERIVED, NOTES, RELATIONS
from dagster_project.flow.ingest import Delivery, content_of
from dagster_project.flow.parse import ParsedFile, RowsRead, parse_rows
from dagster_project.flow.readers import UnreadableDelivery
from dagster_project.flow.readers.xml import MAX_DOCUMENT_BYTES, ZIP, read_documents
from dagster_project.flow.values.identity import mask
from dagster_project.messages import message
from dagster_project.settings import Settings, Workspace
from dagster_project.shipped import read_yaml

__all__ = [
    "DERIVED",
    "FOLDER",
    "FORMAT",
    "NOTES",
    "PARTS",
    "RELATIONS",
    "RULES",
    "parse",
    "part_of",
    "recognises",
]

FORMAT = "notices"
FOLDER = "notices"
VERSION = "1"  # of what is read from a notice; another one reads remembered notices anew
SHOWN_CHARACTERS = 200
MAX_PACKED_BYTES = (
    512 << 20
)  # of a zip, which is held whole; a month of all notices of the union is some 300 MB


def _read_contract(path: Path) -> tuple[Source, tuple[Rule, ...]]:
    document: dict[str, Any] = read_yaml(path)
    contract = Source(**document["source"], columns=document["columns"])
    return contract, tuple(Rule.model_validate(rule) for rule in document["rules"])


_CONTRACT, RULES = _read_contract(Path(__file__).with_name("notices.yml"))
PARTS: Mapping[str, Source] = {_CONTRACT.name: _CONTRACT}
_READERS: tuple[tuple[Callable[[str], bool], Callable[[etree._Element, bytes], Notice]], ...] = (
    (lambda tag: tag in eforms.ROOTS, eforms.read),
    (ted.is_root, ted.read),
)


def recognises(delivery: Delivery) -> bool:
    """Every file in the format's own folder; which schema it is in, its root says (`parse`)."""
    return delivery.source == FOLDER


def part_of(file: ParsedFile) -> str:
    """There is one kind of rows."""
    return _CONTRACT.name


def parse(delivery: Delivery, settings: Settings, workspace: Workspace) -> ParsedFile:
    """Read one notice or a zip of them. A notice that lacks what it must have is quarantined with the reason; a file
    that is no notice at all is refused.
    """

    def read(key: bytes) -> RowsRead:
        most = MAX_PACKED_BYTES if _is_zip(delivery) else MAX_DOCUMENT_BYTES
        return _read(content_of(delivery, most), key)

    return parse_rows(delivery, _CONTRACT, settings, workspace, VERSION, read)


def _is_zip(delivery: Delivery) -> bool:
    try:
        with delivery.path.open("rb") as stream:
            return stream.read(len(ZIP)) == ZIP
    except OSError:
        return False  # `content_of` says why it cannot be opened


def _read(content: bytes, key: bytes) -> RowsRead:
    rows: list[dict[str, object]] = []
    findings: list[dict[str, object]] = []
    for document in read_documents(io.BytesIO(content)):
        name = None if document.name is None else mask(document.name)
        if document.root is None:
            assert document.refused is not None
            notice = Notice("unknown")
            findings.append(_refused(document.refused, name))
        else:
            reader = next((read for is_root, read in _READERS if is_root(document.root.tag)), None)
            if reader is None:
                refused = UnreadableDelivery("no_notice", root=mask(etree.QName(document.root.tag).localname))
                if name is None:
                    raise refused
                notice = Notice("unknown")
                findings.append(_refused(refused, name))
            else:
                notice = reader(document.root, key)
        findings += [_finding(problem, name) for problem in notice.problems]
        rows.append(_typed(notice) | {"_sheet": name, "_row": 1, "_answers": None})
    return RowsRead(rows, findings)


def _typed(notice: Notice) -> dict[str, object]:
    said = notice.row()
    row = {column.name: said[column.name] for column in _CONTRACT.columns}
    value = row["estimated_value"]
    return row | {"estimated_value": None if value is None else Decimal(str(value))}


def _finding(problem: Problem, sheet: str | None) -> dict[str, object]:
    value, path = mask(problem.value)[:SHOWN_CHARACTERS], mask(problem.path)
    words = {
        language: message(
            f"row.{problem.rule}",
            language,
            field=message(f"notices.field.{problem.field}", language),
            path=path,
            value=value,
        )
        for language in ("sv", "en")
    }
    return {
        "severity": "error" if problem.is_error else "warning",
        "_sheet": sheet,
        "_row": 1,
        "column_name": path,
        "rule": problem.rule,
        "raw_value": value,
        "message_sv": words["sv"],
        "message_en": words["en"],
    }


def _refused(refused: UnreadableDelivery, sheet: str | None) -> dict[str, object]:
    """A document inside a zip that cannot be read: its row is quarantined, the others are not touched."""
    words = {
        language: message(f"file.{refused.rule}", language, file=sheet, **refused.arguments)
        for language in ("sv", "en")
    }
    return {
        "severity": "error",
        "_sheet": sheet,
        "_row": 1,
        "column_name": "",
        "rule": refused.rule,
        "raw_value": "",
        "message_sv": words["sv"],
        "message_en": words["en"],
    }
