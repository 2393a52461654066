-- Nobody passes a threshold of time from %(since)s to %(until)s. Written to the source, in which the next run finds it.
update app.students as s
set last_active = %(now)s at time zone 'UTC', updated_at = %(now)s at time zone 'UTC'
from intermediate.int_students_tiered as t
cross join (values (7), (14)) as rule (days)
where t.student_id = s.id
    and t.idle_since > %(since)s::timestamptz - make_interval(hours => rule.days * 24)
    and t.idle_since <= %(until)s::timestamptz - make_interval(hours => rule.days * 24);
update app.students
set created_at = created_at - interval '1 day', updated_at = %(now)s at time zone 'UTC'
where created_at > (%(since)s::timestamptz - interval '7 days') at time zone 'UTC'
    and created_at <= (%(until)s::timestamptz - interval '7 days') at time zone 'UTC';
-- A video left unfinished makes its student stalled after 7 days.
update app.video_progress
set updated_at = %(now)s at time zone 'UTC'
where not completed and completion_percentage between 5 and 90
    and updated_at > (%(since)s::timestamptz - interval '7 days') at time zone 'UTC'
    and updated_at <= (%(until)s::timestamptz - interval '7 days') at time zone 'UTC';
