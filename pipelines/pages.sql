-- What the pages of the platform's app ask, as functions of `analytics` with names that stay. Each shows one creator's rows, as far as row security
-- lets the caller see them; rows come from one publish when they are asked in one statement, or in one REPEATABLE READ transaction.

create or replace function analytics.overview(of_creator uuid) returns setof analytics.creator_overview language sql stable as $$
    select * from analytics.creator_overview where creator_id = of_creator
$$;
comment on function analytics.overview is 'The creator''s overview: one row.';

-- Immutable, though it raises: a planner that knows the number puts it in before it plans, and an inlined function stays so.
create or replace function analytics.whole_number(parameter text, given integer, otherwise integer, highest integer) returns integer
language plpgsql immutable parallel safe as $$
begin
    if given < 1 or given > highest then
        raise exception '% is % to %, not %', parameter, 1, highest, given using errcode = 'invalid_parameter_value';
    end if;
    return coalesce(given, otherwise);
end $$;
comment on function analytics.whole_number is 'A number that is given to a page, checked in words; null is as if it were not given.';

-- The conditions are put together by what is asked, so that each page is planned for its filter. The ids of a page come from an index alone:
-- they are in the orders that are asked, with the columns of the filters; whole rows are then looked up for 50 students only.
create or replace function analytics.students_query(
    of_creator uuid, status text default null, of_tier text default null, band integer default null, last_active text default null,
    search text default null, sort_by text default 'name', page integer default 1
) returns text language plpgsql stable as $$
declare
    bands constant text[] := array['0-25', '26-50', '51-75', '76-100'];
    orders constant jsonb := '{"name": "left(name, 100)", "progress": "avg_completion_rate desc nulls last", "last_active": "last_active_at desc nulls last", "xp": "xp_points desc"}';
    since constant jsonb := '{"today": 0, "7d": 6, "30d": 29, "older": 29}';
    statuses constant text[] := array['active', 'at-risk', 'inactive'];
    tiers constant text[] := array['highly_engaged', 'engaged', 'moderate', 'low_engagement', 'at_risk', 'inactive'];
    conditions text := format('creator_id = %L', of_creator);
    word text;
    is_word boolean;
    folds_alike boolean;
begin
    sort_by := coalesce(sort_by, 'name');
    page := analytics.whole_number('page', page, 1, 1000000);
    search := btrim(search, E' \t\r\n\u00a0');
    if not orders ? sort_by then
        raise exception 'sort_by is one of name, progress, last_active, xp; not %', sort_by using errcode = 'invalid_parameter_value';
    elsif band not between 1 and 4 then
        raise exception 'band is 1 to 4, not %', band using errcode = 'invalid_parameter_value';
    elsif last_active is not null and not since ? last_active then
        raise exception 'last_active is one of today, 7d, 30d, older; not %', last_active using errcode = 'invalid_parameter_value';
    elsif status <> all (statuses) then
        raise exception 'status is one of %; not %', array_to_string(statuses, ', '), status using errcode = 'invalid_parameter_value';
    elsif length(search) > 10000 then
        raise exception 'search is at most 10000 characters long, not %', length(search) using errcode = 'invalid_parameter_value';
    elsif of_tier <> all (tiers) then
        raise exception 'of_tier is one of %; not %', array_to_string(tiers, ', '), of_tier using errcode = 'invalid_parameter_value';
    end if;
    if status is not null then
        conditions := conditions || format(' and status_filter = %L', status);
    end if;
    if of_tier is not null then
        conditions := conditions || format(' and tier = %L', of_tier);
    end if;
    if band is not null then
        conditions := conditions || format(' and progress_band = %L', bands[band]);
    end if;
    if last_active is not null then
        conditions := conditions || coalesce((
            select format(' and last_active_at %s %L', case when last_active = 'older' then '<' else '>=' end,
                (today_on - (since ->> last_active)::integer)::timestamp at time zone timezone)
            from analytics.creator_overview where creator_id = of_creator), ' and false');
    end if;
    if search <> '' then
        -- The beginning of any word of name or address; words are of letters and digits. A search that begins with another sign is found wherever that
        -- stands: \m holds before none, and takes "_" for a letter. All signs but letters and digits are taken as they are.
        is_word := search ~ '^[[:alnum:]]';
        word := case when is_word then '(?<![[:alnum:]])' else '' end || regexp_replace(search, '([^[:alnum:]])', '\\\1', 'g');
        -- Few rows hold the word at all, and asking for that first costs a third. Not of letters that lower() folds in another way than a regular expression.
        folds_alike := lower(upper(search)) = lower(search) and search !~ '[Σσςİı]';
        if folds_alike then
            conditions := conditions || (
                select format(' and (lower(name) like %1$L or lower(email) like %1$L)', '%' || regexp_replace(lower(search), '([%_\\])', '\\\1', 'g') || '%'));
        end if;
        if is_word or not folds_alike then
            conditions := conditions || format(' and (name ~* %1$L or email ~* %1$L)', word);
        end if;
    end if;
    return format(
        'select student_engagement_tiers.* from (select student_id from analytics.student_engagement_tiers where %1$s order by %2$s, student_id limit 50 offset %3$s) as page'
        ' join analytics.student_engagement_tiers using (student_id) where creator_id = %4$L order by %2$s, student_id',
        conditions, orders ->> sort_by, (page - 1) * 50, of_creator);
