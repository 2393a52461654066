select opened_as_of
from {{ source('ledger', 'ledger_opening') }}
