"""The national procurement statistics: four Excel extracts become rows of our sources.

The extracts share the procurement's columns and differ in their measure, so they are read by one contract
(`uhm_statistics.yml`); which extract a file is, its measure says, never its name. Figures in the statistics
are counts per row, so rows are numbered within procurement and lot instead of being compared with each other:
two equal rows in one file are two tenders. What does not belong here: arithmetic of indicators (dbt), or
anything that another format needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.contracts import Source, load_contracts
from dagster_project.expectations import Rule
from dagster_project.flow.adapters import same
from dagster_project.flow.adapters.derived import Derived, Note
from dagster_project.flow.ingest import Delivery
from dagster_project.flow.parse import Message, ParsedFile, parse_delivery
from dagster_project.messages import message
from dagster_project.settings import Settings, Workspace
from dagster_project.shipped import read_yaml

FORMAT = "uhm_statistics"
FOLDER = "uhm_statistics"


@dataclasses.dataclass(frozen=True)
class _Extracts:
    contract: Source  # what a file may hold, whichever extract it is
    by_measure: dict[str, Source]  # measure → the extract: the same columns, with the key of its own rows
    rules: tuple[Rule, ...]


def _read_contract(path: Path) -> _Extracts:
    document: dict[str, Any] = read_yaml(path)
    procedures = load_contracts()["procurements"].column("procedure").values
    columns = [
        {**column, "values": procedures} if column["name"] == "procedure" else column
        for column in document["columns"]
    ]
    contract = Source(**document["source"], columns=columns)
    by_measure = {
        extract["measure"]: Source(
            name=extract["name"],
            area=contract.area,
            description=contract.description,
            name_sv=extract["name_sv"],
            key=(*extract["whole"], "line_no"),
            numbered_within=tuple(extract["whole"]),
            columns=contract.columns,
        )
        for extract in document["extracts"]
    }
    return _Extracts(contract, by_measure, tuple(Rule.model_validate(rule) for rule in document["rules"]))


_EXTRACTS = _read_contract(Path(__file__).with_suffix(".yml"))
PARTS: Mapping[str, Source] = {extract.name: extract for extract in _EXTRACTS.by_measure.values()}
RULES = _EXTRACTS.rules


# -- reading --------------------------------------------------------------------------------------------


def recognises(delivery: Delivery) -> bool:
    """Every file in the format's own folder; which extract it is, its columns say (`parse`)."""
    return delivery.source == FOLDER


def parse(delivery: Delivery, settings: Settings, workspace: Workspace) -> ParsedFile:
    """Read one extract. A file with the procurement's columns but without exactly one measure is refused."""
    file = parse_delivery(delivery, _EXTRACTS.contract, settings, workspace)
    if file.rejected is not None or file.rows_read == 0 or len(_measures(file)) == 1:
        return file
    words = (
        message("uhm.not_one_extract", language, file=delivery.file, measures=_measure_words())
        for language in ("sv", "en")
    )
    return dataclasses.replace(
        file,
        rejected=Message("uhm_not_one_extract", *words),
        rows_accepted=0,
        rows_quarantined=file.rows_read,
        rows_skipped=0,
    )


def part_of(file: ParsedFile) -> str:
    """The extract that a file is; one without rows may be any."""
    measures = [] if file.rejected is not None else _measures(file)
    return _EXTRACTS.by_measure[measures[0]].name if measures else next(iter(PARTS))


def _measures(file: ParsedFile) -> list[str]:
    """The measures that any of the file's rows bears."""
    measures = list(_EXTRACTS.by_measure)
    counts = pl.concat(
        [pl.scan_parquet(file.directory / f"{part}.parquet").select(measures) for part in ("rows", "bad")]
    ).select(pl.all().count())
    return [name for name, count in counts.collect().row(0, named=True).items() if count]


def _measure_words() -> str:
    return ", ".join(_EXTRACTS.contract.column(name).label_sv for name in _EXTRACTS.by_measure)


# -- what the rows say ----------------------------------------------------------------------------------

_FIRST = "struct_pack(file := source_file, sheet := source_sheet, row := source_row)"

