{% set counts = [
    'active_student_count', 'watching_student_count', 'quizzing_student_count', 'chatting_student_count', 'submitting_student_count',
    'videos_watched_count', 'watch_seconds', 'completion_count', 'quiz_attempt_count', 'message_count', 'new_student_count'
] -%}
select
    published.creator_id,
    published.activity_on
from {{ published('daily_activity') }} as published
inner join {{ ref('int_creators') }} as creators on published.creator_id = creators.creator_id
left join {{ ref('daily_activity') }} as days on published.creator_id = days.creator_id and published.activity_on = days.activity_on
where
    {{ gate('daily_activity', 'published.creator_id', 'published.activity_on') }}
    and (
        days.activity_on is null
        {%- for name in counts %}
            or days.{{ name }} < published.{{ name }}
        {%- endfor %}
    )
