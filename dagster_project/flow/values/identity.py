"""Organisation numbers, and personal identity numbers wherever they stand.

A personal number never passes on: where a supplier or bidder is a person, number and name become keyed
pseudonyms; in a text the number is masked. The key lies in the data folder's `secrets/`, with owner-only
rights, outside what is published. What does not belong here: which columns are personal (the contract says).
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable

import polars as pl

from dagster_project.flow.values import Reading, by_distinct
from dagster_project.settings import Workspace

KEY_BYTES = 32
KEY_FILE = "pseudonym.key"
MASK = "******-****"
PSEUDONYM = re.compile(r"PN-[0-9a-f]{16}")
PERSON = "Privatperson "
PERSON_NAME = re.compile(r"Privatperson [0-9a-f]{8}")

_JOINTS = "-+ \u00a0\u2010\u2011\u2012\u2013\u2212"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])"  # day + 60: coordination number
# Rust's regular expressions have no look-around; this one only picks the cells that are looked at closely.
MAY_HOLD_PERSON = rf"[0-9]{{2}}{_MONTH}{_DAY}[{_JOINTS}]{{0,3}}[0-9]{{4}}"
# A pseudonym is matched first, so that its digits are never taken for a number.
_IN_TEXT = re.compile(
    rf"PN-[0-9a-f]{{16}}|(?<![0-9])(?:SE ?)?(?P<century>16|18|19|20)?(?P<day>[0-9]{{2}}{_MONTH}{_DAY})"
    rf"[{_JOINTS}]{{0,3}}(?P<last>[0-9]{{4}})(?: ?01)?(?![0-9])",
    re.IGNORECASE,
)
# A number of a person that was mistyped: not readable, but not to be shown either.
_MAYBE_PERSON = re.compile(
    rf"(?:SE ?)?(?:16|18|19|20)?[0-9]{{2}}[01][0-9]{{3}}[{_JOINTS}]?[0-9]{{2,5}}(?: ?01)?", re.I
)
_SPELLING = re.compile(rf"[{_JOINTS}.]")
_SWEDISH = re.compile(r"(?:SE)?(?P<prefix>16|18|19|20)?(?P<ten>[0-9]{10})|SE(?P<vat>[0-9]{10})[0-9]{2}")
_FOREIGN = re.compile(r"(?P<country>[A-Z]{2})(?=(?:[A-Z]*[0-9]){2})[0-9A-Z]{2,20}")
COUNTRIES = frozenset(
    [
        "AD",
        "AE",
        "AL",
        "AM",
        "AR",
        "AT",
        "AU",
        "AX",
        "AZ",
        "BA",
        "BE",
        "BG",
        "BR",
        "BY",
        "CA",
        "CH",
        "CL",
        "CN",
        "CO",
        "CR",
        "CY",
        "CZ",
        "DE",
        "DK",
        "DZ",
        "EC",
        "EE",
        "EG",
        "EL",
        "ES",
        "FI",
        "FO",
        "FR",
        "GB",
        "GE",
        "GG",
        "GI",
        "GL",
        "GR",
        "HK",
        "HR",
        "HU",
        "ID",
        "IE",
        "IL",
        "IM",
        "IN",
        "IQ",
        "IR",
        "IS",
        "IT",
        "JE",
        "JO",
        "JP",
        "KE",
        "KR",
        "KW",
        "KZ",
        "LB",
        "LI",
        "LK",
        "LT",
        "LU",
        "LV",
        "MA",
        "MC",
        "MD",
        "ME",
        "MK",
        "MT",
        "MX",
        "MY",
        "NG",
        "NL",
        "NO",
        "NZ",
        "OM",
        "PA",
        "PE",
        "PH",
        "PK",
        "PL",
        "PT",
        "QA",
        "RO",
        "RS",
        "RU",
        "SA",
        "SG",
        "SI",
        "SK",
        "SM",
        "TH",
        "TN",
        "TR",
        "TW",
        "TZ",
        "UA",
        "UG",
        "US",
        "UY",
        "VA",
        "VN",
        "XI",
        "XK",
        "ZA",
    ]
)


# -- the key
# -------------------------------------------------------------------------------------------------------


def pseudonym_key(workspace: Workspace) -> bytes:
    """The data folder's key; made (32 random bytes, owner-only) where there is none."""
    path = workspace.secrets / KEY_FILE
    workspace.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{KEY_FILE}-{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(fresh, path)  # the first one stands; a rename would replace a key already in use
        except FileExistsError:
            pass  # another process made it meanwhile: that one is read below
        finally:
            fresh.unlink()
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def key_id(key: bytes) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(key).hexdigest()[:16]


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# -- numbers
# -------------------------------------------------------------------------------------------------------


def has_check_digit(ten: str) -> bool:
    """Whether ten digits end in the right check digit (every second doubled, from the first)."""
    total = 0
    for position, digit in enumerate(ten):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def swedish_ten(text: str) -> tuple[str, bool] | None:
    """The ten digits of a Swedish number in any spelling and whether it is a person's, or None."""
    bare = _SPELLING.sub("", text).upper()
    match = _SWEDISH.fullmatch(bare)
    if match is None:
        return None
    ten = match["vat"] or match["ten"]
    is_person = ten[2] in "01"
    if match["prefix"] in ("18", "19", "20") and not is_person:
        return None
    return ten, is_person


def is_personal(text: str | None) -> bool:
    """Whether the value of a personal column is a person's number, or the pseudonym of one."""
    if text is None:
        return False
    found = swedish_ten(text)
    return (
        PSEUDONYM.fullmatch(text) is not None
        or (found is not None and found[1])
        or may_be_mistyped_person(text)
    )


def may_be_mistyped_person(text: str) -> bool:
    """Whether it looks like a person's number with a digit too few or too many."""
    return _MAYBE_PERSON.fullmatch(text) is not None


def pseudonym(key: bytes, ten: str) -> str:
    """`PN-` and sixteen hexadecimal digits."""
    return f"PN-{_digest(key, ten)[:16]}"


def person_name(key: bytes, name: str) -> str:
    """A name's pseudonym, the same for any spelling of case and spacing; a pseudonym stays."""
    if PERSON_NAME.fullmatch(name):
        return name
    return PERSON + _digest(key, " ".join(name.casefold().split()))[:8]


def read_orgnr(text: pl.Series, key: bytes) -> Reading:
    """Organisation numbers as ten digits, foreign ones upper-case without spaces, persons as pseudonyms
    (String).

    Rules: unreadable_orgnr; warning check_digit.
    """

    def read(word: str) -> tuple[str | None, str | None, str | None]:
        if PSEUDONYM.fullmatch(word):
            return word, None, None
        found = swedish_ten(word)
        if found is not None:
            ten, is_person = found
            rule = None if has_check_digit(ten) else "check_digit"
            return (pseudonym(key, ten) if is_person else ten), rule, None
        foreign = _FOREIGN.fullmatch(re.sub(r"[\s./-]", "", word).upper())
        if foreign and foreign["country"] in COUNTRIES:
            return foreign[0], None, None
        return None, "unreadable_orgnr", None

    return by_distinct(text, read, pl.String)


def personal_ids(text: pl.Series, key: bytes) -> pl.Series:
    """A personal column of codes: what is a person's number becomes its pseudonym, the rest stays."""

    def read(word: str) -> tuple[str | None, None, None]:
        found = swedish_ten(word)
        return (pseudonym(key, found[0]) if found and found[1] else word), None, None

    return by_distinct(text, read, pl.String).value


def personal_names(names: pl.Series, ids: pl.Series, key: bytes) -> pl.Series:
    """Names, replaced by pseudonyms where the row's id (as delivered) is a person's."""
    persons = by_distinct(ids, lambda word: (is_personal(word), None, None), pl.Boolean).value.fill_null(
        False
    )
    if not persons.any():
        return names
    hidden = by_distinct(
        names.filter(persons), lambda name: (person_name(key, name), None, None), pl.String
    ).value
    return names.scatter(persons.arg_true(), hidden)


# -- numbers in any text
# -------------------------------------------------------------------------------------------


def _is_person_in_text(match: re.Match[str]) -> bool:
    day = match["day"]
    if day is None:
        return False
    if not has_check_digit(day + match["last"]):
        return False
    month, date = int(day[2:4]), int(day[4:6])
    date = date - 60 if date > 60 else date
    stated = match["century"]
    centuries = [18, 19, 20] if stated in (None, "16") else [int(stated)]  # 16 marks any legal person
    return any(date <= calendar.monthrange(century * 100 + int(day[:2]), month)[1] for century in centuries)


def mask(text: str) -> str:
    """A text with every personal number (valid date, valid check digit) masked."""
    return _IN_TEXT.sub(lambda match: MASK if _is_person_in_text(match) else match[0], text)


def screen_text(text: pl.Series) -> pl.Series:
    """Free text with personal numbers masked."""
    return _screened(text, mask)


def screen_codes(text: pl.Series, key: bytes) -> pl.Series:
    """Codes: one that is a personal number becomes its pseudonym; one that holds one is masked."""

    def screened(word: str) -> str:
        match = _IN_TEXT.fullmatch(word)
        if match and _is_person_in_text(match):
            return pseudonym(key, match["day"] + match["last"])
        return mask(word)

    return _screened(text, screened)


def _screened(text: pl.Series, screened: Callable[[str], str]) -> pl.Series:
    suspect = text.str.contains(MAY_HOLD_PERSON).fill_null(False)
    if not suspect.any():
        return text
    cleaned = by_distinct(text.filter(suspect), lambda word: (screened(word), None, None), pl.String).value
    return text.scatter(suspect.arg_true(), cleaned)


def shown(text: pl.Series, is_personal_column: bool) -> pl.Series:
    """Raw values as they may be shown: personal numbers masked, in personal columns mistyped ones too."""
    if not is_personal_column:
        return screen_text(text)

    def masked(word: str) -> str:
        found = swedish_ten(word)
        return MASK if (found and found[1]) or may_be_mistyped_person(word) else mask(word)

    return by_distinct(text, lambda word: (masked(word), None, None), pl.String).value
