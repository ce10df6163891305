"""A notebook for analysts: a figure over time, the ladder of purchases, and the records behind.

    marimo edit docs/notebook/marts.py -- --data data

What belongs here: reading the marts of the release in force. What does not: any figure's arithmetic. Run as a script
it does the same without a browser, and stops where a query or a sum does not hold.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Måttstock")


@app.cell
def _():
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    return Path, alt, duckdb, mo


@app.cell
def _(Path, duckdb, mo):
    data = Path(mo.cli_args().get("data") or "data")
    # Through the link, read-only: this connection keeps the release that it opened.
    release = duckdb.connect(str(data / "marts" / "current" / "procurement.duckdb"), read_only=True)
    [(release_id, as_of)] = release.execute(
        "select release_id, as_of from releases where is_current"
    ).fetchall()
    mo.md(f"# Måttstock\n\nRelease `{release_id}`, as of {as_of}. Everything below is read from its marts.")
    return as_of, release, release_id


@app.cell
def _(mo, release):
    catalogue = release.sql(
        "select name_sv, kpi_id from kpi_catalogue where is_live and aggregation = 'ratio' order by position"
    ).fetchall()
    members = release.sql("select coalesce(member_name, member_code), member_code from dim_member").fetchall()
    indicator = mo.ui.dropdown(dict(catalogue), value=catalogue[0][0], label="Indicator")
    member = mo.ui.dropdown({"All members": "ALL", **dict(members)}, value="All members", label="Member")
    mo.hstack([indicator, member], justify="start")
    return indicator, member


@app.cell
def _(indicator, member, mo, release):
    # Twelve months at a time, so that a line shows neither seasons nor the year's beginning.
    trend = release.sql(
        """
        select figures.period_end, figures.actual, figures.target, figures.numerator, figures.denominator,
            figures.coverage, breaks.kpi_id is not null as is_target_changed
        from kpi_values as figures
        left join kpi_breaks as breaks
            on figures.kpi_id = breaks.kpi_id and figures.period_type = breaks.period_type
            and figures.period = breaks.period and figures.member_code = breaks.member_code
            and breaks.is_target_changed
        where figures.kpi_id = $kpi_id and figures.member_code = $member and figures.category_group = 'ALL'
            and figures.period_type = 'r12' and figures.actual is not null
        order by figures.period_end
        """,
        params={"kpi_id": indicator.value, "member": member.value},
    ).pl()
    mo.md("## Over time")
    return (trend,)


@app.cell
def _(alt, indicator, mo, trend):
    x = alt.X("period_end:T", title="Twelve months up to")
    drawn = alt.layer(
        alt.Chart(trend)
        .mark_line(point=True, color="#1f4e79")
        .encode(x, alt.Y("actual:Q", title=indicator.value)),
        alt.Chart(trend.drop_nulls("target"))
        .mark_line(strokeDash=[4, 3], interpolate="step-after", color="#555555")
        .encode(x, alt.Y("target:Q")),
    ).properties(width=640, height=260)
    mo.vstack(
        [drawn, mo.md("Dashed: the target. Where its level changed, draw no conclusion across the step.")]
    )
    return


@app.cell
def _(member, mo, release):
    ladder = release.sql(
        """
        with years as (
            select period from dim_period where period_type = 'year' and is_ended order by period desc limit 1
        )
        unpivot (
            select on_contract_amount, over_ceiling_amount, wild_amount, uncovered_amount, unclassified_amount,
                excluded_amount
            from off_contract_rates
            where period in (select period from years) and member_code = $member and category_group = 'ALL'
                and supplier_id = 'ALL'
        ) on columns(*) into name class value amount
        """,
        params={"member": member.value},
    ).pl()
    mo.md("## The ladder of purchases, the last whole year")
    return (ladder,)


@app.cell
def _(alt, ladder, mo):
    bars = (
        alt.Chart(ladder.cast({"amount": float}))
        .mark_bar(color="#1f4e79")
        .encode(alt.X("amount:Q", title="SEK net of VAT"), alt.Y("class:N", sort=None, title=None))
        .properties(width=560, height=200)
    )
    mo.vstack([bars, mo.ui.table(ladder)])
    return


@app.cell
def _(indicator, member, mo, release):
    records = release.sql(
        """
        select evidence.record_id, evidence.event_date, evidence.numerator, evidence.denominator,
            evidence.exclusion, evidence.source_file, evidence.source_row
        from kpi_evidence as evidence
        where evidence.kpi_id = $kpi_id and evidence.member_code = $member
            and evidence.event_date between (
                select max(period_start) from dim_period where period_type = 'year' and is_ended
            ) and (select max(period_end) from dim_period where period_type = 'year' and is_ended)
        order by evidence.event_date, evidence.record_id, evidence.source_row
        """,
        params={"kpi_id": indicator.value, "member": member.value},
    ).pl()
    mo.vstack([mo.md("## The records behind, the last whole year"), mo.ui.table(records, page_size=20)])
    return (records,)


@app.cell
def _(indicator, member, mo, records, release):
    import polars as pl

    counted = records.filter(pl.col("exclusion").is_null())
    [(rule, value)] = release.execute(
        "select period_rule, actual from kpi_values join kpi_catalogue using (kpi_id) where kpi_id = ? "
        "and member_code = ? and category_group = 'ALL' and period_type = 'year' and period = ("
        "select max(period) from dim_period where period_type = 'year' and is_ended)",
        [indicator.value, member.value],
    ).fetchall()
    summed = float(counted["numerator"].sum()) / float(counted["denominator"].sum()) if len(counted) else None
    # Five indicators are states or means, and follow a rule of their own (docs/analysts.md).
    if rule is None and summed != value:
        raise ValueError(f"the records give {summed}, the mart {value}")
    mo.md(f"{len(counted)} records count, {len(records) - len(counted)} do not. They give **{summed}**.")
    return (summed,)


if __name__ == "__main__":
    app.run()
