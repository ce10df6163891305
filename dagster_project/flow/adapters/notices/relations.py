"""What several notices together say: which supersede which, which are of one procurement, and the rows they give.

Statements in DuckDB over the accepted notices (`delivered.notices`). What does not belong here: reading XML (eforms,
ted), or which source wins where the board's own register knows the procurement too (reconcile).
"""

from __future__ import annotations

from dagster_project.flow.adapters import same
from dagster_project.flow.adapters.derived import Derived, Note

_LOT = (
    '[{"lot_id":"VARCHAR","path":"VARCHAR","line":"BIGINT","title":"VARCHAR","category_code":"VARCHAR",'
    '"is_result":"BOOLEAN","awarded":"BOOLEAN","is_closed":"BOOLEAN","reason":"VARCHAR","tenders":"BIGINT",'
    '"sme_tenders":"BIGINT","is_framework":"BOOLEAN","ceiling":"DECIMAL(18,2)","currency":"VARCHAR",'
    '"reserved":"BOOLEAN","areas":["VARCHAR"],"concluded":"DATE","valid_to":"DATE"}]'
)
_AWARD = (
    '[{"lot_id":"VARCHAR","contract":"VARCHAR","supplier_id":"VARCHAR","supplier_name":"VARCHAR","path":"VARCHAR",'
    '"line":"BIGINT","concluded":"DATE","decided":"DATE","tender":"VARCHAR","value":"DECIMAL(18,2)",'
    '"currency":"VARCHAR"}]'
)
_TENDER = (
    '[{"lot_id":"VARCHAR","bidder_id":"VARCHAR","supplier_id":"VARCHAR","supplier_name":"VARCHAR",'
    '"price":"DECIMAL(18,2)","currency":"VARCHAR","winner":"BOOLEAN","path":"VARCHAR","line":"BIGINT"}]'
)
_BUYER = '[{"id":"VARCHAR","name":"VARCHAR","orgnr":"VARCHAR"}]'

# Reasons why nothing was awarded, for people to read.
_REASONS = {
    "all-rej": "Alla anbud avvisades eller inga kom in",
    "chan-need": "Behovet har ändrats",
    "ins-fund": "Medlen räcker inte",
    "no-rece": "Inga anbud kom in",
    "no-signed": "Vinnaren ville inte teckna avtal",
    "one-admis": "Bara ett godtagbart anbud",
    "other": "Annat skäl",
    "rev-body": "Beslut efter överprövning",
    "rev-buyer": "Beslut efter överprövning",
    "tch-pr-error": "Tekniskt fel eller fel i förfarandet",
}
_REASON = (
    "case reason " + " ".join(f"when '{code}' then '{words}'" for code, words in _REASONS.items()) + " end"
)
_TAKEN_BACK = "Annonsen har återkallats"


def _sek(value: str, currency: str, day: str) -> str:
    """An amount in SEK: by the latest rate on or before the day; unknown without one. Columns with their alias."""
    return (
        f"cast(case when {currency} = 'SEK' then {value} else {value} * ("
        f"select max_by(r.sek_per_unit, r.date) from delivered.exchange_rates as r "
        f"where r.currency = {currency} and r.date <= {day}) end as decimal(18, 2))"
    )


# -- which notices stand ----------------------------------------------------------------------------------

