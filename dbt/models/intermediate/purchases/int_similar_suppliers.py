"""Which registered suppliers bear names like those that the ledger leaves unknown. The likeness itself: values/names.py.

In Python because a person's eye for names is a library (rapidfuzz) and not SQL. A pseudonym is never compared.
"""

import pyarrow as pa

from dagster_project.flow.values.names import similar

SHAPE = pa.schema(
    [
        ("alias_kind", pa.string()),
        ("alias_key", pa.string()),
        ("supplier_id", pa.string()),
        ("score", pa.float64()),
    ]
)


def model(dbt, session):
    dbt.config(materialized="table")
    suppliers = dict(
        dbt.ref("stg_suppliers")
        .filter("supplier_id not like 'PN-%' and supplier_name not like '%PN-%'")
        .project("supplier_id, supplier_name")
        .fetchall()
    )
    # The shortest spelling of a name that is the same without regard to case and spacing.
    names = (
        dbt.ref("int_supplier_spellings")
        .filter("supplier_match = 'unknown' and bare_name is not null and bare_name not like '%pn-%'")
        .aggregate("bare_name, min(supplier_name) as supplier_name")
        .fetchall()
    )
    holders = {holder for (holder,) in dbt.ref("int_contract_terms").project("supplier_id").distinct().fetchall()}
    numbers = (
        dbt.ref("int_ledger_suppliers")
        .filter("supplier_id is not null and supplier_id not like 'PN-%' and supplier_name not like '%PN-%'")
        .project("supplier_id, supplier_name")
        .distinct()
        .fetchall()
    )
    wanted = [("name", key, name) for key, name in names]
    wanted += [("orgnr", key, name) for key, name in numbers if key not in holders and key not in suppliers]
    alike = {}
    for one in similar([name for _, _, name in wanted], suppliers):
        alike.setdefault(one.name, []).append(one)
    best = {}
    for kind, key, name in wanted:
        for one in alike.get(name, ()):
            found = (kind, key, one.supplier_id)
            best[found] = max(one.score, best.get(found, 0.0))
    rows = [(*found, score) for found, score in sorted(best.items())]
    columns = list(zip(*rows, strict=True)) or [()] * len(SHAPE)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SHAPE, strict=True)], SHAPE)
