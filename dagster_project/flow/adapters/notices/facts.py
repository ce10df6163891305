"""What a notice says, whichever schema it is written in, and how its words become values.

Both schemas fill the same `Notice`; what is wrong goes into `Notice.problems` and the notice to quarantine. Texts are
screened and persons become pseudonyms here, before anything is stored. What does not belong here: where a fact stands
in a schema (eforms, ted), or what several notices together say (relations).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from dagster_project.flow.values.identity import (
    COUNTRIES,
    PERSON_DIGITS,
    has_check_digit,
    is_person_as_amount,
    is_personal,
    mask,
    person_name,
    pseudonym,
    swedish_ten,
)

Kind = Literal["competition", "result", "award_pre", "change", "other"]

# Our procedures by the codes of eForms; TED's elements are first written as these.
PROCEDURES = {
    "open": "open",
    "restricted": "selective",
    "neg-w-call": "negotiated",
    "neg-wo-call": "negotiated",
    "comp-dial": "competitive_dialogue",
    "innovation": "innovation_partnership",
    "oth-single": "own_procedure",
    "oth-mult": "own_procedure",
    "comp-tend": "unknown",
    "exp-int-rail": "unknown",
}
# What a code says was asked for; every one at level base. Codes that are none of our areas give nothing.
AREAS = {
    "environmental-impact": {
        "circ-econ": "reuse",
        "clim-adapt": "climate_other",
        "clim-mitig": "climate_other",
        "pollu-prev": "environment_other",
        "biodiv-eco": "environment_other",
        "water-mar": "environment_other",
        "other": "environment_other",
    },
    "gpp-criteria": dict.fromkeys(("eu", "national", "other"), "environment_other"),
    "strategic-procurement": {"env-imp": "environment_other"},
    "social-objective": {
        "acc-all": "accessibility",
        "gen-eq": "gender_equality",
        "opp": "employment",
        "work-cond": "labour_terms",
    },
    "accessibility": {"inc": "accessibility"},
}
_GENERAL = ("gpp-criteria", "strategic-procurement")
_SOCIAL = frozenset({*AREAS["social-objective"].values(), *AREAS["accessibility"].values()})
INNOVATIONS = frozenset({"mar-nov", "proc-innov", "prod-innov", "rd-act"})
RESERVED = {"res-pub-ser": True, "res-ws": True, "none": False}
AWARDED = {"selec-w": True, "clos-nw": False, "open-nw": None}
UNDIVIDED = "LOT-0000"
NO_REFERENCE = frozenset({"", "-", "n/a", "na", "none", "not available", "ej tillämpligt", "saknas"})
_COUNTRY = {
    "AUT": "AT", "BEL": "BE", "BGR": "BG", "CHE": "CH", "CHN": "CN", "CYP": "CY", "CZE": "CZ", "DEU": "DE",
    "DNK": "DK", "EST": "EE", "GRC": "GR", "EL": "GR", "ESP": "ES", "FIN": "FI", "FRA": "FR", "GBR": "GB",
    "UK": "GB", "HRV": "HR", "HUN": "HU", "IRL": "IE", "ISL": "IS", "ITA": "IT", "LIE": "LI", "LTU": "LT",
    "LUX": "LU", "LVA": "LV", "MLT": "MT", "NLD": "NL", "NOR": "NO", "POL": "PL", "PRT": "PT", "ROU": "RO",
    "SVK": "SK", "SVN": "SI", "SWE": "SE", "TUR": "TR", "UKR": "UA", "USA": "US",
}  # fmt: skip
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:Z|[+-]\d{2}:\d{2}|T.*)?")
_PUBLICATION = re.compile(r"0*(\d{1,8})-((?:19|20)\d\d)")
_GAZETTE = re.compile(r"(\d{4})/S\s*\d+-0*(\d{1,8})")
# What may look like a person's number and is none: the id of a notice, its number, the hash of a name.
_NO_PERSON = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\d{2,3})?|\d{1,8}-(?:19|20)\d\d|NAMN-[0-9a-f]{12}",
    re.IGNORECASE,
)
_ON_PLACEHOLDER = date(2000, 1, 1)  # what eForms demands where no day of award is known


@dataclass(frozen=True)
class Problem:
    """What is wrong with a notice: the rule (`row.<rule>`), where (XPath), the field's key and the value as found."""

    rule: str
    path: str
    field: str
    value: str = ""
    is_error: bool = True


@dataclass(frozen=True)
class Party:
    """An organisation: `id` as our sources have it, `orgnr` where it has a number that is no person's."""

    id: str
    name: str
    orgnr: str | None
    kind: str | None = None


