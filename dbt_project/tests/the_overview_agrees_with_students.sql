with students as (
    select
        creator_id,
        count(*) as student_count,
        count(*) filter (where tier = 'inactive') as inactive_count,
        count(*) filter (where tier = 'at_risk') as at_risk_count,
        count(*) filter (where tier = 'highly_engaged') as highly_engaged_count,
        sum(watch_seconds) as watch_seconds,
        sum(quiz_attempt_count) as quiz_attempt_count
    from {{ ref('student_engagement_tiers') }}
    where {{ gate('creator_overview', 'creator_id') }}
    group by creator_id
)

select
    overview.creator_id,
    overview.student_count,
    students.student_count as students_listed_count
from {{ ref('creator_overview') }} as overview
left join students on overview.creator_id = students.creator_id
where
    {{ gate('creator_overview', 'overview.creator_id') }}
    and (
        overview.student_count <> coalesce(students.student_count, 0)
        or overview.inactive_count <> coalesce(students.inactive_count, 0)
        or overview.at_risk_count <> coalesce(students.at_risk_count, 0)
        or overview.highly_engaged_count <> coalesce(students.highly_engaged_count, 0)
        or overview.watch_seconds <> coalesce(students.watch_seconds, 0)
        or overview.quiz_attempt_count <> coalesce(students.quiz_attempt_count, 0)
    )
