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
import unicodedata
from collections.abc import Callable
from pathlib import Path

import polars as pl

from dagster_project.flow.values import WARNINGS, Reading, by_distinct
from dagster_project.messages import message
from dagster_project.settings import Workspace

KEY_BYTES = 32
KEY_FILE = "pseudonym.key"
MASK = "******-****"
PSEUDONYM = re.compile(r"PN-[0-9a-f]{16}")
PERSON = "Privatperson "
PERSON_NAME = re.compile(r"Privatperson [0-9a-f]{8}")

_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])"  # day + 60: coordination number
_INTERIM = "TRSUWXJKLMN"  # stands first in the last four of a number that is given for the time being
_JOINT = "[-+ ._/]"  # as in a folded text
# Rust's regular expressions have no look-around; this one only picks the cells that are looked at closely.
_ANY_JOINT = r"[-+._/\s\p{Z}\p{Pd}\p{Cf}\u{2212}]"
MAY_HOLD_PERSON = (
    rf"[0-9]{{2}}{_ANY_JOINT}?{_MONTH}{_ANY_JOINT}?{_DAY}{_ANY_JOINT}{{0,3}}[0-9{_INTERIM}{_INTERIM.lower()}][0-9]{{3}}"
    r"|[\d&&[^0-9]]"  # digits of another script
)
# A pseudonym is matched first, so that its digits are never taken for a number. `inner` is what stands between year,
# month and day.
_NUMBER = (
    rf"(?P<year>[0-9]{{2}})(?P<inner>{_JOINT}?)(?P<month>{_MONTH})(?P=inner)(?P<date>{_DAY})"
    rf"(?P<joint>{_JOINT}{{0,3}})(?P<last>[0-9{_INTERIM}][0-9]{{3}})(?: ?01)?(?![0-9])"
)
_IN_TEXT = re.compile(
    rf"PN-[0-9a-f]{{16}}|(?<![0-9])(?:SE ?)?(?P<century>16|18|19|20)?{_NUMBER}", re.IGNORECASE | re.ASCII
)
# The other way to read twelve digits: without century, and with the 01 of a VAT number.
_WITHOUT_CENTURY = re.compile(rf"(?:SE ?)?(?P<century>){_NUMBER}", re.IGNORECASE | re.ASCII)
# A number of a person that was mistyped: not readable, but not to be shown either.
_MAYBE_PERSON = re.compile(
    rf"(?:SE ?)?(?:16|18|19|20)?[0-9]{{2}}[01][0-9]{{3}}{_JOINT}?[0-9]{{2,5}}(?: ?01)?", re.I
)
_SPELLING = re.compile(_JOINT)
_SWEDISH = re.compile(r"(?:SE)?(?P<prefix>16|18|19|20)?(?P<ten>[0-9]{10})|SE(?P<vat>[0-9]{10})[0-9]{2}")
# A cell that is nothing but ten or twelve digits, the last four perhaps after a sign that could be decimal.
_AS_AMOUNT = re.compile(
    r"[-+]?(?P<digits>(?:[0-9]{2})?[0-9]{6}[.,]?[0-9]{4})(?:[.,]0?)? ?-? ?(?:kr|sek)?", re.IGNORECASE
)
MAY_BE_PERSON_AS_AMOUNT = r"\d{6}[.,]?\d{4}"
PERSON_DIGITS = 10
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


class BadKey(Exception):
    """The pseudonym key cannot be used; the text says why in Swedish and English."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(f"{message(key, 'sv', **arguments)} / {message(key, 'en', **arguments)}")


def pseudonym_key(workspace: Workspace) -> bytes:
    """The data folder's key; made (32 random bytes, owner-only) where there is none. BadKey when it is damaged."""
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
    return read_key(path)


