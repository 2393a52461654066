with creators as (
    select distinct creator_id from {{ ref('stg_creator_zones') }}
    where {{ touched('creator_id') }}
),

-- Tier by tier: an index then finds the best, however many students there are.
tiers as (
    select
        creators.creator_id,
        best.*
    from creators
    cross join (values ('engaged'), ('highly_engaged')) as engaged (tier)
    cross join lateral (
        select
            students.student_id,
            students.name,
            students.xp_points,
            students.last_active_at
        from {{ ref('int_students_tiered') }} as students
        where students.creator_id = creators.creator_id and students.tier = engaged.tier
        order by students.xp_points desc, students.student_id asc
        limit 10
    ) as best
),

placed as (
    select
        *,
        row_number() over (partition by creator_id order by xp_points desc, student_id asc) as place
    from tiers
)

select
    creator_id,
    student_id,
    name,
    xp_points,
    last_active_at,
    place::integer as place
from placed
where place <= 10