end $$;
comment on function analytics.students_query is 'The statement that students_page runs, to be looked at with EXPLAIN.';

-- The planner knows nothing of ids and tiers here (see planner_statistics): it takes each creator for one of two hundred and would fetch and sort all rows of
-- a large one, where an index in the order that is asked has the first ones at once. A search has no such index.
create or replace function analytics.students_in_order(query text) returns setof analytics.student_engagement_tiers language plpgsql stable set enable_bitmapscan = off as $$
begin
    return query execute query;
end $$;
comment on function analytics.students_in_order is 'Runs a statement of students_query without a search, as students_page does.';

create or replace function analytics.students_page(
    of_creator uuid, status text default null, of_tier text default null, band integer default null, last_active text default null,
    search text default null, sort_by text default 'name', page integer default 1
) returns setof analytics.student_engagement_tiers language plpgsql stable as $$
declare
    query text := coalesce(
        analytics.students_query(of_creator, status, of_tier, band, last_active, search, sort_by, page), 'select * from analytics.student_engagement_tiers where false');
begin
    if btrim(search, E' \t\r\n\u00a0') <> '' then
        return query execute query;
    else
        return query select * from analytics.students_in_order(query);
    end if;
end $$;
comment on function analytics.students_page is 'A page of 50 students, filtered by status (active, at-risk, inactive), tier, band of mean completion (1 to 4), last_active (today, 7d, 30d, older: local days), searched by the beginning of any word of name or e-mail (or by a sign with what follows it), sorted by name, progress, last_active or xp.';

create or replace function analytics.at_risk_students(of_creator uuid, how_many integer default 50) returns setof analytics.student_engagement_tiers language sql stable as $$
    select student_engagement_tiers.*
    from (
        select student_id from analytics.student_engagement_tiers
        where creator_id = of_creator and tier = 'at_risk' and lifecycle_stage <> 'completed'
        order by last_active_at desc nulls last, student_id
        limit analytics.whole_number('how_many', how_many, 50, 1000000)
    ) as slipped
    join analytics.student_engagement_tiers using (student_id)
    where creator_id = of_creator
    order by last_active_at desc nulls last, student_id
$$;
comment on function analytics.at_risk_students is 'Students idle for 7 to 14 days, who slipped last first; not those who completed a course.';

create or replace function analytics.top_performers(of_creator uuid, how_many integer default 10) returns setof analytics.student_engagement_tiers language sql stable set enable_bitmapscan = off as $$
    select * from analytics.student_engagement_tiers
    where creator_id = of_creator and tier in ('engaged', 'highly_engaged')
    order by xp_points desc, student_id
    limit analytics.whole_number('how_many', how_many, 10, 1000000)
$$;
comment on function analytics.top_performers is 'The engaged students with the most points.';

