with students as (
    select
        creator_id,
        student_id
    from {{ ref('stg_students') }}
    where joined_at <= {{ as_of() }} and {{ touched('student_id') }}
),

creators as (
    select
        creator_id,
        today_on
    from {{ ref('int_creators') }}
),

submissions as (
    select
        students.creator_id,
        students.student_id,
        submissions.project_id,
        submissions.score
    from students
    inner join {{ ref('stg_project_submissions') }} as submissions on students.student_id = submissions.student_id
    inner join {{ ref('stg_projects') }} as projects on submissions.project_id = projects.project_id and students.creator_id = projects.creator_id
    where submissions.submitted_at <= {{ as_of() }}
),

unlocked as (
    select
        students.creator_id,
        students.student_id,
        count(*) as achievement_count
    from students
    inner join {{ ref('stg_student_achievements') }} as achievements on students.student_id = achievements.student_id
    where achievements.unlocked_at <= {{ as_of() }}
    group by students.creator_id, students.student_id
),

points as (
    select
        students.creator_id,
        students.student_id,
        sum(points.xp_amount) as xp_30d_points
    from students
    inner join creators on students.creator_id = creators.creator_id
    inner join {{ ref('stg_xp_transactions') }} as points
        on
            students.student_id = points.student_id
            -- Wider than 30 local days wherever the creator is, so that an index finds the rows.
            and points.created_at > {{ as_of() }} - make_interval(hours => 33 * 24)
            and points.created_at <= {{ as_of() }}
    inner join {{ ref('stg_creator_zones') }} as zones
        on students.creator_id = zones.creator_id and points.created_at >= zones.valid_from and points.created_at < zones.valid_until
    where (points.created_at at time zone zones.timezone)::date > creators.today_on - 30
    group by students.creator_id, students.student_id
),

parts as (
    select
        creator_id,
        student_id,
        count(distinct project_id) as submitted_project_count,
        count(score) as scored_submission_count,
        sum(score) as project_score_sum,
        null::bigint as achievement_count,
        null::bigint as xp_30d_points
    from submissions
    group by creator_id, student_id
    union all
    select
        creator_id,
        student_id,
        null as submitted_project_count,
        null as scored_submission_count,
        null as project_score_sum,
        achievement_count,
        null as xp_30d_points
    from unlocked
    union all
    select
        creator_id,
        student_id,
        null as submitted_project_count,
        null as scored_submission_count,
        null as project_score_sum,
        null as achievement_count,
        xp_30d_points
    from points
)

select
    creator_id,
    student_id,
    coalesce(max(submitted_project_count), 0)::integer as submitted_project_count,
    coalesce(max(scored_submission_count), 0)::integer as scored_submission_count,
    coalesce(max(project_score_sum), 0)::bigint as project_score_sum,
    coalesce(max(achievement_count), 0)::integer as achievement_count,
    coalesce(max(xp_30d_points), 0)::bigint as xp_30d_points
from parts
group by creator_id, student_id
