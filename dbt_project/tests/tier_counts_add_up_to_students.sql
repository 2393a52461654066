select
    creator_id,
    student_count,
    inactive_count + at_risk_count + low_engagement_count + highly_engaged_count + engaged_count + moderate_count as tiered_count
from {{ ref('creator_overview') }}
where
    {{ gate('creator_overview', 'creator_id') }}
    and inactive_count + at_risk_count + low_engagement_count + highly_engaged_count + engaged_count + moderate_count <> student_count
