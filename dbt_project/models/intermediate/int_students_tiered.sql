with creators as (
    select * from {{ ref('int_creators') }}
),

students as (
    select * from {{ ref('stg_students') }}
    where joined_at <= {{ as_of() }}
),

days as (
    select
        days.student_id,
        max(days.last_activity_at) as last_activity_at,
        sum(days.quiz_attempt_count)::integer as quiz_attempt_count,
        sum(days.message_count)::integer as message_count,
        bool_or(days.activity_on between creators.today_on - 59 and creators.today_on - 30) as is_active_prior_30d
    from {{ ref('int_student_days') }} as days
    inner join creators on days.creator_id = creators.creator_id
    group by days.student_id
),

passes as (
    select
        student_id,
        count(distinct subject_id)::integer as quiz_passed_count
    from {{ ref('int_activities') }}
    where kind = 'quiz_attempt' and is_passed
    group by student_id
),

progress as (
    select * from {{ ref('int_student_progress') }}
),

rules as (
    select * from {{ ref('tier_rules') }}
    where rules_version = (select max(newest.rules_version) from {{ ref('tier_rules') }} as newest)
),

-- The app may have seen a student after as_of: then the student was active at as_of as far as anyone knows.
seen as (
    select
        students.*,
        creators.timezone,
        creators.today_on,
        case when students.last_active_at > {{ as_of() }} then {{ as_of() }} else students.last_active_at end as last_seen_at
    from students
    inner join creators on students.creator_id = creators.creator_id
),

measured as (
    select
        seen.creator_id,
        seen.student_id,
        seen.name,
        seen.email,
        seen.membership_status,
        seen.joined_at,
        seen.timezone,
        seen.today_on,
        greatest(seen.last_seen_at, days.last_activity_at) as last_active_at,
        (seen.joined_at at time zone seen.timezone)::date as joined_on,
        coalesce(days.is_active_prior_30d, false)
        or coalesce((seen.last_seen_at at time zone seen.timezone)::date between seen.today_on - 59 and seen.today_on - 30, false)
            as is_active_prior_30d,
        coalesce(progress.videos_watched_count, 0) as videos_watched_count,
        coalesce(progress.completion_percentage_sum, 0) as completion_percentage_sum,
        coalesce(progress.watch_seconds, 0) as watch_seconds,
        coalesce(progress.has_completed_course, false) as has_completed_course,
        coalesce(days.quiz_attempt_count, 0) as quiz_attempt_count,
        coalesce(passes.quiz_passed_count, 0) as quiz_passed_count,
        coalesce(days.message_count, 0) as message_count,
        seen.xp_points,
        seen.level,
        seen.streak_days
    from seen
    left join days on seen.student_id = days.student_id
    left join passes on seen.student_id = passes.student_id
    left join progress on seen.student_id = progress.student_id
),

-- A day here is 24 hours: thresholds are instants, not days of the calendar.
aged as (
    select
        measured.*,
        (measured.last_active_at at time zone measured.timezone)::date as last_active_on,
        {{ as_of() }} - coalesce(measured.last_active_at, measured.joined_at) as idle_time,
        {{ as_of() }} - measured.joined_at as membership_time
    from measured
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
    coalesce(aged.last_active_on > aged.today_on - 7, false) as is_active_7d,
    coalesce(aged.last_active_on > aged.today_on - 30, false) as is_active_30d,
    aged.is_active_prior_30d,
    aged.joined_on > aged.today_on - 30 as is_new_30d,
    aged.joined_on between aged.today_on - 59 and aged.today_on - 30 as is_new_prior_30d,
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
