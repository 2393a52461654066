select
    id as transaction_id,
    student_id,
    action,
    xp_amount,
    created_at
from {{ source('raw', 'xp_transactions') }}
