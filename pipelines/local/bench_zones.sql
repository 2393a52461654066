-- No creator's local midnight falls between %(since)s and %(until)s.
update app.creator_preferences as p
set export_preferences = p.export_preferences || jsonb_build_object('timezone', calm.name)
from pg_timezone_names as z,
    (select name from (values ('UTC'), ('Asia/Tokyo'), ('America/Los_Angeles')) as zone (name)
     where (%(since)s::timestamptz at time zone name)::date = (%(until)s::timestamptz at time zone name)::date limit 1) as calm
where z.name = p.export_preferences ->> 'timezone'
    and (%(since)s::timestamptz at time zone z.name)::date <> (%(until)s::timestamptz at time zone z.name)::date;
