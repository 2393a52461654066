select
    questions.video_id,
    count(*)::integer as related_question_count
from {{ ref('int_messages_answered') }} as questions
inner join {{ ref('int_creators') }} as creators on questions.creator_id = creators.creator_id
inner join {{ ref('stg_videos') }} as videos on questions.video_id = videos.video_id and questions.creator_id = videos.creator_id
where
    questions.is_question
    and questions.sent_on > creators.today_on - 90
    and videos.created_at <= {{ as_of() }}
    and {{ touched('questions.video_id') }}
group by questions.video_id
