-- The middle positions lie in one or two sixteenths of a video; only viewers who stopped there are read.
with videos as (
    select
        creator_id,
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
        creator_id,
        video_id,
        duration_seconds,
        lower_rank,
        upper_rank,
        coalesce(max(count_through) filter (where count_through < lower_rank), 0) as count_before,
        min(sixteenth) filter (where count_through >= lower_rank) as first_sixteenth,
        min(sixteenth) filter (where count_through >= upper_rank) as last_sixteenth
    from counted
    group by creator_id, video_id, duration_seconds, lower_rank, upper_rank
),

-- Bounds for the index; the sixteenth itself is looked at below.
bounded as (
    select
        *,
        coalesce((first_sixteenth - 1) * duration_seconds / 16, 0) as from_second,
        case when last_sixteenth < 16 and duration_seconds > 0 then last_sixteenth * duration_seconds / 16 + 1 else 2147483647 end as to_second
    from middles
),

-- Who stopped there: the row says it, and is not looked up again among all totals.
settled as (
    select
        bounded.*,
        progress.last_position_seconds
    from bounded
    inner join {{ ref('stg_video_progress') }} as progress
        on
            bounded.video_id = progress.video_id
            and bounded.from_second <= progress.last_position_seconds
            and bounded.to_second >= progress.last_position_seconds
    inner join {{ ref('stg_students') }} as students on progress.student_id = students.student_id and students.joined_at <= {{ as_of() }}
    where
        not progress.is_completed
        and (progress.watch_seconds > 0 or progress.completion_percentage > 0)
        and progress.observed_at <= {{ as_of() }}
        -- As a case it tells the planner nothing (see int_watch_totals).
        and case when students.creator_id = bounded.creator_id then true end
),

-- A row whose newest state is later than as_of may have been anywhere before.
moved_on as (
    select
        bounded.*,
        totals.last_position_seconds
    from {{ ref('stg_video_progress') }} as progress
    inner join bounded on progress.video_id = bounded.video_id
    inner join {{ ref('int_watch_totals') }} as totals on progress.student_id = totals.student_id and progress.video_id = totals.video_id
    where
        progress.observed_at > {{ as_of() }}
        and not totals.is_completed
        and (totals.watch_seconds > 0 or totals.completion_percentage > 0)
),

positions as (
    select
        video_id,
        lower_rank,
        upper_rank,
        last_position_seconds,
        count_before + row_number() over (partition by video_id order by last_position_seconds) as position_rank
    from (
        select * from settled
        union all
        select * from moved_on
    ) as stopped
    where ops.sixteenth(last_position_seconds, duration_seconds) between first_sixteenth and last_sixteenth
)

select
    video_id,
    avg(last_position_seconds)::numeric(12, 2) as drop_off_second
from positions
where position_rank in (lower_rank, upper_rank)
group by video_id
