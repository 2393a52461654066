with questions as (
    select * from {{ ref('int_video_questions') }}
    where {{ touched('video_id') }}
),

videos as (
    select
        videos.*,
        coalesce(questions.related_question_count, 0) as related_question_count,
        {{ few_finish('videos.viewer_count', 'videos.completion_count') }} as is_seldom_finished,
        coalesce({{ many_ask('questions.related_question_count') }}, false) as is_asked_about
    from {{ ref('int_video_progress') }} as videos
    left join questions on videos.video_id = questions.video_id
    where {{ touched('videos.video_id') }}
),

drop_offs as (
    select * from {{ ref('int_video_drop_off') }}
    where {{ touched('video_id') }}
),

-- Video by video: the days of a touched video are found by index, not among all days of its creator.
views as (
    select
        videos.video_id,
        counted.view_count,
        counted.view_7d_count
    from videos
    inner join {{ ref('int_creators') }} as creators on videos.creator_id = creators.creator_id
    cross join lateral (
        select
            sum(days.view_count) as view_count,
            sum(days.view_count) filter (where days.activity_on > creators.today_on - 7) as view_7d_count
        from {{ ref('int_video_days') }} as days
        where days.video_id = videos.video_id
    ) as counted
)

select
    videos.creator_id,
    videos.video_id,
    videos.course_id,
    videos.title,
    videos.category,
    videos.duration_seconds,
    videos.viewer_count,
    coalesce(views.view_count, 0)::integer as view_count,
    coalesce(views.view_7d_count, 0)::integer as view_7d_count,
    {{ rate('videos.completion_percentage_sum', 'videos.viewer_count * 100') }} as avg_completion_rate,
    {{ mean('videos.watch_seconds', 'videos.viewer_count') }} as avg_watch_seconds,
    videos.completion_count,
    {{ rate('videos.completion_count', 'videos.viewer_count') }} as completion_rate,
    videos.high_engagement_count,
    videos.low_engagement_count,
    {{ rate('videos.unfinished_completion_percentage_sum', '(videos.viewer_count - videos.completion_count) * 100') }} as avg_drop_off_rate,
    drop_offs.drop_off_second,
    videos.last_viewed_at,
    videos.is_seldom_finished or videos.is_asked_about as needs_attention,
    nullif(concat_ws(
        '; ',
        case when videos.is_seldom_finished then {{ few_finish_in_words('videos.viewer_count', 'videos.completion_count') }} end,
        case when videos.is_asked_about then {{ many_ask_in_words('videos.related_question_count') }} end
    ), '') as attention_reason,
    videos.related_question_count,
    case when videos.viewer_count > 0 then retention.rates end as retention_rates
from videos
left join views on videos.video_id = views.video_id
left join drop_offs on videos.video_id = drop_offs.video_id
cross join lateral (
    select array_agg({{ rate('reached.viewer_count', 'videos.viewer_count') }} order by reached.twentieth)::numeric(5, 4)[] as rates
    from (
        select
            counts.twentieth,
            sum(counts.viewer_count) over (order by counts.twentieth desc) as viewer_count
        from unnest(videos.best_completion_counts::integer[]) with ordinality as counts (viewer_count, twentieth)
    ) as reached
) as retention
