-- 20,000 progress rows move on in the hour before %(as_of)s: 200 of each of 100 creators, on 20 videos of each; other rows each time.
-- (A few more of each where not all of the creators have so many videos.)
with creators as (
    select creator_id from app.videos group by creator_id having count(*) >= 20
        and exists (select from app.students as s where s.creator_id = videos.creator_id)
    order by md5(creator_id::text) limit 100
),
videos as (
    select v.id, v.creator_id from creators as c
    cross join lateral (select * from app.videos as w where w.creator_id = c.creator_id order by md5(w.id::text) limit 20) as v
),
chosen as (
    select p.id, p.no from (
        select q.id, row_number() over (partition by v.creator_id order by md5(q.id::text || %(as_of)s::text)) as no
        from videos as v inner join app.video_progress as q on q.video_id = v.id
    ) as p where p.no <= 205 order by p.no limit 20000
)
update app.video_progress as p
set watch_time_seconds = p.watch_time_seconds + 60, completion_percentage = least(p.completion_percentage + 5, 100),
    completed = p.completed or p.completion_percentage >= 95,
    updated_at = (%(as_of)s::timestamptz at time zone 'UTC') - make_interval(secs => 3600.0 * chosen.no / 206)
from chosen where p.id = chosen.id
