"""When two sources describe one procurement: the same reference number, or the same buyer, title and date.

Statements that put the number which is already delivered in place of a format's own, so that the rows that follow meet
the delivered ones and nothing is counted twice. What does not belong here: which of two values stands (reconcile).
"""

from __future__ import annotations

FOLDED = "regexp_replace(lower({}), '[^a-z0-9åäöéü]', '', 'g')"
"""A title or a number without case, blanks and signs."""


def statements(name: str, candidates: str) -> tuple[str, ...]:
    """Make `arrival.<name>_same(own_id, procurement_id)` from a query that gives own_id, title, announced_date,
    decided_date and buyers (a list of unit ids and organisation numbers).

    A delivered procurement is the same where its number is, and its buyer, where one is known, is among the buyers; or
    where title and day agree and a known buyer does. The day is that of the announcement, or where either has none,
    that of the decision. What fits several fits none.
    """
    title, number = FOLDED.format("{0}.title"), FOLDED.format("{0}.{1}")
    return (
        f"create or replace table arrival.{name}_candidate as {candidates}",
        f"""
        create or replace table arrival.{name}_same as
        with
        buyers as (
            select b.procurement_id, list(distinct b.buyer) as buyers
            from arrival.procurement_buyers as b group by b.procurement_id
        ),
        delivered_ones as (
            select p.*, b.buyers, coalesce(p.completed_date, p.award_date) as decided_date
            from delivered.procurements as p left join buyers as b using (procurement_id)
        ),
        by_number as (
            select c.own_id, d.procurement_id
            from arrival.{name}_candidate as c
            inner join delivered_ones as d
                on {number.format("c", "own_id")} = {number.format("d", "procurement_id")}
            where d.buyers is null or list_has_any(d.buyers, c.buyers)
        ),
        by_title as (
            select c.own_id, d.procurement_id
            from arrival.{name}_candidate as c
            inner join delivered_ones as d on {title.format("c")} = {title.format("d")}
            where
                c.own_id not in (select own_id from by_number)
                and list_has_any(d.buyers, c.buyers)
                and (
                    c.announced_date = d.announced_date
                    or (
                        (c.announced_date is null or d.announced_date is null)
                        and c.decided_date = d.decided_date
                    )
                )
        ),
        found as (
            select * from by_number
            union all
            select * from by_title where procurement_id not in (select procurement_id from by_number)
        )
        select own_id, procurement_id from found
        qualify count(*) over (partition by own_id) = 1 and count(*) over (partition by procurement_id) = 1
        """,
        # A number that is somebody else's: the same sign on another buyer's procurement.
        f"""
        insert into arrival.{name}_same
        select c.own_id, c.own_id || ' (' || c.buyers[1] || ')'
        from arrival.{name}_candidate as c
        where
            c.own_id not in (select own_id from arrival.{name}_same)
            and c.own_id in (select procurement_id from delivered.procurements)
        """,
    )


def renamed(name: str, table: str) -> str:
    """Let a table of the format speak of the delivered procurements."""
    return (
        f"update {table} as t set procurement_id = s.procurement_id "
        f"from arrival.{name}_same as s where t.procurement_id = s.own_id"
    )
