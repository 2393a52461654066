with seen as (
    select
        creator_id,
        activity_on,
        student_id,
        watched_hours as hours
    from {{ ref('int_watch_days') }}
    where {{ touched('creator_id', 'activity_on') }}
    union all
    select
        creator_id,
        activity_on,
        student_id,
        1 << hour_no as hours
    from {{ ref('int_acting_hours') }}
    where {{ touched('creator_id', 'activity_on') }}
),

students as (
    select
        creator_id,
        activity_on,
        bit_or(hours) as hours
    from seen
    group by creator_id, activity_on, student_id
),

-- Many students have the same hours: so few rows are taken apart.
alike as (
    select
        creator_id,
        activity_on,
        hours,
        count(*) as student_count
    from students
    group by creator_id, activity_on, hours
)

select
    alike.creator_id,
    alike.activity_on,
    clock.hour_no,
    sum(alike.student_count)::integer as active_student_count
from alike
inner join generate_series(0, 23) as clock (hour_no) on (alike.hours >> clock.hour_no) & 1 = 1
group by alike.creator_id, alike.activity_on, clock.hour_no
