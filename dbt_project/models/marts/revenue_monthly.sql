select * from {{ ref('int_revenue_months') }}
where {{ touched('creator_id', 'month_on') }}
