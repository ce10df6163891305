"""Organisation numbers, and personal numbers wherever they stand. The numbers are made up with valid check
digits.
"""

import re
import stat
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dagster_project.flow.values.identity import (
    MASK,
    has_check_digit,
    key_id,
    mask,
    personal_ids,
    personal_names,
    pseudonym,
    pseudonym_key,
    read_orgnr,
    refuse_persons,
    screen_codes,
    screen_name,
    screen_text,
    shown,
)
from dagster_project.flow.values.numbers import read_numbers
from dagster_project.settings import Workspace

KEY = bytes(range(32))
PERSON = "8112189876"  # the example number of the tax agency's own description
COORDINATION = "7010632391"


def orgnr(text: str) -> tuple[str | None, str | None]:
    reading = read_orgnr(pl.Series([text]), KEY)
    return reading.value[0], reading.rule[0]


@pytest.mark.parametrize(
    "text",
    [
        "556000-4615",
        "5560004615",
        "165560004615",
        "16556000-4615",
        "SE556000461501",
        "se 556000-4615 01",
        "556000 4615",
    ],
)
def test_a_swedish_number_in_any_spelling_is_ten_digits(text: str) -> None:
    assert orgnr(text) == ("5560004615", None)


def test_a_failing_check_digit_is_a_warning_and_keeps_the_number() -> None:
    assert orgnr("556000-4616") == ("5560004616", "check_digit")


@pytest.mark.parametrize(
    "text", ["55600046", "556000-46155", "55600O-4615", "SAKNAS", "okänd", "SE12", "QQ123456", "195560004615"]
)
def test_wrong_length_or_letters_are_unreadable(text: str) -> None:
    assert orgnr(text) == (None, "unreadable_orgnr")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("DE 123 456 789", "DE123456789"), ("no987654321mva", "NO987654321MVA"), ("FI1234567-8", "FI12345678")],
)
def test_a_foreign_number_is_kept_with_its_country(text: str, kept: str) -> None:
    assert orgnr(text) == (kept, None)


@pytest.mark.parametrize(
    "text", ["811218-9876", "8112189876", "19811218-9876", "198112189876", "811218+9876", "SE811218987601"]
)
def test_a_persons_number_becomes_one_pseudonym_in_any_spelling(text: str) -> None:
    assert orgnr(text) == (pseudonym(KEY, PERSON), None)
    assert personal_ids(pl.Series([text]), KEY).value[0] == pseudonym(KEY, PERSON)


def test_a_pseudonym_is_kept_and_depends_on_the_key() -> None:
    given = pseudonym(KEY, PERSON)
    assert orgnr(given) == (given, None)
    assert given.startswith("PN-")
    assert len(given) == 19
    assert pseudonym(b"another", PERSON) != given


@pytest.mark.parametrize("made_up", ["PN-0123456789abcdef", pseudonym(b"another", PERSON)])
def test_a_pseudonym_that_this_key_did_not_make_is_refused(made_up: str) -> None:
    assert orgnr(made_up) == (None, "made_up_pseudonym")
    codes = personal_ids(pl.Series([made_up, "K-17", pseudonym(KEY, PERSON)]), KEY)
    assert codes.rule.to_list() == ["made_up_pseudonym", None, None]
    assert codes.value.to_list() == [None, "K-17", pseudonym(KEY, PERSON)]


def test_in_a_personal_column_the_third_digit_is_enough() -> None:
    assert orgnr("801301-1236")[0] == pseudonym(KEY, "8013011236")


def test_a_name_is_hidden_where_the_rows_number_is_a_persons() -> None:
    names = pl.Series(["Anna  Ek", "Bolaget AB", "ANNA EK", None, "Bo Al"])
    ids = pl.Series(["811218-9876", "556000-4615", pseudonym(KEY, PERSON), "8112189876", "811218-987"])
    hidden = personal_names(names, ids, KEY).to_list()
    assert hidden[0] == hidden[2]
    assert hidden[0].startswith("Privatperson ")
    assert len(hidden[0]) == len("Privatperson ") + 8
    assert hidden[1] == "Bolaget AB"
    assert hidden[3] is None
    assert hidden[4].startswith("Privatperson "), "a mistyped personal number hides the name too"
    assert personal_names(pl.Series(hidden), ids, KEY).to_list() == hidden


@pytest.mark.parametrize(
    "number",
    [
        "811218-9876",
        "8112189876",
        "19811218-9876",
        "811218+9876",
        "811218 9876",
        "811218\u20139876",
        "SE811218987601",
    ],
)
def test_a_personal_number_in_a_text_is_masked(number: str) -> None:
    assert mask(f"Ring {number}, tack") == f"Ring {MASK}, tack"
    assert screen_text(pl.Series([f"a{number}b", "inget"])).to_list() == [f"a{MASK}b", "inget"]


