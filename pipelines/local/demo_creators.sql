-- The creators, their preferences (some missing, some broken), and what they teach: courses, videos, quizzes, projects.
-- plan_creators, plan_videos and plan_quizzes keep what the source does not say: sizes, real zones, where viewers leave, how hard a quiz is.
create temp table plan_creators on commit drop as
select
    c::int, pg_temp.id('creators', c) as creator_id, sizes.students, coalesce(sum(sizes.students) over before, 0)::int as earlier_students,
    1 + mod(c - 1, 6)::int as topic, 1 + mod(c - 1, 20)::int as kind,
    (array['America/New_York', 'Europe/Berlin', 'Asia/Kolkata', 'Australia/Adelaide', 'Pacific/Auckland', 'America/Los_Angeles', 'America/Sao_Paulo',
        'Asia/Kathmandu', 'Africa/Cairo', 'America/St_Johns', 'Europe/London', 'Asia/Tokyo', 'UTC'])[1 + mod(c - 1, 13)::int] as zone,
    mod(c, 3) = 0 as is_office,
    case when mod(c, 4) in (2, 3) then 'eur' else 'usd' end as currency,
    (array[1900, 2900, 4900, 9900])[pg_temp.pick('price', c, 4)] as price,
    case
        when c >= 4 and c = cardinality(%(sizes)s) - 1 then 0
        else round((24 + 14 * ln(sizes.students + 1)) * (0.8 + 0.4 * pg_temp.u('catalogue', c)))::int
    end as videos,
    %(starts)s + (%(as_of)s - %(starts)s) * (0.2 * pg_temp.u('signed up', c) * least(c - 1, 10) / 10.0 + 0.001) as created_at
from unnest(%(sizes)s) with ordinality as sizes (students, c)
window before as (order by c rows between unbounded preceding and 1 preceding);

alter table plan_creators add courses int, add quizzes int, add life interval;
update plan_creators set
    courses = least(6, ceil(videos / 24.0))::int, quizzes = videos / 8, life = %(as_of)s - created_at;

analyze plan_creators;

insert into creators
select
    creator_id,
    case kind
        when 4 then '<b>Bold</b> & "Brave" <script>alert("creator")</script>'
        when 7 then 'أكاديمية النور'
        when 8 then repeat('A Very Long Academy Name ', 12)
        when 9 then '=HYPERLINK("https://example.com","Open me")'
        when 12 then '👩‍🍳 Lab, "Ltd."; O''Brien' || E'\nSecond line'
        else t.companies[pg_temp.pick('company', c, 4)] || case when c > 20 then ' ' || c else '' end
    end,
    case when kind in (8, 13, 16, 18) then 'pro' when kind in (11, 15, 17) then 'basic' else 'enterprise' end,
    case
        when kind in (10, 14) then %(as_of)s - interval '1 day' - p.life * 0.2 * pg_temp.u('expired', c)
        when kind = 3 then %(as_of)s + interval '5 days'
        when kind in (1, 6, 8, 12) then %(as_of)s + interval '1 day' * (30 + pg_temp.pick('expires', c, 300))
    end at time zone 'UTC',
    p.created_at, p.created_at + p.life * pg_temp.u('creator changed', c)
from plan_creators as p join word_topics as t using (topic);

-- By kind (1 to 20): 5 and 17 have no row; 6, 7, 9 to 13, 15 and 16 are broken in ways that the platform's app lets through.
insert into creator_preferences
select
    creator_id,
    case kind
        when 15 then '["weeklySummary"]'
        when 13 then null
        when 10 then '{"emailNotifications": "yes"}'
        else jsonb_build_object('emailNotifications', jsonb_build_object(
            'weeklySummary', pg_temp.u('weekly', c) < 0.7, 'studentAtRisk', pg_temp.u('at risk', c) < 0.5,
            'quizFailure', pg_temp.u('quiz failure', c) < 0.3, 'studentCompletion', pg_temp.u('completion', c) < 0.5))
    end,
    case kind
        when 6 then whole || '{"timezone": "Mars/Olympus"}'
        when 7 then whole || '{"defaultFormat": "pdf"}'
        when 9 then '["csv", "UTC"]'
        when 10 then '"csv"'
        when 11 then null
        when 12 then whole || '{"timezone": 7, "defaultFormat": ["json"]}'
        when 13 then whole || '{"timezone": "", "email": null, "includeMetadata": "sure"}'
        when 14 then whole - 'timezone'
        when 16 then whole || '{"timezone": "Europe/Berlin ", "defaultFormat": "CSV"}'
        when 18 then '{}'
        else whole
    end,
    case when kind = 15 then '"wide"' else '{"widgets": ["overview", "students", "videos"]}'::jsonb end,
    (created_at + life * 0.3 * pg_temp.u('preferences changed', c)) at time zone 'UTC'
