with creators as (
    select * from {{ ref('int_creators') }}
    where is_created and {{ touched('creator_id') }}
),

hours as (
    select
        days.creator_id,
        extract(isodow from days.activity_on)::integer as weekday_no,
        days.hour_no,
        sum(days.active_student_count) as student_hour_count
    from creators
    inner join {{ ref('int_hour_days') }} as days on creators.creator_id = days.creator_id and days.activity_on > creators.today_on - 30
    group by days.creator_id, extract(isodow from days.activity_on), days.hour_no
),

totals as (
    select
        creator_id,
        sum(student_hour_count) as student_hour_count
    from hours
    group by creator_id
)

select
    creators.creator_id,
    weekdays.weekday_no,
    clock.hour_no,
    coalesce(hours.student_hour_count, 0)::integer as student_hour_count,
    {{ rate('coalesce(hours.student_hour_count, 0)', 'totals.student_hour_count') }} as share_rate
from creators
cross join generate_series(1, 7) as weekdays (weekday_no)
cross join generate_series(0, 23) as clock (hour_no)
left join hours
    on
        creators.creator_id = hours.creator_id
        and weekdays.weekday_no = hours.weekday_no
        and clock.hour_no = hours.hour_no
left join totals on creators.creator_id = totals.creator_id