# `notice_every`: every accepted notice; `place` orders them as they came out. Those that another replaces are then
# counted as superseded and stand in `delivered.notices` no more.
RELATIONS: tuple[str, ...] = (
    """
    create or replace table arrival.notice_every as
    select
        n.*,
        f.file_no,
        coalesce(n.published_date, n.dispatch_date) as day,
        row_number() over (
            order by
                coalesce(n.published_date, n.dispatch_date), n.version, n.schema desc,
                n.source_file, n.source_sheet, n.source_row
        ) as place
    from delivered.notices as n
    inner join arrival.notices_files as f on n.source_file = f.file
    """,
    """
    create or replace table arrival.notice_superseded as
    select distinct o.place, o.file_no, o.source_file, coalesce(o.source_sheet, '') as sheet, o.source_row
    from arrival.notice_every as o
    where
        exists (
            select 1 from arrival.notice_every as n
            where n.notice_id = o.notice_id and n.schema = o.schema and n.version > o.version
        )
        or exists (
            select 1 from arrival.notice_every as n
            where n.supersedes = o.notice_id || '-' || o.version and n.place <> o.place
        )
        or exists (
            select 1 from arrival.notice_every as n
            where n.supersedes = o.publication_number and n.place <> o.place
        )
        or exists (
            select 1 from arrival.notice_every as n
            where n.publication_number = o.publication_number and n.schema = 'eforms' and o.schema = 'ted'
        )
    """,
    """
    insert into arrival.notices_out
    select file_no, sheet, source_row, 'superseded', null from arrival.notice_superseded
    """,
    """
    delete from delivered.notices as n using arrival.notice_superseded as s
    where n.source_file = s.source_file and coalesce(n.source_sheet, '') = s.sheet and n.source_row = s.source_row
    """,
)

# -- which procurement a notice is of ---------------------------------------------------------------------

_FOLDED_NAME = "lower(trim(regexp_replace({}, '\\s+', ' ', 'g')))"
_SPEAKS = "n.kind in ('competition', 'result', 'award_pre', 'change')"

# A buyer without a number is who bears its name: a delivered unit, a member, or another notice's buyer, if only one.
_BUYERS: tuple[str, ...] = (
    f"""
    create or replace table arrival.notice_buyer as
    with
    stated as (
        select n.place, b.number as position, b.entry.id, b.entry.name, b.entry.orgnr
        from arrival.notice_every as n,
        lateral (
            select unnest(from_json(n.buyers, '{_BUYER}')) as entry,
            generate_subscripts(from_json(n.buyers, '{_BUYER}'), 1) as number
        ) as b
        where {_SPEAKS}
    ),
    names as (
        select {_FOLDED_NAME.format("o.unit_name")} as name, coalesce(o.orgnr, o.unit_id) as id
        from delivered.organisations as o
        union
        select {_FOLDED_NAME.format("m.member_name")}, regexp_replace(m.member_code, '[^0-9A-Za-z]', '', 'g')
        from run.members as m where m.member_name is not null
        union
        select {_FOLDED_NAME.format("s.name")}, s.id from stated as s where s.orgnr is not null
    ),
    known as (select name, min(id) as id from names group by name having count(distinct id) = 1)
    select
        s.place,
        s.position,
        s.name,
        case when s.orgnr is null then coalesce(k.id, s.id) else s.id end as id,
        coalesce(s.orgnr, case when regexp_matches(k.id, '^[0-9]{{10}}$') then k.id end) as orgnr
    from stated as s
    left join known as k on {_FOLDED_NAME.format("s.name")} = k.name
    """,
    # Ours are the buyers that are delivered, and the members; a notice is ours when one of its buyers is.
    """
    create or replace table arrival.notice_ours as
    select distinct b.place
    from arrival.notice_buyer as b
    cross join run.settings as s
    where
        s.all_members
        or b.id in (select unnest([o.orgnr, o.unit_id]) from delivered.organisations as o)
        or b.id in (select regexp_replace(m.member_code, '[^0-9A-Za-z]', '', 'g') from run.members as m)
    """,
    """
    create or replace table arrival.notice_of as
    with
    own as (
        select n.*, b.id as lead
        from arrival.notice_every as n
        inner join arrival.notice_ours as o on n.place = o.place
        left join arrival.notice_buyer as b on n.place = b.place and b.position = 1
    ),
    -- What a result or a change names, by publication number or identifier. A call that names a prior information
    -- notice is no link: many calls may name the same.
    named as (
        select place, unnest(from_json(refers_to, '["VARCHAR"]')) as number from own
        where kind in ('result', 'change')
        union
        select place, supersedes as number from own where supersedes is not null
    ),
    -- Superseded notices bear the same facts about identity as any other.
    link as (
        select n.place, n.number, t.place as other
        from named as n inner join own as t on n.number = t.publication_number
        union
        select n.place, n.number, t.place as other
        from named as n inner join own as t on n.number in (t.notice_id, t.notice_id || '-' || t.version)
        where t.schema = 'eforms'
    ),
    both_ways as (select place, other from link union select other, place from link),
    by_folder as (
        select lead, folder_id, min(reference) as reference from own
        where reference is not null and folder_id is not null
        group by lead, folder_id having count(distinct reference) = 1
    ),
    by_link as (
        select b.place, min_by(t.reference, t.place) as reference, min_by(t.folder_id, t.place) as folder_id
        from both_ways as b inner join own as t on b.other = t.place
        group by b.place
    ),
    by_name as (select place, min(number) as number from named group by place),
    keyed as (
        select
            own.place,
            own.lead,
            coalesce(
                own.reference, by_folder.reference, by_link.reference, own.folder_id, by_link.folder_id,
                case when own.kind in ('result', 'change') then by_name.number end,
                own.publication_number, own.notice_id
            ) as procurement_id
        from own
        left join by_folder on own.lead = by_folder.lead and own.folder_id = by_folder.folder_id
        left join by_link on own.place = by_link.place
        left join by_name on own.place = by_name.place
    ),
    firsts as (select procurement_id, min_by(lead, place) as lead from keyed group by procurement_id)
    -- Two buyers may give their procurements the same number.
    select
        k.place,
        case
            when k.lead = f.lead or exists (
                select 1 from arrival.notice_buyer as b where b.place = k.place and b.id = f.lead
            ) then k.procurement_id
            else k.procurement_id || ' (' || k.lead || ')'
        end as procurement_id
    from keyed as k inner join firsts as f using (procurement_id)
    """,
)

