select
    wording_id,
    question_id,
    masked,
    is_question
from {{ source('grouping', 'question_wordings') }}
