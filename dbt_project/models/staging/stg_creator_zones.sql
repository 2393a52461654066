select
    creator_id,
    timezone,
    valid_from,
    coalesce(lead(valid_from) over (partition by creator_id order by valid_from), timestamptz 'infinity') as valid_until
from {{ source('ledger', 'creator_zones') }}