# The notices of our procurements. `is_live`: not superseded; a superseded call still tells when it was announced.
_OF_PROCUREMENT: tuple[str, ...] = (
    f"""
    create or replace table arrival.notice_told as
    select
        o.procurement_id,
        n.place not in (select place from arrival.notice_superseded) as is_live,
        n.*
    from arrival.notice_every as n inner join arrival.notice_of as o using (place)
    where {_SPEAKS} and o.procurement_id in (
        select i.procurement_id from arrival.notice_of as i inner join arrival.notice_every as e using (place)
        where e.kind <> 'change'
    )
    """,
    f"""
    create or replace table arrival.notice_lot_told as
    select n.procurement_id, n.place, n.kind, n.day, n.source_file, n.source_sheet, unnest(l.entry)
    from arrival.notice_told as n,
    lateral (select unnest(from_json(n.lots, '{_LOT}')) as entry) as l
    where n.is_live
    """,
    """
    create or replace table arrival.notice_lot as
    select
        procurement_id,
        lot_id,
        max_by(title, place) as title,
        max_by(category_code, place) as category_code,
        max_by(tenders, place) as tenders_received,
        max_by(sme_tenders, place) as sme_tenders,
        case
            when bool_or(awarded) filter (where kind = 'result') then true
            when bool_or(is_closed) then false
        end as awarded,
        coalesce(bool_or(is_closed), false) as is_closed,
        max_by(reason, place) as reason,
        bool_or(is_framework) or max(ceiling) is not null as is_framework,
        max_by(struct_pack(value := ceiling, currency := currency, day := day), place)
            filter (where ceiling is not null) as ceiling,
        bool_or(reserved) as reserved,
        max_by(valid_to, place) as valid_to,
        max(concluded) as concluded,
        max(day) filter (where is_result) as result_day,
        min_by(struct_pack(file := source_file, sheet := source_sheet, path := path, line := line), place)
            as source
    from arrival.notice_lot_told
    group by procurement_id, lot_id
    """,
    f"""
    create or replace table arrival.notice_award as
    with
    told as (
        select n.procurement_id, n.place, n.kind, n.day, n.award_date, n.source_file, n.source_sheet, unnest(a.entry)
        from arrival.notice_told as n,
        lateral (select unnest(from_json(n.awards, '{_AWARD}')) as entry) as a
        where n.is_live
    ),
    counted as (
        select *, count(distinct lot_id) over (partition by place, tender) as lots_of_tender
        from told
        where kind = 'result' or concluded is not null
    )
    -- A framework lot is one contract with all its suppliers, because they share its ceiling.
    select
        c.* exclude (value),
        case when c.lots_of_tender = 1 then c.value end as value,
        'ANN-' || c.procurement_id || '-' || case
            when coalesce(l.is_framework, false) then c.lot_id
            else coalesce(nullif(c.contract, ''), nullif(c.lot_id, ''), c.tender)
        end as contract_id
    from counted as c
    left join arrival.notice_lot as l on c.procurement_id = l.procurement_id and c.lot_id = l.lot_id
    """,
    f"""
    create or replace table arrival.notice_procurement as
    with
    lots as (
        select
            procurement_id,
            bool_or(awarded) as is_awarded,
            bool_and(is_closed) as is_closed,
            bool_or(reserved) as reserved,
            max(concluded) as concluded,
            max(result_day) as result_day,
            string_agg(distinct {_REASON}, '; ' order by {_REASON}) filter (where is_closed) as reasons
        from arrival.notice_lot
        group by procurement_id
    ),
    awards as (
        select
            procurement_id, max(concluded) as concluded, max(coalesce(decided, award_date)) as decided,
            max(day) as day, bool_or(kind = 'result') as has_result
        from arrival.notice_award
        group by procurement_id
    ),
    told as (
        select
            procurement_id,
            max_by(title, place) filter (where is_live) as title,
            max_by(category_code, place) filter (where is_live) as category_code,
            max_by(procedure, place) filter (where is_live) as procedure,
            max_by(works, place) filter (where is_live) as works,
            max_by(above_threshold, place) filter (where is_live) as above_threshold,
            min(day) filter (where kind = 'competition') as announced_date,
            max_by(tender_deadline, place) filter (where is_live) as tender_deadline,
            max(award_date) filter (where is_live) as award_date,
            bool_and(participants_complete) filter (where is_live) as participants_complete,
            bool_or(new_solution) filter (where is_live) as new_solution,
            max_by(review_outcome, place) filter (where is_live) as review_outcome,
            max_by(
                struct_pack(value := estimated_value, currency := estimated_currency, day := day), place
            ) filter (where is_live and estimated_value is not null) as estimate,
            min(day) filter (where is_live and is_cancellation) as taken_back,
            min_by(struct_pack(file := source_file, sheet := source_sheet, row := source_row), place)
                filter (where is_live and kind <> 'change') as source
        from arrival.notice_told
        group by procurement_id
    ),
    ended as (
        select
            t.* exclude (award_date),
            l.reserved,
            l.reasons,
            coalesce(a.decided, t.award_date) as award_date,
            case
                when coalesce(l.is_awarded, false) or coalesce(a.has_result, false) or a.concluded is not null
                    then coalesce(a.concluded, l.concluded, a.decided, t.award_date, l.result_day, a.day)
            end as completed_date,
            case when l.is_closed and not coalesce(l.is_awarded, false) then l.result_day end as closed_date,
            coalesce(l.result_day, a.day) as result_day
        from told as t
        left join lots as l using (procurement_id)
        left join awards as a using (procurement_id)
        where t.source is not null
    ),
    -- A day of completion before the announcement is a slip: the day of the result notice stands in.
    dated as (
        select
            * exclude (completed_date),
            case when completed_date < announced_date then result_day else completed_date end as completed_date
        from ended
    )
    select
        procurement_id,
        title,
        category_code,
        coalesce(procedure, 'unknown') as procedure,
        coalesce(works, false) as works,
        above_threshold,
        announced_date,
        case
            when tender_deadline >= coalesce(announced_date, tender_deadline)
                and tender_deadline <= coalesce(completed_date, tender_deadline) then tender_deadline
        end as tender_deadline,
        case
            when award_date >= coalesce(announced_date, award_date)
                and award_date >= coalesce(tender_deadline, award_date)
                and award_date <= coalesce(completed_date, award_date) then award_date
        end as award_date,
        completed_date,
        case when completed_date is null then coalesce(taken_back, closed_date) end as cancelled_date,
        case
            when completed_date is not null then null
            when taken_back is not null then '{_TAKEN_BACK}'
            when closed_date is not null then coalesce(reasons, '{_REASONS["other"]}')
        end as cancellation_reason,
        participants_complete,
        reserved,
        new_solution,
        review_outcome,
        {_sek("d.estimate.value", "d.estimate.currency", "d.estimate.day")} as estimated_value,
        source
    from dated as d
    """,
    f"""
    create or replace table arrival.notice_tender as
    with told as (
        select n.procurement_id, n.place, n.day, n.source_file, n.source_sheet, unnest(t.entry)
        from arrival.notice_told as n,
        lateral (select unnest(from_json(n.tenders, '{_TENDER}')) as entry) as t
        where n.is_live and n.kind = 'result'
    )
    select * from told
    qualify place = max(place) over (partition by procurement_id, lot_id)
    """,
)

