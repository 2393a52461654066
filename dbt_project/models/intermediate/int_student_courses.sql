{%- set no_course -%} '00000000-0000-0000-0000-000000000000'::uuid {%- endset -%}

-- When the student first watched and first finished each video, by the ledger.
with milestones as (
    select
        student_id,
        video_id,
        min(observed_at) filter (where is_first_view) as first_viewed_at,
        min(observed_at) filter (where is_completed_now) as completed_at,
        bool_or(is_opening) as is_opening
    from {{ ref('stg_watch_gains') }}
    where (is_first_view or is_completed_now) and observed_at <= {{ as_of() }} and {{ touched('student_id') }}
    group by student_id, video_id
),

places as (
    select
        places.creator_id,
        places.student_id,
        coalesce(places.course_id, {{ no_course }}) as course_id,
        count(*) as watched_video_count,
        count(*) filter (where places.is_completed) as completed_video_count,
        sum(places.completion_percentage) as completion_percentage_sum,
        (array_agg(places.video_id order by places.observed_at desc, places.video_id asc))[1] as last_video_id,
        max(places.observed_at) as last_watched_at,
        min(milestones.first_viewed_at) as started_at,
        max(milestones.completed_at) as finished_at,
        bool_or(milestones.is_opening) as is_opening
    from {{ ref('int_watch_totals') }} as places
    left join milestones on places.student_id = milestones.student_id and places.video_id = milestones.video_id
    where
        (places.watch_seconds > 0 or places.completion_percentage > 0)
        and {{ touched('places.student_id') }}
    group by places.creator_id, places.student_id, coalesce(places.course_id, {{ no_course }})
)

select
    places.creator_id,
    places.student_id,
    places.course_id,
    places.watched_video_count::integer as watched_video_count,
    places.completed_video_count::integer as completed_video_count,
    places.completion_percentage_sum::bigint as completion_percentage_sum,
    places.started_at,
    case
        when places.course_id <> {{ no_course }} and not places.is_opening
            then (places.finished_at at time zone finishing.timezone)::date - (places.started_at at time zone starting.timezone)::date
    end as day_count,
    places.last_video_id,
    places.last_watched_at
from places
left join {{ ref('stg_creator_zones') }} as starting
    on places.creator_id = starting.creator_id and places.started_at >= starting.valid_from and places.started_at < starting.valid_until
left join {{ ref('stg_creator_zones') }} as finishing
    on places.creator_id = finishing.creator_id and places.finished_at >= finishing.valid_from and places.finished_at < finishing.valid_until
