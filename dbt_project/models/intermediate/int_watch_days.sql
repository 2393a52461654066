{{ config(materialized='view') }}

select
    creator_id,
    student_id,
    video_id,
    seen_on as activity_on,
    is_watched,
    seen_at as last_watched_at
from {{ ref('int_progress_owned') }}