_CANDIDATES = """
select
    n.procurement_id as own_id,
    max_by(n.title, n.place) as title,
    min(n.day) filter (where n.kind = 'competition') as announced_date,
    max(n.award_date) as decided_date,
    list_distinct(flatten(list(b.ids))) as buyers
from (
    select o.procurement_id, e.* from arrival.notice_every as e inner join arrival.notice_of as o using (place)
) as n
inner join (
    select b.place, list(b.id order by b.position) as ids from arrival.notice_buyer as b group by b.place
) as b using (place)
group by n.procurement_id
"""

_IDENTITY: tuple[str, ...] = (
    *same.statements("notice", _CANDIDATES),
    same.renamed("notice", "arrival.notice_of"),
    *_OF_PROCUREMENT,
    "insert into arrival.procurement_buyers "
    "select distinct o.procurement_id, b.id "
    "from arrival.notice_of as o inner join arrival.notice_buyer as b using (place)",
)

# -- the rows ---------------------------------------------------------------------------------------------

_NOTICE = "source.file as source_file, source.sheet as source_sheet, source.row as source_row"


def _element(file: str, sheet: str, path: str, line: str) -> str:
    """Where an element stands: the notice's file, its document in a zip with its XPath, and its line."""
    return f"{file} as source_file, concat_ws('#', {sheet}, {path}) as source_sheet, {line} as source_row"


