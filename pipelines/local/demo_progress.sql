-- What each student watched: one row per student and video, the videos in order from where they began, one in ten left out. A sitting has
-- a few videos in a row; some rows moved again in a later sitting. Most who do not complete a video leave it where its kind says.
insert into video_progress (
    id, student_id, video_id, last_position_seconds, watch_time_seconds, completion_percentage, completed, created_at, updated_at)
select
    pg_temp.id('video_progress', n), student_id, video_id,
    case
        when percent = 100 then case when pg_temp.u('starts again', n) < 0.85 then duration else duration * pg_temp.u('starts again at', n) end
        else duration * percent / 100.0
    end::int,
    seconds, percent, percent = 100, created_at,
    least(%(as_of)s, case
        when came_back > created_at then came_back + interval '1 minute' * 20 * pg_temp.u('back at', n)
        else created_at + interval '1 second' * seconds
    end)
from (
    select
        *,
        (duration * percent / 100.0 * (0.9 + 0.5 * pg_temp.u('seconds', n)) * case when pg_temp.u('again', n) < 0.08 then 2 else 1 end)::int as seconds,
        case when pg_temp.u('back', n) < 0.22 then sittings[sitting + pg_temp.pick('how much later', n, 3)] end as came_back
    from (
        select
            seen.n, seen.student_id, seen.sitting, seen.sittings, seen.created_at, v.video_id, coalesce(v.duration_seconds, 600) as duration,
            case
                when pg_temp.u('completes', seen.n) < diligence * case drop_off when 'early' then 0.22 when 'late' then 0.5 else 1 end then 100
                when pg_temp.u('only opened', seen.n) < 0.03 then 0
                when drop_off = 'early' then 2 + 20 * pg_temp.u('leaves', seen.n)
                when drop_off = 'late' then 60 + 34 * pg_temp.u('leaves', seen.n)
                when pg_temp.u('nearly', seen.n) < 0.08 then 95 + 4 * pg_temp.u('leaves', seen.n)
                else 4 + 86 * pg_temp.u('leaves', seen.n)
            end::int as percent
        from (
            select
                *,
                greatest(sittings[sitting], least(
                    sittings[sitting] + interval '1 minute' * 11 * (nth - floor((sitting - 1) * span / sitting_count::float8) - pg_temp.u('start', n)),
                    %(as_of)s - interval '1 minute' * 6 * pg_temp.u('start', n))) as created_at
            from (
                select
                    student_id, style, diligence, span, sitting_count, sittings, nth, s::bigint * 1024 + nth as n,
                    c * 1024 + 1 + mod(first_pos + nth - 2, videos) as video, ceil(nth * sitting_count / span::float8)::int as sitting
                from plan_students join plan_sittings using (s), generate_series(1, span) as nth
                offset 0
            ) as numbered
            where style = 'finisher' or pg_temp.u('left out', n) > 0.1
            offset 0
        ) as seen
        join plan_videos as v on v.n = seen.video
        where v.created_at <= seen.created_at
        offset 0
    ) as watched
    offset 0
) as timed;

create temp table plan_totals on commit drop as
select
    student_id, count(*) filter (where watch_time_seconds > 0)::int as watched, count(*) filter (where completed)::int as completed,
    max(updated_at) as last_at
from video_progress group by student_id;
