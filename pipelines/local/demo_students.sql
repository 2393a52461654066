-- Who learns and when: one row per student with the way they learn, and the instants at which they sit down to it (UTC, ascending).
-- Whatever they do later (demo_progress, demo_chat, demo_quizzes) happens in these sittings, so that all of it agrees.
create temp table plan_students on commit drop as
with joined as (
    select
        p.c, p.creator_id, p.topic, p.zone, p.is_office, p.currency, p.price, p.videos, p.courses, p.quizzes, k, earlier_students + k as s,
        p.created_at + p.life * (0.02 + 0.98 * pg_temp.u('joined', earlier_students + k) ^ 0.62) as joined_at,
        pg_temp.u('group', earlier_students + k) as g, pg_temp.u('style', earlier_students + k) as y,
        pg_temp.u('amount', earlier_students + k) as amount
    from plan_creators as p, generate_series(1, p.students) as k
), grouped as (
    select
        *, extract(epoch from %(as_of)s - joined_at)::float8 / 86400 as tenure,
        case
            when g < 0.05 then 'never'
            when g < 0.31 and joined_at < %(as_of)s - interval '15 days' then 'gone'
            when g < 0.42 and joined_at < %(as_of)s - interval '8 days' then 'slipping'
            else 'current'
        end as standing
    from joined
), styled as (
    select
        *,
        case standing
            when 'never' then 'none'
            when 'current' then case when y < 0.24 then 'star' when y < 0.58 then 'wanderer' when y < 0.83 then 'slow' else 'idle' end
            else case when y < 0.45 then 'fader' when y < 0.75 then 'wanderer' when y < 0.9 then 'rusher' else 'finisher' end
        end as style,
        case standing
            when 'gone' then 14.2 + (tenure - 14.2) * pg_temp.u('left', s) ^ 1.3
            when 'slipping' then 7.2 + 6.5 * pg_temp.u('left', s)
            else least(6.7 * pg_temp.u('left', s) ^ 2, tenure * pg_temp.u('left', s))
        end as idle
    from grouped
), measured as (
    select
        *,
        least(videos, case style when 'rusher' then 3 + tenure * 15 else 2 + tenure * 6 end, case style
            when 'star' then 18 + 92 * amount ^ 1.6
            when 'wanderer' then 9 + 76 * amount ^ 1.5
            when 'rusher' then 12 + 60 * amount
            when 'finisher' then ceil(videos / greatest(courses, 1)::float8)
            when 'fader' then 1 + 6 * amount
            when 'slow' then 4
            when 'idle' then floor(2.7 * amount)
            else 0
        end)::int as span
    from styled
)
select
    s::int, k, c, creator_id, pg_temp.id('students', s) as student_id, topic, zone, is_office, currency, price, videos, courses, quizzes, joined_at,
    tenure, standing, style, span, %(as_of)s - interval '1 day' * idle as last_at,
    case when style = 'none' then 0 else greatest(1, least(60, 1 + tenure * 2, ceil(span / (1.5 + 1.7 * pg_temp.u('pace', s)))))::int end as sitting_count,
    case style when 'star' then 0.93 when 'wanderer' then 0.38 when 'rusher' then 0.8 when 'finisher' then 0.98 else 0.35 end
    + 0.1 * (pg_temp.u('diligence', s) - 0.5) as diligence,
    case style when 'fader' then 2.2 when 'rusher' then 4 when 'wanderer' then 1.2 else 1 end as slowing,
    case
        when videos = 0 then 1
        when style = 'finisher' or pg_temp.u('first course', s) < 0.4 then 1 + (pg_temp.pick('which course', s, courses) - 1) * videos / courses
        else 1
    end as first_pos
from measured;
analyze plan_students;

-- A sitting falls on a rough day between joining and the last one, then on an hour of the local day. Weekdays draw those who learn for
-- their office, weekends the others. {evening, office}: each hour as often as people sit down in it.
create temp table plan_sittings on commit drop as
with rough as (
    select
        s, i, zone, is_office, joined_at, i = sitting_count as is_last, s * 64 + i as n,
        joined_at + (last_at - joined_at) * case
            when i = sitting_count then 1 else (((i - 1) + 0.9 * pg_temp.u('sitting', s * 64 + i)) / sitting_count) ^ slowing end as at
    from plan_students, generate_series(1, sitting_count) as i
), local_days as (
    select *, (at at time zone 'UTC' at time zone zone)::date as day from rough offset 0
), weekdays as (
    select *, 1 + mod(day - date '2001-01-01', 7) as weekday, pg_temp.u('move', n) as move, pg_temp.h('hour', n) & 63 as draw from local_days offset 0
), local_times as (
    select
        *,
        case
            when is_last then day
            when is_office and weekday > 5 and move < 0.7 then day - 2
            when not is_office and weekday < 6 and move < 0.15 then day - weekday
            else day
        end + interval '1 second' * (3600 * case
            when is_office then (array[
                0, 5, 6, 6, 7, 7, 7, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12,
                13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 17, 17, 17, 18, 18, 19, 19, 20, 20, 20, 21, 21, 21, 22, 22, 23, 23])[1 + draw]
            else (array[
                0, 1, 2, 5, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 17, 18, 18, 18,
                18, 18, 19, 19, 19, 19, 19, 19, 20, 20, 20, 20, 20, 20, 20, 20, 21, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 23, 23, 23, 23])[1 + draw]
        end + 3600 * pg_temp.u('minute', n)) as local_time
    from weekdays offset 0
), instants as (
    select s, i, n, joined_at, local_time at time zone zone at time zone 'UTC' as at from local_times offset 0
), known as (
    select
        s, i, n, joined_at,
        case when at > %(as_of)s then at - interval '1 day' * ceil(extract(epoch from at - %(as_of)s) / 86400) else at end as at
    from instants offset 0
)
select s, array_agg(at order by at, i) as sittings
from (
    select
        s, i, case when at > joined_at then at else joined_at + least(interval '3 hours', %(as_of)s - joined_at) * pg_temp.u('first', n) end as at
    from known
) as bounded
group by s;
analyze plan_sittings;