# In schema `arrival`: `uhm_rows` (every accepted row), `uhm_procurement` (the union by Upphandlings-ID, the
# extract of procurements first), `uhm_lot` and `uhm_contract`.
RELATIONS: tuple[str, ...] = (
    # `place` orders every row: the extract of procurements first, then in file order.
    "create or replace table arrival.uhm_rows as "
    "select *, row_number() over (order by extract, source_file, source_sheet, source_row) as place from ("
    + " union all ".join(
        f"select {number} as extract, * from delivered.{extract.name}"
        for number, extract in enumerate(_EXTRACTS.by_measure.values())
    )
    + ")",
    # Of several rows that know a fact the first one tells it (min_by passes over NULL).
    f"""
    create or replace table arrival.uhm_procurement as
    select
        procurement_id,
        min_by(title, place) as title,
        min_by(published_date, place) as published_date,
        min_by(
            struct_pack(
                orgnr := buyer_orgnr, name := buyer_name,
                subsector := buyer_subsector, legal_form := buyer_legal_form
            ),
            place
        ) as buyer,
        coalesce(min_by(purchase_kind, place) = 'works', false) as works,
        min_by(
            case when regexp_matches(cpv_code, '^[0-9]{{8}}') then nullif(left(cpv_code, 8), '00000000') end,
            place
        ) as category_code,
        min_by(above_threshold, place) as above_threshold,
        case when min_by(dynamic_purchasing_system, place) then 'dps_setup'
            else coalesce(min_by(procedure, place), 'unknown') end as procedure,
        min_by(reserved, place) as reserved,
        min_by(reviewed, place) as reviewed,
        coalesce(bool_or(tender_count is not null or contracted_count > 0), false) as has_result,
        sum(contracted_value) filter (where contracted_value not in (0, 1)) as contracted_value,
        count(distinct lot_id) as lots,
        min_by({_FIRST}, place) as source,
        min(place) as place
    from arrival.uhm_rows
    group by procurement_id
    """,
    f"""
    create or replace table arrival.uhm_lot as
    select
        procurement_id,
        lot_id,
        cast(sum(tender_count) as bigint) as tenders_received,
        case when sum(contracted_count) > 0 then true end as awarded,
        min_by({_FIRST}, place) as source
    from arrival.uhm_rows
    where lot_id is not null
    group by procurement_id, lot_id
    """,
    # A masked name is nobody's name: each such row is a supplier of its own, known by its place only.
    f"""
    create or replace table arrival.uhm_contract as
    select
        *,
        case when is_masked
            then 'DOLD-' || left(sha256(procurement_id || chr(31) || lot_id || chr(31) || line_no), 12)
            else 'NAMN-' || left(sha256(folded_name), 12) end as supplier_id,
        case when is_masked then 'Personuppgift' else trim(supplier_name) end as shown_name,
        {_FIRST} as source
    from (
        select
            *,
            lower(trim(regexp_replace(replace(supplier_name, chr(160), ' '), ' +', ' ', 'g'))) as folded_name,
            folded_name = 'personuppgift' or coalesce(supplier_legal_form = 'Fysiska personer', false)
                as is_masked
        from arrival.uhm_rows
        where contracted_count > 0
    )
    """,
)

# The national statistics hold every buyer in the country: ours are those that the organisation has delivered,
# and the members. Before `organisations` is given its rows that is asked of the settings, then of the source.
_OURS = "buyer.orgnr in (select unnest([o.orgnr, o.unit_id]) from delivered.organisations as o)"
_OUR_PROCUREMENTS = "procurement_id in (select procurement_id from delivered.procurements)"

NOTES: tuple[Note, ...] = (
    Note(
        rule="dates_derived",
        message="uhm.dates_derived",
        column="published_date",
        query="select source_file, count(distinct procurement_id) from arrival.uhm_rows "
        f"where (tender_count is not null or contracted_count > 0) and {_OUR_PROCUREMENTS} "
        "group by all order by all",
    ),
    Note(
        rule="other_buyers",
        message="uhm.other_buyers",
        column="buyer_orgnr",
        query=f"select source.file, count(*) from arrival.uhm_procurement where not ({_OURS}) "
        "group by all order by all",
    ),
)

# The statistics have numbers of their own: what the register or a notice knows too is found by buyer, title and day.
_SAME = (
    *same.statements(
        "uhm",
        f"select procurement_id as own_id, title, published_date as announced_date, "
        f"cast(null as date) as decided_date, [buyer.orgnr] as buyers from arrival.uhm_procurement where {_OURS}",
    ),
    *(same.renamed("uhm", f"arrival.uhm_{table}") for table in ("procurement", "lot", "contract", "rows")),
)
_SOURCE = "source.file as source_file, source.sheet as source_sheet, source.row as source_row"

