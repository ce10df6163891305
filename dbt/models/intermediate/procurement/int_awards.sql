with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

procurement_suppliers as (
    select * from {{ ref('int_procurement_suppliers') }}
),

-- A supplier is awarded a procurement once, however many contracts follow: on the day of the first signing.
first_signings as (
    select
        contracts.procurement_id,
        contracts.supplier_id,
        contracts.contract_id,
        contracts.signed_date,
        contracts.source_file,
        contracts.source_row
    from contracts
    cross join settings
    where
        contracts.procurement_id is not null
        and contracts.signed_date <= settings.as_of
    qualify row_number() over (
        partition by contracts.procurement_id, contracts.supplier_id
        order by contracts.signed_date, contracts.contract_id
    ) = 1
)

select
    first_signings.procurement_id || '|' || first_signings.supplier_id as award_record_id,
    first_signings.procurement_id,
    first_signings.supplier_id,
    first_signings.contract_id,
    first_signings.signed_date,
    procurement_suppliers.is_registered,
    procurement_suppliers.is_regional,
    first_signings.source_file,
    first_signings.source_row
from first_signings
inner join procurement_suppliers
    on
        first_signings.procurement_id = procurement_suppliers.procurement_id
        and first_signings.supplier_id = procurement_suppliers.supplier_id
