select
    recommendations.creator_id,
    recommendations.recommendation,
    recommendations.about_key
from {{ ref('recommendations') }} as recommendations
left join {{ ref('student_engagement_tiers') }} as students
    on recommendations.student_id = students.student_id and recommendations.creator_id = students.creator_id
left join {{ ref('video_analytics') }} as videos
    on recommendations.video_id = videos.video_id and recommendations.creator_id = videos.creator_id and videos.needs_attention
left join {{ ref('quiz_analytics') }} as quizzes
    on recommendations.quiz_id = quizzes.quiz_id and recommendations.creator_id = quizzes.creator_id and quizzes.is_struggling
left join {{ ref('top_questions') }} as questions
    on recommendations.question_id = questions.question_id and recommendations.creator_id = questions.creator_id and questions.is_content_gap
where
    {{ gate('recommendations', 'recommendations.creator_id', 'recommendations.about_key') }}
    and (
        coalesce(recommendations.reason, '') = ''
        or coalesce(students.student_id, videos.video_id, quizzes.quiz_id) is null and questions.question_id is null
    )