def test_a_coordination_number_is_personal_too() -> None:
    assert has_check_digit(COORDINATION)
    assert mask(f"nr {COORDINATION}") == f"nr {MASK}"


@pytest.mark.parametrize(
    "text",
    ["811218-9875", "811332-9876", "810230-9873", "556000-4615", "18112189876", "2021-001", "1234567890"],
)
def test_what_is_no_personal_number_stays(text: str) -> None:
    assert mask(text) == text


def test_a_personal_number_in_a_code_becomes_a_pseudonym_so_that_different_codes_stay_different() -> None:
    assert screen_codes(pl.Series(["811218-9876", "K 8112189876", "V-17"]), KEY).to_list() == [
        pseudonym(KEY, PERSON), f"K {pseudonym(KEY, PERSON)}", "V-17",
    ]  # fmt: skip


def test_the_digits_of_a_pseudonym_are_no_personal_number() -> None:
    lookalike = "PN-8112189876abcdef"
    assert screen_codes(pl.Series([lookalike]), KEY)[0] == lookalike
    assert mask(f"{lookalike} och 811218 - 9876") == f"{lookalike} och {MASK}"


def test_raw_values_are_shown_masked() -> None:
    assert shown(pl.Series(["811218-987", "801301-1236", "x"]), True).to_list() == [MASK, MASK, "x"]
    assert shown(pl.Series(["se 811218-9876"]), False).to_list() == [MASK]


def test_the_key_is_made_once_with_owner_only_rights(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    key = pseudonym_key(workspace)
    assert len(key) == 32
    assert pseudonym_key(workspace) == key
    assert stat.S_IMODE((workspace.secrets / "pseudonym.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(workspace.secrets.stat().st_mode) == 0o700
    assert [path.name for path in workspace.secrets.iterdir()] == ["pseudonym.key"]
    assert key.hex() not in key_id(key)


@pytest.mark.parametrize(
    "number",
    [
        "811218\u20119876", "811218\u00a09876", "811218\u202f-\u202f9876", "811218_9876", "811218.9876", "811218/9876",
        "81 12 18 9876", "1981-12-18-9876", "1981-12-18 9876", "８１１２１８－９８７６", "٨١١٢١٨-٩٨٧٦",
    ],
)  # fmt: skip
def test_any_dash_blank_or_digit_is_as_good_as_the_one_on_the_keyboard(number: str) -> None:
    assert screen_text(pl.Series([f"({number})"])).to_list() == [f"({MASK})"]


def test_a_number_given_for_the_time_being_has_a_letter_that_counts_as_one() -> None:
    assert has_check_digit("8112181238")
    assert mask("811218-T238") == MASK
    assert mask("811218-T239") == "811218-T239"


def test_what_looked_like_a_number_and_is_none_may_hold_the_beginning_of_one() -> None:
    assert mask("12 01 01 811218-9876") == f"12 01 01 {MASK}"


def test_digits_that_go_on_are_another_number() -> None:
    for text in ("18112189876", "81121898761", "2021-03-0412345"):
        assert mask(text) == text


def test_names_with_different_spellings_of_one_number_stay_different_and_the_rest_of_the_name_stands() -> (
    None
):
    asked: list[bytes] = []

    def key() -> bytes:
        asked.append(KEY)
        return KEY

    names = [screen_name(f"lön {number} mars.csv", key) for number in ("811218-9876", "8112189876", "V-17")]
    assert len(set(names)) == 3
    assert names[2] == "lön V-17 mars.csv"
    assert all(re.fullmatch(r"lön PN-[0-9a-f]{16} mars\.csv", name) for name in names[:2])
    assert len(asked) == 2
    assert [screen_name(name, key) for name in names] == names


def test_an_amount_that_is_a_personal_number_is_refused_and_one_with_two_decimals_is_not() -> None:
    text = pl.Series(["8112189876", "198112189876", "811218.9876", "8112189876.00", "5560004615", "17", None])
    refused = refuse_persons(text, read_numbers(text, "money", "."))
    assert refused.rule.to_list() == [*["personal_number"] * 3, *[None] * 4]
    assert refused.value.to_list() == [
        None, None, None, Decimal("8112189876.00"), Decimal("5560004615.00"), Decimal("17.00"), None,
    ]  # fmt: skip
    assert refused.note.to_list() == [None] * 7


def test_a_number_that_lost_its_leading_noughts_in_a_spreadsheet_is_not_shown() -> None:
    assert has_check_digit("0402157895")
    assert shown(pl.Series(["402157895", "402157890"]), True).to_list() == [MASK, "402157890"]


def test_a_vat_number_that_begins_like_a_century_is_the_persons_all_the_same() -> None:
    assert has_check_digit("2008097707")
    for number in ("SE200809770701", "200809-7707"):
        assert mask(number) == MASK
        assert orgnr(number) == (pseudonym(KEY, "2008097707"), None)
