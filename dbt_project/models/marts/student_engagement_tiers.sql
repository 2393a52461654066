with students as (
    select
        *,
        case videos_watched_count
            when 0 then 'No video'
            when 1 then '1 video'
            else videos_watched_count::text || ' videos'
        end as videos_in_words,
        -- Cut, not rounded: 74.96% must not read as the 75% of a rule that it misses.
        trunc(completion_percentage_sum::numeric / nullif(videos_watched_count, 0), 1)::text as completion_in_words,
        {{ long_date('joined_on') }} as joined_in_words,
        {{ long_date('last_active_on') }} as last_active_in_words
    from {{ ref('int_students_tiered') }}
    where {{ touched('student_id') }}
)

select
    creator_id,
    student_id,
    name,
    email,
    membership_status,
    joined_at,
    last_active_at,
    tier,
    case
        when tier in ('inactive', 'at_risk')
            then {{ no_activity_since('last_active_on', 'joined_on') }}
        when tier = 'low_engagement'
            then videos_in_words || ' since joining on ' || joined_in_words
        else
            videos_in_words
            || case when tier = 'highly_engaged' then ' at ' || completion_in_words || '% mean completion' else '' end
            || coalesce(', last active on ' || last_active_in_words, ', no activity since joining on ' || joined_in_words)
    end as tier_reason,
    status_filter,
    lifecycle_stage,
    rules_version,
    videos_watched_count,
    {{ rate('completion_percentage_sum', 'videos_watched_count * 100') }} as avg_completion_rate,
    watch_seconds,
    quiz_attempt_count,
    quiz_passed_count,
    message_count,
    xp_points,
    level,
    streak_days
from students
