with members as (
    select
        creator_id,
        student_id,
        month_on as cohort_on
    from {{ ref('int_student_months') }}
    where is_joined and {{ touched('creator_id', 'month_on') }}
),

cohorts as (
    select
        creator_id,
        cohort_on,
        count(*) as student_count
    from members
    group by creator_id, cohort_on
),

active as (
    select
        members.creator_id,
        members.cohort_on,
        months.month_on,
        count(*) as active_count
    from members
    inner join {{ ref('int_student_months') }} as months
        on members.student_id = months.student_id and members.creator_id = months.creator_id and members.cohort_on <= months.month_on
    where months.is_active
    group by members.creator_id, members.cohort_on, months.month_on
),

calendar as (
    select
        cohorts.creator_id,
        cohorts.cohort_on,
        cohorts.student_count,
        months.month_on::date as month_on,
        months.month_no::integer - 1 as month_no,
        months.month_on::date < creators.first_whole_on as is_partial
    from cohorts
    inner join {{ ref('int_creators') }} as creators on cohorts.creator_id = creators.creator_id
    cross join
        lateral generate_series(cohorts.cohort_on::timestamp, creators.today_on::timestamp, interval '1 month')
        with ordinality as months (month_on, month_no)
)

select
    calendar.creator_id,
    calendar.cohort_on,
    calendar.month_on,
    calendar.month_no,
    coalesce(calendar.is_partial, false) as is_partial,
    calendar.student_count::integer as student_count,
    coalesce(active.active_count, 0)::integer as active_count,
    {{ rate('coalesce(active.active_count, 0)', 'calendar.student_count') }} as active_rate
from calendar
left join active
    on
        calendar.creator_id = active.creator_id
        and calendar.cohort_on = active.cohort_on
        and calendar.month_on = active.month_on
