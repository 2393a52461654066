select
    students.creator_id,
    'student' as what,
    students.student_id as row_id
from {{ ref('student_engagement_tiers') }} as students
left join {{ ref('stg_students') }} as owned on students.student_id = owned.student_id
where owned.creator_id is distinct from students.creator_id and {{ gate('student_engagement_tiers', 'students.student_id') }}
union all
select
    videos.creator_id,
    'video' as what,
    videos.video_id as row_id
from {{ ref('video_analytics') }} as videos
left join {{ ref('stg_videos') }} as owned on videos.video_id = owned.video_id
where owned.creator_id is distinct from videos.creator_id and {{ gate('video_analytics', 'videos.video_id') }}
