-- depends_on: {{ ref('int_creators') }}
-- depends_on: {{ ref('daily_activity') }}
{% set published = adapter.get_relation(database=target.database, schema='analytics', identifier='daily_activity') -%}
{% set counts = [
    'active_student_count', 'watching_student_count', 'quizzing_student_count', 'chatting_student_count', 'submitting_student_count',
    'videos_watched_count', 'watch_seconds', 'completion_count', 'quiz_attempt_count', 'message_count', 'new_student_count'
] %}
{% if published is none %}
select creator_id
from {{ ref('daily_activity') }}
where false
{% else %}
select
    published.creator_id,
    published.activity_on
from {{ published }} as published
left join {{ ref('daily_activity') }} as days on published.creator_id = days.creator_id and published.activity_on = days.activity_on
inner join {{ ref('int_creators') }} as creators on published.creator_id = creators.creator_id
where
    {{ gate('daily_activity', 'published.creator_id', 'published.activity_on') }}
    and (
        days.activity_on is null
        {%- for name in counts %}
        or days.{{ name }} < published.{{ name }}
        {%- endfor %}
    )
{% endif %}
