with students as (
    select
        creator_id,
        student_id
    from {{ ref('stg_students') }}
    where {{ touched('student_id') }}
),

zones as (
    select * from {{ ref('stg_creator_zones') }}
),

attempts as (
    select
        students.student_id,
        attempts.quiz_id,
        attempts.is_passed,
        (attempts.completed_at at time zone zones.timezone)::date as completed_on
    from students
    inner join {{ ref('stg_quiz_attempts') }} as attempts on students.student_id = attempts.student_id
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id and students.creator_id = quizzes.creator_id
    inner join zones
        on students.creator_id = zones.creator_id and attempts.completed_at >= zones.valid_from and attempts.completed_at < zones.valid_until
    where attempts.completed_at <= {{ as_of() }}
),

failed_quizzes as (
    select
        student_id,
        (array_agg(completed_on order by completed_on desc))[2] as failed_again_on
    from attempts
    group by student_id, quiz_id
    having count(*) > 1 and not bool_or(is_passed)
),

failures as (
    select
        student_id,
        max(failed_again_on) as failed_twice_on
    from failed_quizzes
    group by student_id
),

payments as (
    select
        students.creator_id,
        students.student_id,
        payments.is_paid,
        payments.occurred_at,
        max(payments.occurred_at) filter (where payments.is_paid) over (partition by students.student_id) as last_paid_at
    from students
    inner join {{ ref('int_payments') }} as payments on students.student_id = payments.student_id and students.creator_id = payments.creator_id
),

unpaid as (
    select
        payments.student_id,
        max((payments.occurred_at at time zone zones.timezone)::date) as failed_payment_on
    from payments
    inner join zones
        on payments.creator_id = zones.creator_id and payments.occurred_at >= zones.valid_from and payments.occurred_at < zones.valid_until
    where not payments.is_paid and payments.occurred_at >= coalesce(payments.last_paid_at, '-infinity')
    group by payments.student_id
)

select
    students.creator_id,
    students.student_id,
    failures.failed_twice_on,
    unpaid.failed_payment_on
from students
left join failures on students.student_id = failures.student_id
left join unpaid on students.student_id = unpaid.student_id
where failures.failed_twice_on is not null or unpaid.failed_payment_on is not null
