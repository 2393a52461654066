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
),

ranks as (
    select
        tier,
        tier_rank
    from {{ ref('tier_rules') }}
    where rules_version = (select max(newest.rules_version) from {{ ref('tier_rules') }} as newest)
),

places as (
    select
        courses.student_id,
        (array_agg(courses.last_video_id order by courses.last_watched_at desc, courses.last_video_id asc))[1] as last_video_id,
        count(*) filter (where courses.completed_video_count = videos.video_count) as completed_course_count,
        count(courses.day_count) filter (where courses.completed_video_count = videos.video_count) as timed_course_count,
        sum(courses.day_count) filter (where courses.completed_video_count = videos.video_count) as day_count_sum
    from {{ ref('int_student_courses') }} as courses
    left join {{ ref('int_course_videos') }} as videos on courses.course_id = videos.course_id
    where {{ touched('courses.student_id') }}
    group by courses.student_id
),

unfinished as (
    select * from {{ ref('int_student_unfinished') }}
    where {{ touched('student_id') }}
),

work as (
    select * from {{ ref('int_student_work') }}
    where {{ touched('student_id') }}
),

-- First those of the touched students: creators come after, or the planner reads the risks of all creators.
known_risks as materialized (
    select * from {{ ref('int_student_risks') }}
    where {{ touched('student_id') }}
),

risks as (
    select
        risks.student_id,
        risks.failed_twice_on > creators.today_on - 14 as has_failed_twice,
        risks.failed_payment_on > creators.today_on - 30 as has_payment_failed
    from known_risks as risks
    inner join {{ ref('int_creators') }} as creators on risks.creator_id = creators.creator_id
)

select
    students.creator_id,
    students.student_id,
    students.name,
    students.email,
    students.membership_status,
    students.joined_at,
    students.last_active_at,
    students.tier,
    case
        when students.tier in ('inactive', 'at_risk')
            then {{ no_activity_since('students.last_active_on', 'students.joined_on') }}
        when students.tier = 'low_engagement'
            then students.videos_in_words || ' since joining on ' || students.joined_in_words
        else
            students.videos_in_words
            || case when students.tier = 'highly_engaged' then ' at ' || students.completion_in_words || '% mean completion' else '' end
            || coalesce(', last active on ' || students.last_active_in_words, ', no activity since joining on ' || students.joined_in_words)
    end as tier_reason,
    students.status_filter,
    students.lifecycle_stage,
    students.rules_version,
    students.videos_watched_count,
    {{ rate('students.completion_percentage_sum', 'students.videos_watched_count * 100') }} as avg_completion_rate,
    students.watch_seconds,
    students.quiz_attempt_count,
    students.quiz_passed_count,
    students.message_count,
    students.xp_points,
    students.level,
    students.streak_days,
    -- Whole numbers, so that a mean just under a bound is under it whatever it rounds to.
    case
        when students.videos_watched_count = 0 then null
        when students.completion_percentage_sum * 2 < students.videos_watched_count * 51 then '0-25'
        when students.completion_percentage_sum * 2 < students.videos_watched_count * 101 then '26-50'
        when students.completion_percentage_sum * 2 < students.videos_watched_count * 151 then '51-75'
        else '76-100'
    end as progress_band,
    {{ rate('students.videos_watched_count', 'creator_videos.video_count') }} as course_progress_rate,
    coalesce(places.completed_course_count, 0)::integer as completed_course_count,
    {{ mean('places.day_count_sum', 'places.timed_course_count') }} as avg_course_day_count,
    coalesce(work.submitted_project_count, 0) as submitted_project_count,
    {{ mean('work.project_score_sum', 'work.scored_submission_count') }} as avg_project_score,
    coalesce(work.xp_30d_points, 0) as xp_30d_points,
    coalesce(work.achievement_count, 0) as achievement_count,
    places.last_video_id,
    last_videos.title as last_video_title,
    coalesce(present.tier_rank < past.tier_rank, false) as has_slipped,
    coalesce(risks.has_failed_twice, false) as has_failed_twice,
    coalesce(
        students.status_filter = 'active' and unfinished.oldest_unfinished_at <= {{ as_of() }} - make_interval(hours => 7 * 24), false
    ) as is_stalled,
    coalesce(risks.has_payment_failed, false) as has_payment_failed
from students
left join {{ ref('int_creator_videos') }} as creator_videos on students.creator_id = creator_videos.creator_id
left join places on students.student_id = places.student_id
left join {{ ref('stg_videos') }} as last_videos on places.last_video_id = last_videos.video_id
left join unfinished on students.student_id = unfinished.student_id
left join work on students.student_id = work.student_id
left join risks on students.student_id = risks.student_id
left join ranks as present on students.tier = present.tier
left join lateral (
    select earlier.to_tier
    from {{ ref('tier_transitions') }} as earlier
    where earlier.student_id = students.student_id and earlier.changed_at <= {{ as_of() }} - make_interval(hours => 7 * 24)
    order by earlier.changed_at desc
    limit 1
) as before on true
left join ranks as past on before.to_tier = past.tier
