with students as (
    select * from {{ ref('stg_students') }}
    where joined_at <= {{ as_of() }} and {{ touched('student_id') }}
),

zones as (
    select * from {{ ref('stg_creator_zones') }}
),

totals as (
    select * from {{ ref('int_student_totals') }}
    where {{ touched('student_id') }}
),

progress as (
    select * from {{ ref('int_student_progress') }}
    where {{ touched('student_id') }}
),

-- The newest instant is on one of the three newest days: no two zones lie more than 26 hours apart.
newest_days as (
    select
        students.student_id,
        days.last_watched_at
    from students
    cross join lateral (
        select all_days.last_watched_at
        from {{ ref('int_watch_days') }} as all_days
        where all_days.student_id = students.student_id
        order by all_days.activity_on desc
        limit 3
    ) as days
),

watching as (
    select
        student_id,
        max(last_watched_at) as last_watched_at
    from newest_days
    group by student_id
),

-- Once, not for each student.
rules as materialized (
    select * from {{ ref('tier_rules') }}
    where rules_version = (select max(newest.rules_version) from {{ ref('tier_rules') }} as newest)
),

-- The app may have seen a student after as_of: then the student was active at as_of as far as anyone knows. (least() passes over a null.)
seen as (
    select
        *,
        case when last_active_at is not null then least(last_active_at, {{ as_of() }}) end as last_seen_at
    from students
),

measured as (
    select
        students.creator_id,
        students.student_id,
        students.name,
        students.email,
        students.membership_status,
        students.joined_at,
        students.last_seen_at,
        greatest(students.last_seen_at, watching.last_watched_at, totals.last_activity_at) as last_active_at,
        coalesce(progress.videos_watched_count, 0) as videos_watched_count,
        coalesce(progress.completion_percentage_sum, 0) as completion_percentage_sum,
        coalesce(progress.watch_seconds, 0) as watch_seconds,
        coalesce(progress.has_completed_course, false) as has_completed_course,
        coalesce(totals.quiz_attempt_count, 0) as quiz_attempt_count,
        coalesce(totals.quiz_passed_count, 0) as quiz_passed_count,
        coalesce(totals.message_count, 0) as message_count,
        students.xp_points,
        students.level,
        students.streak_days
    from seen as students
    left join watching on students.student_id = watching.student_id
    left join totals on students.student_id = totals.student_id
    left join progress on students.student_id = progress.student_id
),

-- A day here is 24 hours: thresholds are instants, not days of the calendar.
aged as (
    select
        measured.*,
        (measured.joined_at at time zone joining.timezone)::date as joined_on,
        (measured.last_seen_at at time zone seeing.timezone)::date as last_seen_on,
        (measured.last_active_at at time zone acting.timezone)::date as last_active_on,
        coalesce(measured.last_active_at, measured.joined_at) as idle_since,
        {{ as_of() }} - coalesce(measured.last_active_at, measured.joined_at) as idle_time,
        {{ as_of() }} - measured.joined_at as membership_time
    from measured
    inner join zones as joining
        on measured.creator_id = joining.creator_id and measured.joined_at >= joining.valid_from and measured.joined_at < joining.valid_until
    left join zones as seeing
        on measured.creator_id = seeing.creator_id and measured.last_seen_at >= seeing.valid_from and measured.last_seen_at < seeing.valid_until
    left join zones as acting
        on measured.creator_id = acting.creator_id and measured.last_active_at >= acting.valid_from and measured.last_active_at < acting.valid_until
)

select
    aged.creator_id,
    aged.student_id,
    aged.name,
    aged.email,
    aged.membership_status,
    aged.joined_at,
    aged.joined_on,
    aged.last_active_at,
    aged.last_active_on,
    aged.last_seen_on,
    aged.idle_since,
    rule.tier,
    rule.status_filter,
    rule.rules_version,
    case
        when aged.last_active_at is null then 'not_started'
        when aged.membership_time < make_interval(hours => 7 * 24) then 'onboarding'
        when aged.has_completed_course then 'completed'
        else 'learning'
    end as lifecycle_stage,
    aged.videos_watched_count,
    aged.completion_percentage_sum,
    aged.watch_seconds,
    aged.quiz_attempt_count,
    aged.quiz_passed_count,
    aged.message_count,
    aged.xp_points,
    aged.level,
    aged.streak_days
from aged
cross join lateral (
    select
        rules.tier,
        rules.status_filter,
        rules.rules_version
    from rules
    where
        aged.idle_time >= make_interval(hours => rules.min_idle_days * 24)
        and aged.membership_time >= make_interval(hours => rules.min_joined_days * 24)
        and aged.videos_watched_count >= rules.min_videos_watched
        and aged.videos_watched_count < rules.videos_watched_below
        and aged.completion_percentage_sum >= rules.min_avg_completion * aged.videos_watched_count
    order by rules.rule_order
    limit 1
) as rule