from plan_creators, lateral (select jsonb_build_object(
    'defaultFormat', (array['csv', 'json', 'xlsx', 'csv'])[1 + mod(c - 1, 4)], 'includeMetadata', mod(c, 2) = 0, 'dateFormat', 'YYYY-MM-DD',
    'timezone', zone, 'email', 'creator' || c || '@example.com') as whole) as w
where kind not in (5, 17);

insert into courses
select
    pg_temp.id('courses', c * 8 + k), creator_id, t.courses[k], k < 5, k,
    (created_at + life * 0.002 * k) at time zone 'UTC', (created_at + life * (0.01 + 0.9 * pg_temp.u('course changed', c * 8 + k))) at time zone 'UTC'
from plan_creators join word_topics as t using (topic), generate_series(1, plan_creators.courses) as k;

-- Viewers leave 7 of 100 videos early and 11 late; the last 30 of 100 come out over the creator's life. A few belong to no course.
create temp table plan_videos on commit drop as
select
    c, pos, n, pg_temp.id('videos', n) as video_id, creator_id, topic,
    case when pos > 0.96 * videos then null else pg_temp.id('courses', c * 8 + 1 + (pos - 1) * p.courses / videos) end as course_id,
    case when pg_temp.u('duration', n) < 0.98 then 180 + (1320 * pg_temp.u('minutes', n) ^ 1.5)::int end as duration_seconds,
    case when leave < 0.07 or pos = 4 then 'early' when leave < 0.18 then 'late' else 'none' end as drop_off,
    case
        when pos <= 0.7 * videos then p.created_at + life * 0.01 * pos / videos
        else p.created_at + life * (0.05 + 0.94 * (pos - 0.7 * videos) / (0.3 * videos))
    end as created_at,
    case when mod(pos, 10) = 7 and (c = 1 or pos = 7) then (pg_temp.hostile_texts())[1 + mod(pos / 10 + c, 30)] end as hostile_title
from plan_creators as p,
    generate_series(1, p.videos) as pos, lateral (select c * 1024 + pos as n) as row_number, lateral (select pg_temp.u('leave', n) as leave) as l;

analyze plan_videos;

insert into videos
select
    video_id, creator_id, course_id,
    coalesce(hostile_title, t.lessons[1 + mod(pos - 1, 12)] || case when pos > 12 then ', part ' || (pos - 1) / 12 + 1 else '' end),
    case when pg_temp.u('category', n) < 0.95 then t.category[pg_temp.pick('which category', n, 4)] end,
    case
        when pg_temp.u('tags', n) < 0.1 then null
        when pg_temp.u('tags', n) < 0.15 then '{}'
        else t.tags[pg_temp.pick('first tag', n, 3):pg_temp.pick('last tag', n, 2) + 2]
    end,
    case when pg_temp.u('level', n) < 0.9 then (array['beginner', 'intermediate', 'advanced'])[1 + mod(pos / 12, 3)] end,
    duration_seconds, pg_temp.u('transcript', n) < 0.93, pos, created_at,
    created_at + (%(as_of)s - created_at) * case when pg_temp.u('edited', n) < 0.3 then pg_temp.u('edited at', n) else 0 end
from plan_videos join word_topics as t using (topic);