@dataclass
class Lot:
    """What one notice says of one lot. Amounts as text with their currency; undisclosed is None."""

    lot_id: str
    path: str
    line: int
    title: str | None = None
    category_code: str | None = None
    is_result: bool = False
    awarded: bool | None = None
    is_closed: bool = False
    reason: str | None = None
    tenders: int | None = None
    sme_tenders: int | None = None
    reviews: int | None = None
    is_framework: bool = False
    ceiling: str | None = None
    currency: str | None = None
    reserved: bool | None = None
    areas: list[str] = field(default_factory=list)
    concluded: str | None = None
    valid_to: str | None = None


@dataclass
class Award:
    """One supplier's part in one settled contract for one lot."""

    lot_id: str
    contract: str
    supplier_id: str
    supplier_name: str
    path: str
    line: int
    concluded: str | None = None
    decided: str | None = None
    tender: str = ""
    value: str | None = None
    currency: str | None = None


@dataclass
class Tender:
    """One supplier in one tender for one lot, of a lot whose every tender is listed."""

    lot_id: str
    bidder_id: str
    supplier_id: str
    supplier_name: str
    price: str | None
    currency: str | None
    winner: bool
    path: str
    line: int


@dataclass
class Notice:
    """Everything that one notice says and we read."""

    schema: str
    kind: Kind = "other"
    subtype: str | None = None
    notice_id: str | None = None
    version: str | None = None
    publication_number: str | None = None
    published_date: date | None = None
    dispatch_date: date | None = None
    supersedes: str | None = None
    is_cancellation: bool = False
    refers_to: list[str] = field(default_factory=list)
    folder_id: str | None = None
    reference: str | None = None
    title: str | None = None
    category_code: str | None = None
    procedure: str | None = None
    works: bool | None = None
    above_threshold: bool | None = None
    tender_deadline: date | None = None
    award_date: date | None = None
    estimated_value: str | None = None
    estimated_currency: str | None = None
    participants_complete: bool = True
    new_solution: bool | None = None
    review_outcome: str | None = None
    buyers: list[Party] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    tenders: list[Tender] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def miss(self, path: str, name: str) -> None:
        """A required field is not there."""
        self.problems.append(Problem("notice_missing", path, name))

    def row(self) -> dict[str, object]:
        """The notice as a row of the contract `notices`, without personal numbers in whatever field they stood."""
        own = vars(self)
        own = own | {name: _screened(value) for name, value in own.items() if isinstance(value, str)}
        key = own["publication_number"] or f"{own['notice_id']}-{own['version']}"
        return own | {
            "notice_key": f"{self.schema}:{key}",
            "buyer": self.buyers[0].id if self.buyers else None,
            "refers_to": _json(_screened(self.refers_to)),
            **{
                name: _json(_screened([vars(one) for one in own[name]]))
                for name in ("buyers", "lots", "awards", "tenders")
            },
        }


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _json(value: object) -> str:
    return _ENCODER.encode(value)


def _screened(value: Any) -> Any:
    """The same with the personal numbers masked that stand in its texts."""
    if isinstance(value, str):
        return value if len(value) < PERSON_DIGITS or _NO_PERSON.fullmatch(value) else mask(value)
    if isinstance(value, list):
        return [_screened(one) for one in value]
    if isinstance(value, dict):
        return {name: _screened(one) for name, one in value.items()}
    return value


# -- words to values --------------------------------------------------------------------------------------


def text(value: str | None) -> str | None:
    """A text in one line, without personal numbers; None when there is none."""
    line = " ".join(value.split()) if value else ""
    return mask(line) if line else None


def code(value: str | None) -> str | None:
    """A code without blanks around it."""
    return value.strip() or None if value else None


def reference(value: str | None) -> str | None:
    """A reference number; words that say that there is none are none."""
    found = text(value)
    return None if found is None or found.casefold() in NO_REFERENCE else found


def day(notice: Notice, value: str | None, path: str, name: str) -> date | None:
    """A date of either schema, its time zone left out: the day is the one that stands there."""
    if value is None or not value.strip():
        return None
    match = _DAY.fullmatch(value.strip())
    try:
        if match is None:
            raise ValueError
        found = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        notice.problems.append(Problem("notice_unreadable_date", path, name, value.strip()))
        return None
    return found


def award_day(notice: Notice, value: str | None, path: str) -> date | None:
    """The same, where a placeholder stands for a day that is not known."""
    found = day(notice, value, path, "award_date")
    return None if found == _ON_PLACEHOLDER else found


