-- Questions of one group are one; a question without a group (no step has placed it) is one of its own.
with members as (
    select
        messages.*,
        grouped.group_id
    from {{ ref('stg_question_groups') }} as grouped
    inner join {{ ref('int_messages_answered') }} as messages
        on grouped.creator_id = messages.creator_id and grouped.question_id = messages.question_id
    where {{ touched('grouped.creator_id', 'grouped.group_id') }}
    union all
    select
        messages.*,
        messages.question_id as group_id
    from {{ ref('int_messages_answered') }} as messages
    where
        {{ touched('messages.creator_id', 'messages.question_id') }}
        and not exists (
            select 1
            from {{ ref('stg_question_groups') }} as grouped
            where grouped.creator_id = messages.creator_id and grouped.question_id = messages.question_id
        )
),

questions as (
    select
        members.creator_id,
        members.group_id as question_id,
        members.question_id as form_id,
        members.student_id,
        members.sent_at,
        members.sent_on,
        members.wording,
        members.positive_count,
        members.negative_count,
        members.video_id,
        members.video_second,
        creators.today_on
    from members
    inner join {{ ref('int_creators') }} as creators on members.creator_id = creators.creator_id
    where members.is_question and members.sent_on > creators.today_on - 90
),

-- A form is what wordings have in common that differ in case and punctuation: the first of each form can be shown.
wordings as (
    select
        creator_id,
        question_id,
        wording,
        row_number() over (
            partition by creator_id, question_id
            order by count(*) desc, length(wording), wording collate "C"
        ) as wording_rank,
        row_number() over (
            partition by creator_id, question_id, min(form_id)
            order by count(*) desc, length(wording), wording collate "C"
        ) as form_rank
    from questions
    group by creator_id, question_id, wording
),

first_wordings as (
    select * from wordings
    where wording_rank = 1
),

examples as (
    select
        creator_id,
        question_id,
        (array_agg(wording order by wording_rank))[1:3] as wordings
    from wordings
    where wording_rank > 1 and form_rank = 1
    group by creator_id, question_id
),

-- Only videos that the creator has are shown.
places as (
    select
        questions.creator_id,
        questions.question_id,
        questions.video_id,
        videos.title,
        questions.video_second,
        count(*) as place_count,
        sum(count(*)) over (partition by questions.creator_id, questions.question_id, questions.video_id) as video_count
    from questions
    inner join {{ ref('stg_videos') }} as videos on questions.video_id = videos.video_id and questions.creator_id = videos.creator_id
    where videos.created_at <= {{ as_of() }}
    group by questions.creator_id, questions.question_id, questions.video_id, videos.title, questions.video_second
),

related as (
    select
        *,
        row_number() over (
            partition by creator_id, question_id
            order by video_count desc, video_id asc, (video_second is null) asc, place_count desc, video_second asc
        ) as place_rank
    from places
),

first_places as (
    select * from related
    where place_rank = 1
),

asks as (
    select
        creator_id,
        question_id,
        count(*) as ask_count,
        count(distinct student_id) as student_count,
        count(*) filter (where sent_on > today_on - 7) as ask_7d_count,
        count(*) filter (where sent_on > today_on - 30) as ask_30d_count,
        count(*) filter (where sent_on > today_on - 28 and sent_on <= today_on - 7) as ask_prior_21d_count,
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
    first_wordings.wording as question,
    examples.wordings as example_wordings,
    asks.ask_count::integer as ask_count,
    asks.student_count::integer as student_count,
    asks.ask_7d_count::integer as ask_7d_count,
    asks.ask_30d_count::integer as ask_30d_count,
    asks.positive_count::integer as positive_count,
    asks.rated_count::integer as rated_count,
    -- Three times the asks of 7 days against the asks of three weeks: whole numbers.
    case
        when asks.ask_7d_count >= 3 and asks.ask_7d_count * 3 >= asks.ask_prior_21d_count * 2 then 'emerging'
        when asks.ask_prior_21d_count > 0 and asks.ask_7d_count * 3 * 2 <= asks.ask_prior_21d_count then 'fading'
        else 'steady'
    end as trend,
    asks.student_count >= 5 or (asks.ask_30d_count >= 5 and asks.positive_count * 2 < asks.rated_count) as is_content_gap,
    asks.first_asked_at,
    asks.last_asked_at,
    first_places.video_id as related_video_id,
    first_places.title as related_video_title,
    first_places.video_second as related_video_second
-- Every question has a wording, and nothing else has one: so full joins are right, and never a loop over all wordings for each question, as which a join of
-- what the planner takes for one row each would be run.
from asks
full join first_wordings
    on
        asks.creator_id = first_wordings.creator_id
        and asks.question_id = first_wordings.question_id
full join examples
    on
        asks.creator_id = examples.creator_id
        and asks.question_id = examples.question_id
full join first_places
    on
        asks.creator_id = first_places.creator_id
        and asks.question_id = first_places.question_id
