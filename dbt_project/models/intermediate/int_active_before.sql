with creators as (
    select * from {{ ref('int_creators') }}
    where {{ touched('creator_id') }}
),

active as (
    select
        creators.creator_id,
        days.student_id
    from creators
    inner join {{ ref('int_student_days') }} as days
        on creators.creator_id = days.creator_id and days.activity_on between creators.today_on - 59 and creators.today_on - 30
    where days.last_activity_at is not null
    union
    select
        creators.creator_id,
        days.student_id
    from creators
    inner join {{ ref('int_watch_days') }} as days
        on creators.creator_id = days.creator_id and days.activity_on between creators.today_on - 59 and creators.today_on - 30
    union
    select
        creators.creator_id,
        students.student_id
    from creators
    inner join {{ ref('int_students_tiered') }} as students
        on creators.creator_id = students.creator_id and students.last_seen_on between creators.today_on - 59 and creators.today_on - 30
)

select
    active.creator_id,
    count(*)::integer as active_prior_30d_count
from active
inner join {{ ref('int_students_tiered') }} as students on active.student_id = students.student_id
group by active.creator_id
