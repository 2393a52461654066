with days as (
    select
        days.creator_id,
        count(*) filter (where days.active_student_count > 0) as active_day_90d_count,
        count(*) filter (where days.active_student_count > 0 and days.activity_on > overview.today_on - 7) as active_day_7d_count,
        sum(days.watch_seconds) filter (where days.activity_on > overview.today_on - 30) as watch_30d_seconds,
        sum(days.completion_count) filter (where days.activity_on > overview.today_on - 30) as completion_30d_count,
        sum(days.active_student_count) filter (where days.activity_on > overview.today_on - 30) as student_day_30d_count
    from {{ ref('creator_overview') }} as overview
    inner join {{ ref('daily_activity') }} as days on overview.creator_id = days.creator_id and days.activity_on > overview.today_on - 90
    where {{ gate('creator_overview', 'overview.creator_id') }}
    group by days.creator_id
),

hours as (
    select
        creator_id,
        hour_no,
        sum(student_hour_count) as student_hour_count
    from {{ ref('hourly_activity') }}
    where {{ gate('creator_overview', 'creator_id') }}
    group by creator_id, hour_no
),

busiest as (
    select
        creator_id,
        max(student_hour_count) as student_hour_count
    from hours
    group by creator_id
)

select overview.creator_id
from {{ ref('creator_overview') }} as overview
left join days on overview.creator_id = days.creator_id
left join busiest on overview.creator_id = busiest.creator_id
left join hours on overview.creator_id = hours.creator_id and overview.peak_hour_no = hours.hour_no
where
    {{ gate('creator_overview', 'overview.creator_id') }}
    and (
        overview.active_day_90d_count <> coalesce(days.active_day_90d_count, 0)
        or overview.active_day_7d_count <> coalesce(days.active_day_7d_count, 0)
        or overview.watch_30d_seconds <> coalesce(days.watch_30d_seconds, 0)
        or overview.completion_30d_count <> coalesce(days.completion_30d_count, 0)
        or overview.avg_daily_active_30d <> round(coalesce(days.student_day_30d_count, 0)::numeric / 30, 2)
        or coalesce(busiest.student_hour_count, 0) <> coalesce(hours.student_hour_count, 0)
    )
