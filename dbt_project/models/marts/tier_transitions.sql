with students as (
    select * from {{ ref('int_students_tiered') }}
    where {{ touched('student_id') }}
)

select
    students.creator_id,
    students.student_id,
    {{ as_of() }} as changed_at,
    latest.to_tier as from_tier,
    students.tier as to_tier,
    students.rules_version
from students
left join lateral (
    select earlier.to_tier
    from {{ this }} as earlier
    where earlier.student_id = students.student_id and earlier.changed_at < {{ as_of() }}
    order by earlier.changed_at desc
    limit 1
) as latest on true
where latest.to_tier is distinct from students.tier
