select
    students.creator_id,
    students.student_id,
    students.tier,
    latest.to_tier
from {{ ref('student_engagement_tiers') }} as students
left join lateral (
    select transitions.to_tier
    from {{ ref('tier_transitions') }} as transitions
    where transitions.student_id = students.student_id
    order by transitions.changed_at desc
    limit 1
) as latest on true
where latest.to_tier is distinct from students.tier and {{ gate('student_engagement_tiers', 'students.student_id') }}
