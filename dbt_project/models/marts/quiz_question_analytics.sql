-- Of questions that share an id the first counts: answers do not tell them apart. Text of any JSON value, so that the number 3 and the string 3 are equal.
with questions as (
    select distinct on (quizzes.quiz_id, item.question ->> 'id')
        quizzes.creator_id,
        quizzes.quiz_id,
        item.question ->> 'id' as question_id,
        item.question_no::integer as question_no,
        item.question ->> 'question' as question,
        item.question ->> 'correct_answer' as correct_answer
    from {{ ref('stg_quizzes') }} as quizzes
    cross join lateral jsonb_array_elements(quizzes.questions) with ordinality as item (question, question_no)
    where
        quizzes.created_at <= {{ as_of() }}
        and jsonb_typeof(item.question -> 'id') in ('string', 'number')
        and length(item.question ->> 'id') between 1 and 200
        and {{ touched('quizzes.quiz_id') }}
    order by quizzes.quiz_id, item.question ->> 'id', item.question_no
),

answers as (
    select
        questions.quiz_id,
        questions.question_id,
        count(attempts.answers ->> questions.question_id) as answer_count,
        count(*) filter (where attempts.answers ->> questions.question_id <> questions.correct_answer) as wrong_count
    from questions
    inner join {{ ref('int_attempts') }} as attempts on questions.quiz_id = attempts.quiz_id
    group by questions.quiz_id, questions.question_id
)

select
    questions.creator_id,
    questions.quiz_id,
    questions.question_id,
    questions.question_no,
    questions.question,
    coalesce(answers.answer_count, 0)::integer as answer_count,
    case when questions.correct_answer is not null then coalesce(answers.wrong_count, 0)::integer end as wrong_count,
    {{ rate('answers.wrong_count', 'case when questions.correct_answer is not null then answers.answer_count end') }} as wrong_rate
from questions
left join answers on questions.quiz_id = answers.quiz_id and questions.question_id = answers.question_id