def read_key(path: Path) -> bytes:
    """The key in a file; BadKey unless it is 32 bytes in hexadecimal. A shorter one, such as an empty file, would give
    pseudonyms that anybody can count back.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise BadKey("identity.unreadable_key", file=path) from error
    if len(key) != KEY_BYTES:
        raise BadKey("identity.unreadable_key", file=path)
    return key


def key_id(key: bytes) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(key).hexdigest()[:16]


def _digest(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# -- spellings
# -----------------------------------------------------------------------------------------------------


class _Folding(dict[int, int]):
    """Sign → the plain sign that it stands for: any digit, dash or blank as the one on the keyboard."""

    def __missing__(self, code: int) -> int:
        sign = chr(code)
        plain = code
        if (digit := unicodedata.decimal(sign, None)) is not None:
            plain = ord(str(digit))
        elif unicodedata.category(sign) == "Pd" or sign in "\u2212\u00ad":
            plain = ord("-")
        elif sign.isspace() or unicodedata.category(sign) in ("Zs", "Cf"):
            plain = ord(" ")
        self[code] = plain
        return plain


_FOLDING = _Folding()


def _folded(text: str) -> str:
    """The text sign for sign, with plain digits, dashes and blanks, so that a place in one is the place in the
    other.
    """
    return text.translate(_FOLDING)


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
    bare = _SPELLING.sub("", _folded(text)).upper()
    match = _SWEDISH.fullmatch(bare)
    if match is None:
        return None
    ten = match["vat"] or match["ten"]
    if bare.startswith("SE") and bare.endswith("01") and len(bare) == 14 and has_check_digit(bare[2:12]):
        return bare[2:12], bare[4] in "01"  # a VAT number, though it may begin like a century
    is_person = ten[2] in "01"
    if match["prefix"] in ("18", "19", "20") and not is_person:
        return None
    return ten, is_person


def is_personal(text: str | None) -> bool:
    """Whether the value of a personal column is a person's number, holds one, or is the pseudonym of one."""
    if text is None:
        return False
    found = swedish_ten(text)
    return (
        PSEUDONYM.fullmatch(text) is not None
        or (found is not None and found[1])
        or may_be_mistyped_person(text)
        or mask(text) != text
    )


def may_be_mistyped_person(text: str) -> bool:
    """Whether it looks like a person's number with a digit too few or too many, or without its leading noughts."""
    folded = _folded(text)
    if folded.isdecimal() and 7 <= len(folded) < 10 and mask(folded.zfill(10)) == MASK:
        return True
    return _MAYBE_PERSON.fullmatch(folded) is not None


def pseudonym(key: bytes, ten: str) -> str:
    """`PN-` and sixteen hexadecimal digits, of which the last four seal the others with the key, so that a pseudonym
    that comes back can be told from one that was made up, without the number.
    """
    body = _digest(key, ten)[:12]
    return f"PN-{body}{_digest(key, f'pseudonym {body}')[:4]}"


def is_made_up(text: str, key: bytes) -> bool:
    """Whether it has a pseudonym's form and was not made with this key."""
    return PSEUDONYM.fullmatch(text) is not None and text[-4:] != _digest(key, f"pseudonym {text[3:15]}")[:4]


def person_name(key: bytes, name: str) -> str:
    """A name's pseudonym, the same for any spelling of case and spacing; a pseudonym stays."""
    if PERSON_NAME.fullmatch(name):
        return name
    return PERSON + _digest(key, " ".join(name.casefold().split()))[:8]


def read_orgnr(text: pl.Series, key: bytes) -> Reading:
    """Organisation numbers as ten digits, foreign ones upper-case without spaces, persons as pseudonyms
    (String).

    A pseudonym that comes back stands for the number. Rules: unreadable_orgnr, made_up_pseudonym; warning check_digit.
    """

    def read(word: str) -> tuple[str | None, str | None, str | None]:
        if is_made_up(word, key):
            return None, "made_up_pseudonym", None
        if PSEUDONYM.fullmatch(word):
            return word, None, None
        found = swedish_ten(word)
        if found is not None:
            ten, is_person = found
            rule = None if has_check_digit(ten) else "check_digit"
            return (pseudonym(key, ten) if is_person else ten), rule, None
        foreign = _FOREIGN.fullmatch(re.sub(r"[\s./-]", "", word).upper())
        if foreign and foreign["country"] in COUNTRIES:
            # A country's letters before a personal number do not make it another's.
            return (foreign[0] if mask(word) == word else pseudonym(key, foreign[0])), None, None
        return None, "unreadable_orgnr", None

    return by_distinct(text, read, pl.String)


def personal_ids(text: pl.Series, key: bytes) -> Reading:
    """A personal column of codes: what is a person's number becomes its pseudonym, the rest stays.

    Rule: made_up_pseudonym.
    """

    def read(word: str) -> tuple[str | None, str | None, None]:
        if is_made_up(word, key):
            return None, "made_up_pseudonym", None
        found = swedish_ten(word)
        return (pseudonym(key, found[0]) if found and found[1] else word), None, None

    return by_distinct(text, read, pl.String)


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
    return names.clone().scatter(persons.arg_true(), hidden)


# -- numbers in any text
# -------------------------------------------------------------------------------------------


