select
    creator_id,
    'students' as what
from {{ ref('creator_overview') }}
where
    {{ gate('creator_overview', 'creator_id') }}
    and (active_7d_count > active_30d_count or active_30d_count > student_count or new_30d_count > student_count)
union all
select
    creator_id,
    'question ' || question_id as what
from {{ ref('top_questions') }}
where
    {{ gate('top_questions', 'creator_id', 'question_id') }}
    and (ask_7d_count > ask_30d_count or ask_30d_count > ask_count or student_count > ask_count or first_asked_at > last_asked_at)
