-- Quiz attempts (demo_answers.sql writes the answers) and project submissions. A quiz is taken in the sitting that reaches its last video,
-- and again when it went badly.
create temp table plan_attempts on commit drop as
select m, quiz_id, student_id, passing_score, skill, completed_at
from (
    select
        p.student_id, z.quiz_id, z.passing_score, z.created_at, row_number.n * 4 + try as m,
        0.85 + 0.3 * diligence + 0.08 * try as skill,
        sittings[least(sitting_count, try - 1 + ceil((q * 8 - first_pos + 1) * sitting_count / span::float8)::int)]
        + interval '1 minute' * (40 + 12 * try + 8 * pg_temp.u('attempt', row_number.n * 4 + try)) as completed_at
    from plan_students as p
    join plan_sittings using (s)
    cross join generate_series((first_pos + 7) / 8, least(quizzes, (first_pos + span - 1) / 8)) as q
    join plan_quizzes as z using (c, q)
    cross join lateral (select s::bigint * 64 + q as n) as row_number
    cross join lateral generate_series(1, 1 + case
        when pg_temp.u('tries', row_number.n) < case when is_hard then 0.25 else 0.08 end then 2
        when pg_temp.u('tries', row_number.n) < case when is_hard then 0.65 else 0.25 end then 1
        else 0 end) as try
    where q * 8 >= first_pos and pg_temp.u('takes', row_number.n) < 0.87
) as taken
where completed_at <= %(as_of)s and completed_at > created_at;
analyze plan_attempts;

insert into project_submissions (id, project_id, student_id, status, score, submitted_at, reviewed_at, created_at, updated_at)
select
    pg_temp.id('project_submissions', n), pg_temp.id('projects', c * 8 + k), student_id,
    case
        when submitted_at is null then 'in-progress'
        when reviewed_at is null then 'submitted'
        when score >= 60 then 'passed'
        else 'reviewed'
    end,
    case when reviewed_at is not null then score end, submitted_at, reviewed_at, started_at, coalesce(reviewed_at, submitted_at, started_at)
from (
    select
        *,
        case
            when pg_temp.u('reviewed', n) < 0.8 and submitted_at + interval '1 day' * 6 * pg_temp.u('review time', n) <= %(as_of)s
                then submitted_at + interval '1 day' * 6 * pg_temp.u('review time', n)
        end as reviewed_at,
        case when pg_temp.u('scored', n) < 0.95 then 35 + (65 * pg_temp.u('project score', n) ^ 0.6)::int end as score
    from (
        select
            c, k, n, student_id, started_at,
            case when pg_temp.u('submits', n) < 0.75 then least(%(as_of)s, sittings[least(sitting_count, place + 2)] + interval '50 minutes') end
            as submitted_at
        from (
            select
                c, project as k, s::bigint * 8 + project as n, student_id, sittings, sitting_count,
                pg_temp.pick('project sitting', s::bigint * 8 + project, sitting_count) as place
            from plan_students join plan_sittings using (s), generate_series(1, least(4, (videos + 39) / 40)) as project
            where span >= 8 and pg_temp.u('does project', s::bigint * 8 + project) < 0.3
            offset 0
        ) as placed
        cross join lateral (select least(%(as_of)s, sittings[place] + interval '20 minutes') as started_at) as start
        offset 0
    ) as handed_in
    offset 0
) as reviewed;