-- One quiz for each 8 videos. Of 100 quizzes 12 are too hard, of 100 questions 8. Some cannot be marked: no questions, no correct answer.
create temp table plan_quizzes on commit drop as
select
    c, q, row_number.n, creator_id, pg_temp.id('quizzes', row_number.n) as quiz_id, v.created_at, v.hostile_title,
    pg_temp.u('hard quiz', row_number.n) < 0.12 or q = 2 as is_hard, 4 + pg_temp.pick('questions', row_number.n, 3) as question_count,
    (array[60, 70, 70, 80])[pg_temp.pick('passing score', row_number.n, 4)] as passing_score,
    pg_temp.u('quiz form', row_number.n) < 0.03 and c > 1 as is_empty, pg_temp.u('quiz form', row_number.n) between 0.03 and 0.08 as has_numbered_ids
from plan_creators as p
cross join generate_series(1, p.quizzes) as q
cross join lateral (select p.c * 256 + q as n) as row_number
join plan_videos as v using (c, creator_id) where v.pos = q * 8;

analyze plan_quizzes;

create temp table plan_questions on commit drop as
select
    quiz_id, q, g, 10 * pg_temp.pick('points', m, 2) as points, case when has_numbered_ids then to_jsonb(g) else to_jsonb('q' || g) end as question_id,
    case
        when pg_temp.u('hard question', m) < 0.08 or (q = 3 and g = 2) then 0.15
        when is_hard then 0.35 + 0.2 * pg_temp.u('ease', m)
        else 0.68 + 0.3 * pg_temp.u('ease', m)
    end as ease,
    case
        when g = 4 then to_jsonb(pg_temp.u('truth', m) < 0.5)
        when g = 5 and mod(n, 7) = 0 then null
        else to_jsonb(chr(96 + pg_temp.pick('correct', m, 4)))
    end as correct_answer
from plan_quizzes, generate_series(1, question_count) as g, lateral (select n * 8 + g as m) as row_number
where not is_empty;

create index on plan_questions (quiz_id);
analyze plan_questions;
analyze videos;

insert into quizzes
with listed as materialized (
    select
        quiz_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'id', question_id, 'question', 'Question ' || g || ' on lessons ' || q * 8 - 7 || ' to ' || q * 8 || ': which statement is right?',
            'options', case when g <> 4 then '["a", "b", "c", "d"]'::jsonb end, 'correct_answer', correct_answer, 'points', points)) order by g)
        as questions
    from plan_questions group by quiz_id
), covered as materialized (
    select creator_id, 1 + (order_index - 1) / 8 as q, array_agg(id order by order_index) as video_ids, min(title) as title
    from videos group by creator_id, q
)
select
    quiz_id, creator_id, coalesce(hostile_title, 'Quiz ' || q || ': ' || title), case when mod(q, 9) <> 0 then video_ids end,
    (array['easy', 'medium', 'hard'])[1 + mod(q, 3)], coalesce(questions, '[]'), passing_score, created_at,
    created_at + (%(as_of)s - created_at) * 0.1 * pg_temp.u('quiz edit', n)
from plan_quizzes join covered using (creator_id, q) left join listed using (quiz_id);

insert into projects
select
    pg_temp.id('projects', c * 8 + k), creator_id, 'Project ' || k || ': ' || t.courses[k], (array['practice', 'portfolio', null, 'capstone'])[k],
    (array['beginner', 'intermediate', 'advanced', null])[k], created_at + life * 0.01, created_at + life * 0.01
from plan_creators join word_topics as t using (topic), generate_series(1, least(4, (videos + 39) / 40)) as k;

insert into achievements
select pg_temp.id('achievements', k), a.name, a.xp, a.rarity, %(starts)s
from (values (1, 'First steps', 10, 'common'), (2, 'Ten videos', 50, 'common'), (3, 'Forty videos', 200, 'rare'), (4, 'Curious mind', 20, 'common'),
    (5, 'Quiz passed', 30, 'common'), (6, 'Five quizzes passed', 120, 'uncommon'), (7, 'Course completed 🏁', 150, 'rare'), (8, 'Maker', 80, 'epic'))
    as a (k, name, xp, rarity);
