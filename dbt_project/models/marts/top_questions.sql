with questions as (
    select
        messages.*,
        creators.today_on
    from {{ ref('int_messages_answered') }} as messages
    inner join {{ ref('int_creators') }} as creators on messages.creator_id = creators.creator_id
    where
        messages.is_question
        and messages.sent_on > creators.today_on - 90
        and {{ touched('messages.creator_id', 'messages.question_id') }}
),

wordings as (
    select
        creator_id,
        question_id,
        wording,
        row_number() over (
            partition by creator_id, question_id
            order by count(*) desc, length(wording), wording collate "C"
        ) as wording_rank
    from questions
    group by creator_id, question_id, wording
),

asks as (
    select
        creator_id,
        question_id,
        count(*) as ask_count,
        count(distinct student_id) as student_count,
        count(*) filter (where sent_on > today_on - 7) as ask_7d_count,
        count(*) filter (where sent_on > today_on - 30) as ask_30d_count,
        sum(positive_count) as positive_count,
        sum(positive_count + negative_count) as rated_count,
        min(sent_at) as first_asked_at,
        max(sent_at) as last_asked_at
    from questions
    group by creator_id, question_id
)

select
    asks.creator_id,
    asks.question_id,
    wordings.wording as question,
    asks.ask_count::integer as ask_count,
    asks.student_count::integer as student_count,
    asks.ask_7d_count::integer as ask_7d_count,
    asks.ask_30d_count::integer as ask_30d_count,
    {{ rate('asks.positive_count', 'asks.rated_count') }} as satisfaction_rate,
    asks.first_asked_at,
    asks.last_asked_at
from asks
inner join wordings
    on
        asks.creator_id = wordings.creator_id
        and asks.question_id = wordings.question_id
        and wordings.wording_rank = 1
