with days as (
    select
        creator_id,
        student_id,
        activity_on,
        is_joined,
        last_activity_at is not null as is_active
    from {{ ref('int_student_days') }}
    where {{ touched('student_id') }}
    union all
    select
        creator_id,
        student_id,
        activity_on,
        false as is_joined,
        true as is_active
    from {{ ref('int_watch_days') }}
    where {{ touched('student_id') }}
)

select
    creator_id,
    student_id,
    date_trunc('month', activity_on)::date as month_on,
    bool_or(is_joined) as is_joined,
    bool_or(is_active) as is_active
from days
where {{ touched('student_id', "date_trunc('month', activity_on)::date") }}
group by creator_id, student_id, date_trunc('month', activity_on)::date
