select
    creator_id,
    count(*) as hour_count,
    sum(share_rate) as share_sum
from {{ ref('hourly_activity') }}
where {{ gate('hourly_activity', 'creator_id') }}
group by creator_id
having count(*) <> 168 or abs(sum(share_rate) - 1) > 0.0084