def _first_element(alias: str = "") -> str:
    """Where the first of several elements stands."""
    first = (
        f"min_by({alias}{name}, {alias}place)" for name in ("source_file", "source_sheet", "path", "line")
    )
    return _element(*first)


_UNIT = """
left join (
    select orgnr, unit_id from delivered.organisations
    where orgnr is not null
    qualify row_number() over (
        partition by orgnr order by coalesce(kind in ('municipality', 'region'), false) desc, unit_id
    ) = 1
) as unit on b.id = unit.orgnr
"""

DERIVED = {
    "organisations": Derived(
        whole=("unit_id",),
        before=_BUYERS,
        query="""
        select
            b.id as unit_id,
            max_by(b.name, b.place) as unit_name,
            max_by(b.orgnr, b.place) as orgnr,
            coalesce(min(m.member_code), b.id) as member_code,
            case left(b.id, 6)
                when '212000' then 'municipality' when '232100' then 'region' when '222000' then 'federation'
            end as kind,
            min_by(n.source_file, n.place) as source_file,
            min_by(n.source_sheet, n.place) as source_sheet,
            min_by(n.source_row, n.place) as source_row
        from arrival.notice_buyer as b
        inner join arrival.notice_ours as o using (place)
        inner join arrival.notice_every as n using (place)
        left join run.members as m on regexp_replace(m.member_code, '[^0-9A-Za-z]', '', 'g') = b.id
        where
            n.kind <> 'change'
            and n.place not in (select place from arrival.notice_superseded)
            and b.id not in (
                select o.orgnr from delivered.organisations as o where o.orgnr is not null
            )
        group by b.id
        """,
    ),
    "procurements": Derived(
        whole=("procurement_id",),
        before=_IDENTITY,
        fills=(
            "title",
            "procedure",
            "works",
            "above_threshold",
            "announced_date",
            "tender_deadline",
            "award_date",
            "completed_date",
            "cancelled_date",
            "cancellation_reason",
            "reserved",
            "new_solution",
            "review_outcome",
            "estimated_value",
        ),
        query=f"select * exclude (source), {_NOTICE} from arrival.notice_procurement",
    ),
    "participants": Derived(
        whole=("procurement_id",),
        query=f"""
        select
            o.procurement_id,
            coalesce(unit.unit_id, b.id) as unit_id,
            min_by(n.source_file, n.place) as source_file,
            min_by(n.source_sheet, n.place) as source_sheet,
            min_by(n.source_row, n.place) as source_row
        from arrival.notice_of as o
        inner join arrival.notice_told as n using (place)
        inner join arrival.notice_buyer as b using (place)
        {_UNIT}
        where n.is_live and n.kind <> 'change'
        group by o.procurement_id, coalesce(unit.unit_id, b.id)
        """,
    ),
    "lots": Derived(
        whole=("procurement_id",),
        fills=("title", "tenders_received", "sme_tenders", "awarded", "contract_value"),
        query=f"""
        with
        tender_values as (
            select distinct a.procurement_id, a.lot_id, a.place, a.tender,
                {_sek("a.value", "a.currency", "a.day")} as value
            from arrival.notice_award as a
        ),
        contracted as (
            select procurement_id, lot_id, case when bool_and(value is not null) then sum(value) end as value
            from tender_values
            group by procurement_id, lot_id
        )
        select
            l.procurement_id,
            l.lot_id,
            l.title,
            l.category_code,
            l.tenders_received,
            l.sme_tenders,
            l.awarded,
            c.value as contract_value,
            {_element("l.source.file", "l.source.sheet", "l.source.path", "l.source.line")}
        from arrival.notice_lot as l
        left join contracted as c on l.procurement_id = c.procurement_id and l.lot_id = c.lot_id
        """,
    ),
    # Suppliers are decided before procurements, so they are taken from the notices themselves.
    "suppliers": Derived(
        whole=("supplier_id",),
        query=f"""
        select
            supplier_id,
            max_by(supplier_name, place) as supplier_name,
            {_first_element()}
        from (
            select n.place, n.kind, n.source_file, n.source_sheet, e.entry.supplier_id, e.entry.supplier_name,
                e.entry.path, e.entry.line, e.entry.concluded
            from arrival.notice_every as n,
            lateral (select unnest(from_json(n.awards, '{_AWARD}')) as entry) as e
            union all
            select n.place, n.kind, n.source_file, n.source_sheet, e.entry.supplier_id, e.entry.supplier_name,
                e.entry.path, e.entry.line, null
            from arrival.notice_every as n,
            lateral (select unnest(from_json(n.tenders, '{_TENDER}')) as entry) as e
        )
        where
            (kind = 'result' or concluded is not null)
            and place in (select place from arrival.notice_ours)
            and place not in (select place from arrival.notice_superseded)
        group by supplier_id
        """,
    ),
    # The bids of a procurement are known when every tender of every lot is listed; else the lots' counts stand.
    "bids": Derived(
        whole=("procurement_id",),
        query=f"""
        select
            t.procurement_id,
            t.lot_id,
            t.bidder_id,
            t.supplier_id,
            any_value({_sek("t.price", "t.currency", "t.day")}) as bid_price,
            case when bool_or(t.winner) then 'qualified' else 'submitted' end as status,
            bool_or(t.winner) as winner,
            {_element("min(t.source_file)", "min(t.source_sheet)", "min(t.path)", "min(t.line)")}
        from arrival.notice_tender as t
        where not exists (
            select 1 from arrival.notice_lot as l
            where
                l.procurement_id = t.procurement_id
                and not exists (
                    select 1 from arrival.notice_tender as k
                    where k.procurement_id = l.procurement_id and k.lot_id = l.lot_id
                )
        )
        group by t.procurement_id, t.lot_id, t.bidder_id, t.supplier_id
        """,
    ),
    # A register of requirements says what was set: where it has none for a procurement of the board's own, none was.
    "requirements": Derived(
        whole=("procurement_id",),
        query=f"""
        select
            l.procurement_id,
            l.area,
            'base' as level,
            {_first_element("l.")}
        from (select *, unnest(areas) as area from arrival.notice_lot_told) as l
        where not exists (
            select 1 from delivered.procurements as p
            where
                p.procurement_id = l.procurement_id and p.origin = 'register'
                and exists (select 1 from delivered.requirements as q where q.origin = 'register')
        )
        group by l.procurement_id, l.area
        """,
    ),
    "contracts": Derived(
        whole=("procurement_id",),
        query=f"""
        with dated as (
            select
                a.*,
                coalesce(a.concluded, a.decided, a.award_date, a.day) as valid_from,
                l.valid_to,
                coalesce(l.category_code, p.category_code) as category_code,
                p.title,
                {_sek("l.ceiling.value", "l.ceiling.currency", "l.ceiling.day")} as ceiling_value,
                coalesce(l.is_framework, false) as is_framework
            from arrival.notice_award as a
            inner join arrival.notice_procurement as p using (procurement_id)
            left join arrival.notice_lot as l on a.procurement_id = l.procurement_id and a.lot_id = l.lot_id
        )
        select
            contract_id,
            supplier_id,
            min(procurement_id) as procurement_id,
            min(title) as title,
            min_by(category_code, lot_id) as category_code,
            min(concluded) as signed_date,
            min(valid_from) as valid_from,
            case when max(valid_to) >= min(valid_from) then max(valid_to) end as valid_to,
            case when bool_and(is_framework) then max(ceiling_value) end as ceiling_value,
            {_first_element()}
        from dated
        group by contract_id, supplier_id
        """,
    ),
}

_IN_OTHER_MONEY = f"""
select source_file, count(*) from (
    select n.source_file, n.day, n.estimated_value as value, n.estimated_currency as currency
    from arrival.notice_told as n where n.is_live
    union all
    select a.source_file, a.day, a.value, a.currency from arrival.notice_award as a
    union all
    select l.source_file, l.day, l.ceiling, l.currency from arrival.notice_lot_told as l
) as m
where m.value is not null and {_sek("m.value", "m.currency", "m.day")} is null
group by all order by all
"""

NOTES: tuple[Note, ...] = (
    Note(
        rule="dates_derived",
        message="notices.dates_derived",
        column="concluded",
        query="select source_file, count(distinct contract_id) from arrival.notice_award "
        "where concluded is null group by all order by all",
    ),
    Note(
        rule="other_buyers",
        message="notices.other_buyers",
        column="buyer",
        query="select n.source_file, count(*) from arrival.notice_every as n "
        "where n.kind in ('competition', 'result', 'award_pre') "
        "and n.place not in (select place from arrival.notice_ours) group by all order by all",
    ),
    Note(
        rule="no_rate",
        message="notices.no_rate",
        column="estimated_currency",
        query=_IN_OTHER_MONEY,
    ),
)
