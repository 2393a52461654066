select
    creator_id,
    question_id,
    group_id
from {{ source('grouping', 'question_groups') }}
