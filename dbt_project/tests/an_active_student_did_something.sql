select
    days.creator_id,
    days.activity_on,
    days.active_student_count
from {{ ref('daily_activity') }} as days
inner join {{ ref('creator_overview') }} as overview on days.creator_id = overview.creator_id
where
    {{ gate('daily_activity', 'days.creator_id', 'days.activity_on') }}
    and (days.active_student_count < greatest(
        days.watching_student_count, days.quizzing_student_count, days.chatting_student_count, days.submitting_student_count
    )
    or days.active_student_count
    > days.watching_student_count + days.quizzing_student_count + days.chatting_student_count + days.submitting_student_count
    or days.activity_on > overview.today_on)
