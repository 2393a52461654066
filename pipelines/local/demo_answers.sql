-- The answers given in the quiz attempts of plan_attempts. Score and result follow from them, and from how easy each question is; quizzes
-- without questions have a score all the same, as the app wrote it. Read by demo.py for the whole history and by life.py for an hour.
insert into quiz_attempts (id, quiz_id, student_id, answers, score, passed, time_taken_seconds, completed_at)
select
    pg_temp.id('quiz_attempts', m), quiz_id, student_id, coalesce(answers, '{}'), score, score >= passing_score,
    case when pg_temp.u('timed', m) < 0.95 then 60 + (600 * pg_temp.u('takes long', m) ^ 2)::int end, completed_at
from plan_attempts
left join lateral (
    select
        jsonb_object_agg(question_id #>> '{}', answer) filter (where answer is not null) as answers,
        sum(case when is_right then points else 0 end) * 100 / sum(points) as percent
    from (
        select
            points, question_id, is_right,
            case
                when not is_right and pg_temp.u('skips', x) < 0.06 then null
                when jsonb_typeof(correct_answer) = 'boolean' then to_jsonb((correct_answer = 'true') = is_right)
                when correct_answer is null then '"because of the second example"'
                when is_right then correct_answer
                else to_jsonb(chr(97 + mod(ascii(correct_answer #>> '{}') - 97 + pg_temp.pick('wrong', x, 3), 4)))
            end as answer
        from (
            select points, question_id, correct_answer, m * 8 + g as x, pg_temp.u('right', m * 8 + g) < ease * skill as is_right
            from plan_questions where plan_questions.quiz_id = plan_attempts.quiz_id
            offset 0
        ) as marked
    ) as given
) as answered on true
cross join lateral (select coalesce(percent, 50 + pg_temp.pick('score', m, 50))::int as score) as scored;
