"""Names of suppliers that look alike to a person: what is proposed as one, and what never is."""

from __future__ import annotations

import random

import pytest

from dagster_project.flow.values.names import LEAST_SCORE, MOST_CANDIDATES, similar, words


def proposed(name: str, *suppliers: str) -> list[str]:
    return [
        suppliers[int(one.supplier_id)]
        for one in similar([name], {str(i): s for i, s in enumerate(suppliers)})
    ]


@pytest.mark.parametrize(
    ("written", "registered"),
    [
        ("Akeri Nord", "Åkeri Nord AB (publ)"),
        ("Nord Åkeri Handelsbolag", "ÅKERI NORD"),
        ("Mejerit i byn", "Mejeriet i Byn AB"),
        ("Mejeriet i Byn, kylvaror", "Mejeriet Byn AB"),
        ("Bygg 2000 Nord", "Bygg 2000 Nord Aktiebolag"),
    ],
)
def test_a_name_spelled_otherwise_is_proposed(written: str, registered: str) -> None:
    assert proposed(written, registered, "Något helt annat AB") == [registered]


@pytest.mark.parametrize(
    ("written", "registered"),
    [
        ("Bygg 2000 Nord", "Bygg 3000 Nord AB"),
        ("Aktiebolaget", "Mejeriet Aktiebolag"),
        ("Mejeriet", "Mejeriet i Byn Handel och Transport AB"),
        ("", "AB"),
        ("---", "!!!"),
    ],
)
def test_another_name_is_not_proposed(written: str, registered: str) -> None:
    assert proposed(written, registered) == []


def test_legal_forms_and_accents_do_not_tell_names_apart() -> None:
    assert words("Åkeri-Nord AB (publ)") == words("akeri nord Handelsbolag") == ("akeri", "nord")


def test_a_name_of_legal_forms_alone_keeps_them() -> None:
    assert words("AB Sverige") == ("ab", "sverige")


def test_the_most_alike_come_first_and_no_more_than_a_person_can_weigh() -> None:
    suppliers = {
        str(i): f"Mejeriet Byn {suffix}" for i, suffix in enumerate(["AB", "Syd", "Sy", "Norr", "Öst"])
    }
    found = similar(["Mejeriet Byn"], suppliers)
    assert len(found) == MOST_CANDIDATES
    assert found[0] == ("Mejeriet Byn", "0", 1.0)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(one.score >= LEAST_SCORE for one in found)


def test_the_order_of_what_is_given_changes_nothing() -> None:
    rng = random.Random(7)
    vocabulary = ["mejeriet", "mejeri", "åkeri", "nord", "norr", "bygg", "2000", "byn", "el"]
    names = sorted({" ".join(rng.choices(vocabulary, k=3)) for _ in range(60)})
    suppliers = {str(i): " ".join(rng.choices(vocabulary, k=2)) for i in range(40)}
    turned = dict(reversed(suppliers.items()))
    assert similar(names, suppliers) == similar(names[::-1], turned) != []
