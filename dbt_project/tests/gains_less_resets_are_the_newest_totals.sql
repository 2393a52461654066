with booked as (
    select
        creator_id,
        student_id,
        video_id,
        sum(seconds_gained) - sum(reset_seconds) as watch_seconds,
        sum(completion_gained) - sum(reset_completion) as completion_percentage,
        max(best_completion_percentage) as best_completion_percentage,
        max(booked_no) as booked_no,
        count(*) as row_count,
        count(*) filter (where is_first_view) as first_view_count
    from {{ ref('stg_watch_gains') }}
    group by creator_id, student_id, video_id
)

select
    booked.creator_id,
    progress.student_id,
    progress.video_id
from {{ ref('stg_video_progress') }} as progress
left join booked on progress.student_id = booked.student_id and progress.video_id = booked.video_id
where
    booked.watch_seconds is distinct from progress.watch_seconds
    or booked.completion_percentage is distinct from progress.completion_percentage
    or booked.best_completion_percentage is distinct from progress.best_completion_percentage
    or booked.booked_no is distinct from progress.booked_no
    or booked.row_count is distinct from progress.booked_no
    or booked.first_view_count > 1
