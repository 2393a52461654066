{{ config(materialized='view') }}

with zones as (
    select
        creator_id,
        (array_agg(timezone order by valid_from desc))[1] as timezone,
        -- The last day of an earlier zone counts too: after a move to the west the calendar does not go back.
        max((least({{ as_of() }}, valid_until - interval '1 microsecond') at time zone timezone)::date) as today_on
    from {{ ref('stg_creator_zones') }}
    where valid_from <= {{ as_of() }}
    group by creator_id
),

-- Days that began before the ledger was opened hold only what the source still knew of them.
openings as (
    select
        zones.creator_id,
        ((opening.opened_as_of - interval '1 microsecond') at time zone zones.timezone)::date + 1 as first_whole_on
    from {{ ref('stg_creator_zones') }} as zones
    cross join {{ ref('stg_ledger_opening') }} as opening
    where opening.opened_as_of >= zones.valid_from and opening.opened_as_of < zones.valid_until
)

select
    creators.creator_id,
    creators.company_name,
    creators.current_plan,
    creators.plan_expires_at,
    zones.timezone,
    zones.today_on,
    openings.first_whole_on,
    creators.created_at <= {{ as_of() }} as is_created
from {{ ref('stg_creators') }} as creators
inner join zones on creators.creator_id = zones.creator_id
left join openings on creators.creator_id = openings.creator_id
