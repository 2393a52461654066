with idle as (
    select
        creator_id,
        'check_in' as recommendation,
        student_id::text as about_key,
        student_id,
        null::uuid as video_id,
        null::uuid as quiz_id,
        null::text as question_id,
        name as about,
        'Check in with the student' as action,
        {{ no_activity_since('last_active_on', 'joined_on') }} as reason,
        idle_since + make_interval(hours => 7 * 24) as since_at
    from {{ ref('int_students_tiered') }}
    where tier in ('at_risk', 'inactive') and lifecycle_stage <> 'completed' and {{ touched_text('student_id') }}
),

engaged as (
    select
        creator_id,
        'offer_advanced' as recommendation,
        student_id::text as about_key,
        student_id,
        null::uuid as video_id,
        null::uuid as quiz_id,
        null::text as question_id,
        name as about,
        'Offer advanced content' as action,
        'Place ' || place::text || ' by points among the engaged students: ' || {{ in_digits('xp_points') }} || ' points' as reason,
        last_active_at as since_at
    from {{ ref('int_best_students') }}
    where {{ touched_text('student_id') }}
),

videos as (
    select
        creator_id,
        'review_video' as recommendation,
        video_id::text as about_key,
        null::uuid as student_id,
        video_id,
        null::uuid as quiz_id,
        null::text as question_id,
        title as about,
        'Review the video or split it' as action,
        {{ few_finish_in_words('viewer_count', 'completion_count') }} as reason,
        last_viewed_at as since_at
    from {{ ref('int_video_progress') }}
    where {{ few_finish('viewer_count', 'completion_count') }} and {{ touched_text('video_id') }}
),

quizzes as (
    select
        quizzes.creator_id,
        'revise_quiz' as recommendation,
        quizzes.quiz_id::text as about_key,
        null::uuid as student_id,
        null::uuid as video_id,
        quizzes.quiz_id,
        null::text as question_id,
        quizzes.title as about,
        'Revise the quiz' as action,
        {{ in_digits('results.attempt_count - results.pass_count') }}
        || ' of ' || {{ in_digits('results.attempt_count') }} || ' attempts failed, over 50%' as reason,
        results.last_attempted_at as since_at
    from {{ ref('stg_quizzes') }} as quizzes
    inner join {{ ref('int_quiz_results') }} as results on quizzes.quiz_id = results.quiz_id
    where results.is_struggling and quizzes.created_at <= {{ as_of() }} and {{ touched_text('quizzes.quiz_id') }}
),

gaps as (
    select
        creator_id,
        'close_gap' as recommendation,
        question_id as about_key,
        null::uuid as student_id,
        null::uuid as video_id,
        null::uuid as quiz_id,
        question_id,
        question as about,
        'Answer it in an FAQ or a video' as action,
        case
            when student_count >= 5 then {{ in_digits('student_count') }} || ' students asked it in 90 days'
            else
                'Asked ' || {{ in_digits('ask_30d_count') }} || ' times in 30 days, '
                || {{ in_digits('positive_count') }} || ' of ' || {{ in_digits('rated_count') }} || ' ratings positive'
        end as reason,
        last_asked_at as since_at
    from {{ ref('int_questions') }}
    where is_content_gap and {{ touched('creator_id', 'question_id') }}
)

select * from idle
union all
select * from engaged
union all
select * from videos
union all
select * from quizzes
union all
select * from gaps
