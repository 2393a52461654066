-- The middle positions lie in one or two sixteenths of a video; only viewers who stopped there are read.
with videos as (
    select
        video_id,
        duration_seconds,
        unfinished_position_counts,
        (viewer_count - completion_count + 1) / 2 as lower_rank,
        (viewer_count - completion_count) / 2 + 1 as upper_rank
    from {{ ref('int_video_progress') }}
    where viewer_count > completion_count and {{ touched('video_id') }}
),

counted as (
    select
        videos.*,
        sixteenths.sixteenth,
        sum(sixteenths.viewer_count) over (partition by videos.video_id order by sixteenths.sixteenth) as count_through
    from videos
    cross join lateral unnest(videos.unfinished_position_counts) with ordinality as sixteenths (viewer_count, sixteenth)
),

middles as (
    select
        video_id,
        duration_seconds,
        lower_rank,
        upper_rank,
        coalesce(max(count_through) filter (where count_through < lower_rank), 0) as count_before,
        min(sixteenth) filter (where count_through >= lower_rank) as first_sixteenth,
        min(sixteenth) filter (where count_through >= upper_rank) as last_sixteenth
    from counted
    group by video_id, duration_seconds, lower_rank, upper_rank
),

-- Bounds for the index; the sixteenth itself is looked at below.
bounded as (
    select
        *,
        coalesce((first_sixteenth - 1) * duration_seconds / 16, 0) as from_second,
        case when last_sixteenth < 16 and duration_seconds > 0 then last_sixteenth * duration_seconds / 16 + 1 else 2147483647 end as to_second
    from middles
),

-- A row whose newest state is later than as_of may have been anywhere before. What is known of the video comes along, so that nobody looks it up again.
candidates as (
    select
        progress.student_id,
        bounded.*
    from bounded
    inner join {{ ref('stg_video_progress') }} as progress
        on
            bounded.video_id = progress.video_id
            and bounded.from_second <= progress.last_position_seconds
            and bounded.to_second >= progress.last_position_seconds
    where not progress.is_completed and progress.observed_at <= {{ as_of() }}
    union all
    select
        progress.student_id,
        bounded.*
    from {{ ref('stg_video_progress') }} as progress
    inner join bounded on progress.video_id = bounded.video_id
    where progress.observed_at > {{ as_of() }}
),

positions as (
    select
        candidates.video_id,
        candidates.lower_rank,
        candidates.upper_rank,
        totals.last_position_seconds,
        candidates.count_before + row_number() over (partition by candidates.video_id order by totals.last_position_seconds) as position_rank
    from candidates
    inner join {{ ref('int_watch_totals') }} as totals on candidates.student_id = totals.student_id and candidates.video_id = totals.video_id
    where
        not totals.is_completed
        and (totals.watch_seconds > 0 or totals.completion_percentage > 0)
        and ops.sixteenth(totals.last_position_seconds, candidates.duration_seconds) between candidates.first_sixteenth and candidates.last_sixteenth
)

select
    video_id,
    avg(last_position_seconds)::numeric(12, 2) as drop_off_second
from positions
where position_rank in (lower_rank, upper_rank)
group by video_id
