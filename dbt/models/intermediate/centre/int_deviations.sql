with

deviations as (
    select * from {{ ref('stg_deviations') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    deviations.deviation_id,
    deviations.deviation_date,
    deviations.governing_document,
    deviations.material,
    deviations.source_file,
    deviations.source_row
from deviations
cross join settings
where deviations.deviation_date <= settings.as_of