create or replace function analytics.student_detail(of_creator uuid, of_student uuid) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'student', to_jsonb(s),
        'videos', coalesce((
            select jsonb_agg(to_jsonb(p) - 'creator_id' - 'student_id' - 'student_name' - 'student_email' order by p.last_watched_at desc, p.video_id)
            from analytics.progress as p where p.creator_id = of_creator and p.student_id = of_student), '[]'),
        'quizzes', coalesce((
            select jsonb_agg(to_jsonb(q) - 'creator_id' - 'student_id' - 'student_name' - 'student_email' order by q.completed_at desc, q.attempt_id)
            from analytics.quiz_results as q where q.creator_id = of_creator and q.student_id = of_student), '[]'),
        'tiers', coalesce((
            select jsonb_agg(to_jsonb(t) - 'creator_id' - 'student_id' order by t.changed_at desc)
            from analytics.tier_transitions as t where t.creator_id = of_creator and t.student_id = of_student), '[]'))
    from analytics.student_engagement_tiers as s
    where s.creator_id = of_creator and s.student_id = of_student
$$;
comment on function analytics.student_detail is 'One student as JSON: the row, progress by video and attempts at quizzes as of the last daily run, tiers over time. Null for an unknown student.';

create or replace function analytics.videos_page(of_creator uuid, sort_by text default 'viewers', page integer default 1) returns setof analytics.video_analytics language plpgsql stable as $$
declare
    orders constant jsonb := '{"viewers": "viewer_count desc", "completion": "completion_rate desc nulls last", "attention": "needs_attention desc, viewer_count desc", "title": "title", "last_viewed": "last_viewed_at desc nulls last"}';
begin
    sort_by := coalesce(sort_by, 'viewers');
    page := analytics.whole_number('page', page, 1, 1000000);
    if not orders ? sort_by then
        raise exception 'sort_by is one of viewers, completion, attention, title, last_viewed; not %', sort_by using errcode = 'invalid_parameter_value';
    end if;
    return query execute format(
        'select * from analytics.video_analytics where creator_id = $1 order by %s, video_id limit 50 offset %s', orders ->> sort_by, (page - 1) * 50) using of_creator;
end $$;
comment on function analytics.videos_page is 'A page of 50 videos, sorted by viewers, completion, attention, title or last_viewed.';

create or replace function analytics.video_detail(of_creator uuid, of_video uuid) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'video', to_jsonb(v),
        'recommendations', coalesce((
            select jsonb_agg(to_jsonb(r) - 'creator_id' order by r.recommendation)
            from analytics.recommendations as r where r.creator_id = of_creator and r.video_id = of_video), '[]'),
        'viewers_by_tier', coalesce((
            select jsonb_object_agg(t.tier, t.viewer_count)
            from analytics.video_viewer_tiers as t where t.creator_id = of_creator and t.video_id = of_video), '{}'),
        'questions', coalesce((
            select jsonb_agg(to_jsonb(q) - 'creator_id' order by q.ask_count desc, q.question_id)
            from analytics.top_questions as q where q.creator_id = of_creator and q.related_video_id = of_video), '[]'))
    from analytics.video_analytics as v
    where v.creator_id = of_creator and v.video_id = of_video
$$;
comment on function analytics.video_detail is 'One video as JSON: the row, what is recommended about it, its viewers by tier as of the last daily run, what students ask about it. Null for an unknown video.';

create or replace function analytics.engagement(of_creator uuid, period integer default 30) returns setof analytics.daily_activity language sql stable as $$
    select days.*
    from analytics.creator_overview as overview
    inner join analytics.daily_activity as days
        on days.creator_id = overview.creator_id and days.activity_on > overview.today_on - analytics.whole_number('period', period, 30, 36500)
    where overview.creator_id = of_creator
    order by days.activity_on
$$;
comment on function analytics.engagement is 'The activity of each of the last so many local days, today included.';

create or replace function analytics.content(of_creator uuid) returns setof analytics.content_topics language sql stable as $$
    select * from analytics.content_topics where creator_id = of_creator order by topic_kind, student_video_count desc, topic
$$;
comment on function analytics.content is 'What the creator''s videos are about: categories, then tags, the most watched first.';

create or replace function analytics.revenue(of_creator uuid) returns setof analytics.revenue_overview language sql stable as $$
    select * from analytics.revenue_overview where creator_id = of_creator order by currency
$$;
comment on function analytics.revenue is 'Revenue of this and last month: one row per currency.';
