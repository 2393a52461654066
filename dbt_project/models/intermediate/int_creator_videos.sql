select
    creator_id,
    count(*)::integer as video_count
from {{ ref('stg_videos') }}
where created_at <= {{ as_of() }} and {{ touched('creator_id') }}
group by creator_id