def amount(notice: Notice, value: str | None, path: str, name: str) -> str | None:
    """An amount as plain decimal text; 0 and below are undisclosed."""
    if value is None or not value.strip():
        return None
    bare = value.strip().replace(" ", "").replace("\u00a0", "")
    try:
        found = Decimal(bare.replace(",", ".") if bare.count(",") == 1 and "." not in bare else bare)
        if not found.is_finite() or abs(found) >= Decimal("1e16") or is_person_as_amount(bare):
            raise InvalidOperation
    except InvalidOperation:
        notice.problems.append(Problem("notice_unreadable_number", path, name, value.strip()))
        return None
    return f"{found.quantize(Decimal('0.01')):f}" if found > 0 else None


def count(notice: Notice, value: str | None, path: str, name: str) -> int | None:
    """A whole number from 0; below 0 it is undisclosed."""
    if value is None or not value.strip():
        return None
    match = re.fullmatch(r"(-?[0-9]{1,9})(?:\.0*)?", value.strip())
    if match is None:
        notice.problems.append(Problem("notice_unreadable_number", path, name, value.strip()))
        return None
    return int(match[1]) if int(match[1]) >= 0 else None


def add_up(notice: Notice, values: list[tuple[str, str | None]]) -> None:
    """The estimate from those of the lots (amount, currency), where the whole has none and every lot has one."""
    if (
        notice.estimated_value is None
        and len(values) == len(notice.lots) > 0
        and len({currency for _, currency in values}) == 1
    ):
        notice.estimated_value = f"{sum(Decimal(value) for value, _ in values):f}"
        notice.estimated_currency = values[0][1]


def areas(stated: Iterable[tuple[str, str]]) -> list[str]:
    """Our areas of requirements from (code list, code), in order. A code that says only that the environment was
    thought of adds nothing where a special one says what of it.
    """
    found: dict[str, None] = {}
    general: dict[str, None] = {}
    for listed, code in stated:
        area = AREAS.get(listed, {}).get(code)
        if area is not None:
            (general if listed in _GENERAL else found)[area] = None
    is_special = any(area not in _SOCIAL for area in found)
    return list(found if is_special else found | general)


def cpv(value: str | None) -> str | None:
    """Eight digits of a CPV code; all noughts are none."""
    match = re.match(r"[0-9]{8}", value.strip()) if value else None
    return match[0] if match and match[0] != "00000000" else None


def publication_number(value: str | None) -> str | None:
    """`431038-2019`, from that, from `00431038-2019` or from `2019/S 177-431038`."""
    if value is None:
        return None
    bare = value.strip()
    if (match := _PUBLICATION.fullmatch(bare)) is not None:
        return f"{match[1]}-{match[2]}"
    if (match := _GAZETTE.fullmatch(bare)) is not None:
        return f"{match[2]}-{match[1]}"
    return None


def version(value: str | None) -> str | None:
    """A version as two digits at least."""
    bare = code(value)
    return None if bare is None else bare.zfill(2)


# -- organisations ----------------------------------------------------------------------------------------


def name_id(name: str) -> str:
    """The id of an organisation that is known by its name only, the same as the national statistics give it."""
    folded = re.sub(r" +", " ", name.replace("\u00a0", " ")).strip().lower()
    return "NAMN-" + hashlib.sha256(folded.encode()).hexdigest()[:12]


def party(
    notice: Notice,
    key: bytes,
    number: str | None,
    name: str | None,
    country: str | None,
    path: str,
    is_person: bool = False,
) -> Party | None:
    """An organisation from its number, name and country; None where it has neither number nor name.

    A person, by the number or because the notice says so, becomes a pseudonym with its name.
    """
    number = code(number)
    shown = " ".join(name.split()) if name else ""
    if number is None and not shown:
        return None
    land = (country or "").strip().upper()
    land = _COUNTRY.get(land, land)
    swedish = swedish_ten(number) if number is not None and land in ("", "SE") else None
    if is_person or (
        number is not None and (is_personal(number) if land in ("", "SE") else mask(number) != number)
    ):
        alone = swedish[0] if swedish is not None else number or shown.casefold()
        return Party(pseudonym(key, alone), person_name(key, shown or alone), None)
    shown = mask(shown)
    if swedish is not None:
        if not has_check_digit(swedish[0]):
            notice.problems.append(
                Problem("notice_check_digit", path, "number", number or "", is_error=False)
            )
        return Party(swedish[0], shown or swedish[0], swedish[0])
    if number is not None and land not in ("", "SE"):
        bare = re.sub(r"[^0-9A-Z]", "", number.upper())
        if len(re.findall("[0-9]", bare)) >= 2 and len(land) == 2 and land in COUNTRIES:
            own = bare if bare.startswith(land) else land + bare
            return Party(own, shown or own, own)
    if not shown:
        shown = mask(number or "")
    return Party(name_id(shown), shown, None)