DERIVED: Mapping[str, Derived] = {
    "organisations": Derived(
        whole=("unit_id",),
        query="""
        select
            buyer.orgnr as unit_id,
            min_by(buyer.name, place) as unit_name,
            buyer.orgnr as orgnr,
            coalesce(min(m.member_code), buyer.orgnr) as member_code,
            min_by(
                case
                    when buyer.legal_form = 'Kommuner' then 'municipality'
                    when buyer.legal_form = 'Regioner' then 'region'
                    when buyer.legal_form = 'Kommunalförbund' then 'federation'
                    when buyer.legal_form = 'Övriga aktiebolag'
                        and buyer.subsector in ('Kommunalt ägd organisation', 'Regionalt ägd organisation')
                        then 'company'
                end,
                place
            ) as kind,
            min_by(source.file, place) as source_file,
            min_by(source.sheet, place) as source_sheet,
            min_by(source.row, place) as source_row
        from arrival.uhm_procurement
        cross join run.settings as s
        left join run.members as m on regexp_replace(m.member_code, '[^0-9]', '', 'g') = buyer.orgnr
        where
            (s.all_members or m.member_code is not null)
            and buyer.orgnr not in (
                select o.orgnr from delivered.organisations as o where o.orgnr is not null
            )
        group by buyer.orgnr
        """,
    ),
    # The statistics state no date of completion, no date of review and no estimate: publication stands for
    # the first, the contracted sum for the last, and of a review only that there was one is known.
    "procurements": Derived(
        whole=("procurement_id",),
        before=_SAME,
        fills=("title", "above_threshold", "announced_date", "reserved"),
        query=f"""
        select
            procurement_id,
            title,
            category_code,
            procedure,
            works,
            above_threshold,
            published_date as announced_date,
            case when has_result then published_date end as completed_date,
            false as participants_complete,
            reserved,
            case when reviewed then 'okänt' end as review_outcome,
            contracted_value as estimated_value,
            {_SOURCE}
        from arrival.uhm_procurement
        where {_OURS}
        """,
    ),
    # Several units may share an organisation number: the municipality or region itself, else the first.
    "participants": Derived(
        whole=("procurement_id",),
        query=f"""
        select p.procurement_id, coalesce(unit.unit_id, p.buyer.orgnr) as unit_id, {_SOURCE}
        from arrival.uhm_procurement as p
        left join (
            select orgnr, unit_id from delivered.organisations
            where orgnr is not null
            qualify row_number() over (
                partition by orgnr order by coalesce(kind in ('municipality', 'region'), false) desc, unit_id
            ) = 1
        ) as unit on unit.orgnr = p.buyer.orgnr
        where {_OURS}
        """,
    ),
    # The contracted value is stated for the whole procurement: it is the lot's only where there is one lot.
    "lots": Derived(
        whole=("procurement_id",),
        fills=("tenders_received", "awarded"),
        query=f"""
        select
            l.procurement_id,
            l.lot_id,
            l.tenders_received,
            l.awarded,
            case when p.lots = 1 then p.contracted_value end as contract_value,
            l.source.file as source_file,
            l.source.sheet as source_sheet,
            l.source.row as source_row
        from arrival.uhm_lot as l
        inner join arrival.uhm_procurement as p using (procurement_id)
        where {_OUR_PROCUREMENTS}
        """,
    ),
    "suppliers": Derived(
        whole=("supplier_id",),
        query=f"""
        select
            c.supplier_id,
            min_by(c.shown_name, c.place) as supplier_name,
            min_by(c.source.file, c.place) as source_file,
            min_by(c.source.sheet, c.place) as source_sheet,
            min_by(c.source.row, c.place) as source_row
        from arrival.uhm_contract as c
        inner join arrival.uhm_procurement as p using (procurement_id)
        where {_OURS}
        group by c.supplier_id
        """,
    ),
    "contracts": Derived(
        whole=("procurement_id",),
        query=f"""
        select
            'UHM-' || c.procurement_id || '-' || c.lot_id as contract_id,
            c.supplier_id,
            c.procurement_id,
            any_value(p.title) as title,
            any_value(p.category_code) as category_code,
            any_value(p.published_date) as valid_from,
            min_by(c.source.file, c.place) as source_file,
            min_by(c.source.sheet, c.place) as source_sheet,
            min_by(c.source.row, c.place) as source_row
        from arrival.uhm_contract as c
        inner join arrival.uhm_procurement as p using (procurement_id)
        where {_OUR_PROCUREMENTS}
        group by c.procurement_id, c.lot_id, c.supplier_id
        """,
    ),
    # A division whose two digits are a group of another kind in the organisation's own tree is kept apart.
    "categories": Derived(
        whole=("category_code",),
        complements=True,
        query=f"""
        with
        codes as (
            select
                left(cpv_code, 8) as category_code,
                min_by(nullif(trim(substr(cpv_code, 9)), ''), place) as category_name,
                min_by({_FIRST}, place) as source
            from arrival.uhm_rows
            where left(cpv_code, 8) in (select p.category_code from delivered.procurements as p)
            group by all
        ),
        divisions as (
            select left(cpv_division, 2) as division, trim(substr(cpv_division, 9)) as name
            from arrival.uhm_rows
            where regexp_matches(cpv_division, '^[0-9]{{8}} ')
            group by left(cpv_division, 2), trim(substr(cpv_division, 9))
            qualify row_number() over (partition by division order by count(*) desc, name) = 1
        ),
        own as (
            select
                group_code,
                min(group_name) as group_name,
                bool_and(starts_with(category_code, group_code)) as is_cpv
            from delivered.categories
            where origin = 'register'
            group by group_code
        )
        select
            codes.category_code,
            coalesce(codes.category_name, 'CPV ' || codes.category_code) as category_name,
            case when own.is_cpv = false then 'CPV ' || divisions.division else divisions.division end
                as group_code,
            case when own.is_cpv then own.group_name else divisions.name end as group_name,
            codes.source.file as source_file,
            codes.source.sheet as source_sheet,
            codes.source.row as source_row
        from codes
        inner join divisions on divisions.division = left(codes.category_code, 2)
        left join own on own.group_code = divisions.division
        """,
    ),
}
