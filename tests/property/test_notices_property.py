"""Notices of any make: both schemas say the same, and no change of bytes makes the reader fall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from dagster_project.flow.adapters.notices import eforms as new_schema
from dagster_project.flow.adapters.notices import ted as old_schema
from dagster_project.flow.adapters.notices.facts import Notice as Facts
from dagster_project.flow.readers import UnreadableDelivery
from dagster_project.flow.readers.xml import read_document
from tests.notices import BREWER, NORDBY, ROASTER, SODERBY, Lot, Notice, eforms, ted

KEY = b"k" * 32
DAYS = st.dates(min_value=date(2014, 1, 1), max_value=date(2024, 12, 31)).map(lambda day: day.isoformat())
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
AMOUNTS = st.none() | st.integers(0, 10**11).map(lambda oren: f"{oren // 100}.{oren % 100:02d}")
LOTS = st.builds(
    Lot,
    title=WORDS,
    tenders=st.none() | st.integers(0, 40),
    winners=st.lists(
        st.sampled_from([(ROASTER,), (BREWER,), (ROASTER, BREWER)]), min_size=1, max_size=2, unique=True
    ),
    value=AMOUNTS,
    currency=st.sampled_from(["SEK", "EUR"]),
    concluded=st.none() | DAYS,
)
CLOSED = st.builds(
    Lot, title=WORDS, tenders=st.none(), winners=st.just(()), reason=st.sampled_from(["other", "all-rej"])
)
NOTICES = st.builds(
    Notice,
    kind=st.sampled_from(["result", "competition"]),
    published=DAYS,
    title=WORDS,
    reference=st.none() | st.from_regex(r"[A-Z]{1,4}[0-9]{1,3}/[0-9]{1,4}", fullmatch=True),
    procedure=st.sampled_from(["open", "restricted", "neg-w-call"]),
    nature=st.sampled_from(["supplies", "services", "works"]),
    buyers=st.sampled_from([(NORDBY,), (SODERBY, NORDBY)]),
    central=st.booleans(),
    estimate=AMOUNTS,
    lots=st.lists(LOTS | CLOSED, min_size=1, max_size=4),
)
# What the schemas have no common word for, and where things stand in them.
OWN = frozenset({"schema", "subtype", "notice_id", "version", "folder_id", "problems"})


def told(facts: Facts) -> Mapping[str, object]:
    """What a notice says, without what only one schema can say."""
    said = {name: value for name, value in vars(facts).items() if name not in OWN}
    for name in ("lots", "awards", "tenders"):
        said[name] = [
            {
                key: value
                for key, value in vars(one).items()
                if key not in ("path", "line", "reserved", "is_framework")
            }
            | ({"tender": None} if name == "awards" else {})
            for one in said[name]
        ]
    return said


@given(NOTICES)
@settings(max_examples=60, deadline=None)
def test_both_schemas_say_the_same_of_any_notice(notice: Notice) -> None:
    if notice.kind == "competition":  # a call tells of no result, and the estimate is the call's
        notice = replace(notice, lots=tuple(replace(lot, winners=(), reason=None) for lot in notice.lots))
    else:
        notice = replace(notice, estimate=None)
    new = new_schema.read(read_document(eforms(notice).encode()), KEY)
    old = old_schema.read(read_document(ted(notice).encode()), KEY)
    assert not new.problems
    assert not old.problems
    assert told(new) == told(old)


WHOLE = [
    document(Notice(lots=(Lot(), Lot(winners=((ROASTER, BREWER),))))).encode() for document in (eforms, ted)
]
CHANGES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20_000), st.integers(0, 60), st.binary(max_size=12)),
    max_size=4,
)


@given(st.sampled_from(WHOLE), CHANGES)
@settings(max_examples=150, deadline=None)
def test_no_change_of_bytes_makes_the_reader_fall(
    content: bytes, changes: list[tuple[int, int, int, bytes]]
) -> None:
    for takes, place, length, instead in changes:
        at = place % len(content)
        content = content[:at] + instead + content[at + takes * length :]
    try:
        root = read_document(content)
    except UnreadableDelivery:
        return
    reader = new_schema if root.tag in new_schema.ROOTS else old_schema
    if reader is old_schema and etree.QName(root.tag).localname != old_schema.ROOT:
        return
    found = reader.read(root, KEY)
    # Whatever it says, it can be written down, or says what is wrong with it.
    assert found.row()["notice_key"]


@given(st.sampled_from(WHOLE), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_no_missing_element_makes_the_reader_fall(content: bytes, number: int) -> None:
    root = read_document(content)
    elements = [element for element in root.iter() if element is not root]
    taken = elements[number % len(elements)]
    taken.getparent().remove(taken)
    reader = new_schema if root.tag in new_schema.ROOTS else old_schema
    assert reader.read(root, KEY).row()["notice_key"]