def _person_in_text(match: re.Match[str]) -> str | None:
    """The ten signs of the personal number that was found, None where date or check digit say that it is none."""
    if match["date"] is None:
        return None
    if match["inner"] and not match["joint"]:
        return None  # a date that runs into other digits
    ten = match["year"] + match["month"] + match["date"] + match["last"].upper()
    if not has_check_digit(ten[:6] + ten[6:].translate(_INTERIM_AS_ONE)):
        return None
    date = int(match["date"])
    date = date - 60 if date > 60 else date
    stated = match["century"]
    centuries = [int(stated)] if stated and stated != "16" else [18, 19, 20]  # 16 marks any legal person
    month = int(match["month"])
    if any(date <= calendar.monthrange(century * 100 + int(ten[:2]), month)[1] for century in centuries):
        return ten
    return None


_INTERIM_AS_ONE = str.maketrans(dict.fromkeys(_INTERIM, "1"))


def _with_persons(text: str, shown_as: Callable[[str, str], str]) -> str:
    """A text with every personal number as `shown_as(its ten signs, as it was written)` says."""
    folded = _folded(text)
    pieces, end, start = [], 0, 0
    while (match := _IN_TEXT.search(folded, start)) is not None:
        ten = _person_in_text(match)
        if ten is None and (other := _WITHOUT_CENTURY.match(folded, match.start())) is not None:
            match, ten = other, _person_in_text(other)
        if ten is not None:
            pieces += [text[end : match.start()], shown_as(ten, text[match.start() : match.end()])]
            end = match.end()
        # What looked like a number and is none may hold the beginning of one.
        is_settled = ten is not None or match["date"] is None
        start = match.end() if is_settled else match.start() + 1
    return "".join([*pieces, text[end:]])


def mask(text: str) -> str:
    """A text with every personal number (valid date, valid check digit) masked."""
    return _with_persons(text, lambda _ten, _written: MASK)


def screen_text(text: pl.Series) -> pl.Series:
    """Free text with personal numbers masked."""
    return _screened(text, mask)


def screen_codes(text: pl.Series, key: bytes) -> pl.Series:
    """Codes: a personal number in one becomes its pseudonym, so that different codes stay different."""
    return _screened(text, lambda word: _with_persons(word, lambda ten, _written: pseudonym(key, ten)))


def screen_name(name: str, key: Callable[[], bytes]) -> str:
    """The name of a file, folder or sheet: a personal number in it becomes a keyed token, another one for each way of
    writing it, so that different names stay different. The key is asked for only where there is a number.
    """
    return _with_persons(name, lambda _ten, written: f"PN-{_digest(key(), f'name {written}')[:16]}")


def is_person_as_amount(text: str) -> bool:
    """Whether an amount is nothing but somebody's personal number; with two decimals it is an amount."""
    found = _AS_AMOUNT.fullmatch(_folded(text))
    digits = found["digits"].replace(",", ".") if found else ""
    return mask(digits) != digits


def refuse_persons(text: pl.Series, reading: Reading) -> Reading:
    """A column of numbers without those that are somebody's personal number. Rule: personal_number.

    An amount of ten digits that looks like one can be written with two decimals.
    """

    def is_person(word: str) -> tuple[bool, None, None]:
        return is_person_as_amount(word), None, None

    places = (text.str.len_bytes() >= PERSON_DIGITS).arg_true()
    places = places.filter(text.gather(places).str.contains(MAY_BE_PERSON_AS_AMOUNT))
    if places.is_empty():
        return reading
    rules = reading.rule.gather(places)
    is_read = rules.is_null() | rules.is_in(list(WARNINGS))
    persons = places.filter(is_read & by_distinct(text.gather(places), is_person, pl.Boolean).value)
    return Reading(
        reading.value.clone().scatter(persons, pl.Series([None], dtype=reading.value.dtype)),
        reading.rule.clone().scatter(persons, "personal_number"),
        reading.note.clone().scatter(persons, None),
    )


def _screened(text: pl.Series, screened: Callable[[str], str]) -> pl.Series:
    places = (text.str.len_bytes() >= PERSON_DIGITS).arg_true()
    if places.is_empty():
        return text
    long = text if len(places) == len(text) else text.gather(places)
    places = places.filter(long.str.contains(MAY_HOLD_PERSON))
    if places.is_empty():
        return text
    cleaned = by_distinct(text.gather(places), lambda word: (screened(word), None, None), pl.String).value
    return text.clone().scatter(places, cleaned)


def shown(text: pl.Series, is_personal_column: bool) -> pl.Series:
    """Raw values as they may be shown: personal numbers masked, in personal columns mistyped ones too."""
    if not is_personal_column:
        return screen_text(text)

    def masked(word: str) -> str:
        found = swedish_ten(word)
        return MASK if (found and found[1]) or may_be_mistyped_person(word) else mask(word)

    return by_distinct(text, lambda word: (masked(word), None, None), pl.String).value
