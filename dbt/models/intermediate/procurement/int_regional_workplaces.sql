with

workplaces as (
    select * from {{ ref('stg_workplaces') }}
),

region as (
    select * from {{ source('run', 'region') }}
)

select distinct
    workplaces.supplier_id,
    workplaces.municipality_code,
    coalesce(workplaces.valid_from, date '0001-01-01') as valid_from,
    coalesce(workplaces.valid_to, date '9999-12-31') as valid_to
from workplaces
inner join region
    on
        (region.kind = 'county' and left(workplaces.municipality_code, 2) = region.code)
        or (region.kind = 'municipality' and workplaces.municipality_code = region.code)
