-- From the judged rows (oulad_rows.sql) to the state of the source at the end of asked.through: now_<table> holds the rows of app.<table>.
-- Every value is a function of the files and the day, so a later day gives the same rows plus what happened since.
-- Hours are chosen so that what happens on one day happens in a sensible order, and on that day in London too.

create temp table now_creators on commit drop as
select
    p.creator_id as id, 'Open University ' || p.code_module as company_name, 'enterprise' as current_plan,
    min(o.opened_on) + time '06:00' as created_at, min(o.opened_on) + time '06:00' as updated_at
from presentation as p
inner join opening as o using (course_id)
group by p.creator_id, p.code_module
having min(o.opened_on) <= (select through from asked);

create temp table now_creator_preferences on commit drop as
select
    id as creator_id,
    '{"emailNotifications": {"weeklySummary": true, "studentAtRisk": true}}'::jsonb as notification_settings,
    '{"defaultFormat": "csv", "timezone": "Europe/London"}'::jsonb as export_preferences,
    '{}'::jsonb as dashboard_layout,
    created_at at time zone 'UTC' as updated_at
from now_creators;

create temp table now_courses on commit drop as
select
    p.course_id as id, p.creator_id, p.code_module || ' ' || p.code_presentation as title,
    row_number() over (partition by p.creator_id order by p.starts_on, p.code_presentation)::int as order_index,
    (o.opened_on + time '06:00') at time zone 'UTC' as created_at, (o.opened_on + time '06:00') at time zone 'UTC' as updated_at
from presentation as p
inner join opening as o using (course_id)
where o.opened_on <= (select through from asked);

create temp table now_video_progress on commit drop as
select
    md5(student_id::text || video_id::text)::uuid as id, student_id, video_id,
    least(sum(clicks) * 60, 2147483647)::int as watch_time_seconds, least(sum(clicks), 99)::int as completion_percentage, false as completed,
    min(known_on) + time '12:00' as created_at, max(known_on) + time '12:00' as updated_at
from click
where problem is null and known_on <= (select through from asked)
group by student_id, video_id;

create temp table now_quiz_attempts on commit drop as
select
    id, target_id as quiz_id, student_id, '{}'::jsonb as answers, score::int as score, score >= 40 as passed,
    known_on + time '18:00' as completed_at
from submission
where problem is null and assessment_type <> 'TMA' and known_on <= (select through from asked);

create temp table now_project_submissions on commit drop as
select
    id, target_id as project_id, student_id,
    case when score is null then 'submitted' when score >= 40 then 'passed' else 'reviewed' end as status, score::int as score,
    known_on + time '18:00' as submitted_at, case when score is not null then known_on + time '18:00' end as reviewed_at,
    known_on + time '18:00' as created_at, known_on + time '18:00' as updated_at
from submission
where problem is null and assessment_type = 'TMA' and known_on <= (select through from asked);

create temp table now_students on commit drop as
with activity as (
    select student_id, max(happened_at) as last_active
    from (
        select student_id, updated_at as happened_at from now_video_progress
        union all
        select student_id, completed_at from now_quiz_attempts
        union all
        select student_id, submitted_at from now_project_submissions
    ) as events
    group by student_id
)
select
    s.student_id as id, s.creator_id, 'Student ' || s.id_student as name,
    case when s.left_on <= a.through then 'cancelled' else 'active' end as membership_status,
    activity.last_active,
    s.joined_on + time '08:00' as created_at,
    greatest(
        s.joined_on + time '08:00', activity.last_active, case when s.left_on <= a.through then s.left_on + time '20:00' end
    ) as updated_at
from student as s
cross join asked as a
left join activity using (student_id)
where s.joined_on <= a.through;

create temp table now_videos on commit drop as
select
    m.video_id as id, p.creator_id, m.course_id, coalesce(m.activity_type, 'material') || ' ' || m.id_site as title,
    m.activity_type as category, case when m.week_from is not null then array['week ' || m.week_from] end as tags,
    row_number() over (partition by m.course_id order by m.week_from nulls first, m.id_site)::int as order_index,
    o.opened_on + time '06:00' as created_at, o.opened_on + time '06:00' as updated_at
from material_judged as m
inner join presentation as p using (course_id)
inner join opening as o using (course_id)
where m.problem is null and o.opened_on <= (select through from asked);

create temp table now_quizzes on commit drop as
select
    a.target_id as id, p.creator_id, concat_ws(' ', a.code_module, a.code_presentation, a.assessment_type, a.id_assessment) as title,
    40 as passing_score, o.opened_on + time '06:00' as created_at, o.opened_on + time '06:00' as updated_at
from assessment_judged as a
inner join presentation as p using (course_id)
inner join opening as o using (course_id)
where a.problem is null and a.assessment_type <> 'TMA' and o.opened_on <= (select through from asked);

create temp table now_projects on commit drop as
select
    a.target_id as id, p.creator_id, concat_ws(' ', a.code_module, a.code_presentation, a.assessment_type, a.id_assessment) as title,
    a.assessment_type as type, o.opened_on + time '06:00' as created_at, o.opened_on + time '06:00' as updated_at
from assessment_judged as a
inner join presentation as p using (course_id)
inner join opening as o using (course_id)
where a.problem is null and a.assessment_type = 'TMA' and o.opened_on <= (select through from asked);
