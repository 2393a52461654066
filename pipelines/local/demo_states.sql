-- How the platform came to be what it is: each state that each progress row went through, and since when creators have their preferences.
-- Views over the platform's tables, the newest state among their rows; every number is a hash of the row's id, so they are the same each time.

-- A row has one to six states, `k` in order of time, the last one as it stands now. Most of them lie within an hour of the row's making; of a
-- row that moved on another day some lie on days between. Some begin as a page that was only opened. One row in forty was begun again:
-- its totals fall at state `restart`. `share`: how much of what it came to the row had by then.
-- `offset 0` has each number computed once, not where it is used.
create or replace temp view demo_states as
with rows_counted as (
    select
        *,
        case when span = 0 then 1 when span <= 10800 then pg_temp.pick('states', n, 3) else 1 + pg_temp.pick('states', n, 5) end as states
    from (
        select *, pg_temp.n(id) as n, extract(epoch from updated_at - created_at)::float8 as span from video_progress offset 0
    ) as measured
    offset 0
),
restarted as (
    select
        *,
        case when states >= 3 and pg_temp.u('starts over', n) < 0.06 then 1 + pg_temp.pick('starts over at', n, states - 1) end as restart
    from rows_counted
    offset 0
),
states as (
    select
        r.*, k, (k - 1 + pg_temp.u('state at', n * 8 + k)) / states as passed,
        case
            when k = states or k = restart - 1 then 1
            when k = 1 and pg_temp.u('only opened it', n) < 0.1 then 0
            when k < restart then (k - 1 + pg_temp.u('share', n * 8 + k)) / (restart - 1)
            else (k - coalesce(restart, 1) + pg_temp.u('share', n * 8 + k)) / (states - coalesce(restart, 1) + 1)
        end as share,
        coalesce(k < restart, false) as is_before_restart
    from restarted as r, generate_series(1, r.states) as k
    offset 0
),
reached as (
    select
        *,
        case
            when k = states then updated_at
            when span <= 10800 then created_at + interval '1 second' * span * passed
            else least(updated_at, created_at + interval '1 day' * floor(span * passed / 86400) + interval '50 minutes' * passed)
        end as at,
        case when is_before_restart then watch_time_seconds + 60 + pg_temp.pick('more seconds', n, 600) else watch_time_seconds end as seconds_in_all,
        case
            when is_before_restart then least(100, completion_percentage + pg_temp.pick('more of it', n, 60)) else completion_percentage
        end as completion_in_all
    from states
    offset 0
)
select
    id, student_id, video_id, k, states, restart, at,
    floor(share * seconds_in_all)::int as watch_time_seconds, percentage as completion_percentage,
    case when k = states then completed else percentage = 100 end as completed,
    floor(share * last_position_seconds)::int as last_position_seconds, created_at
from (select *, least(completion_in_all, floor(1.3 * share * completion_in_all))::int as percentage from reached offset 0) as counted;

-- Most creators sign up with their preferences; three in ten choose them on the day that the row says.
create or replace temp view demo_choices as
select
    c.id as creator_id, c.created_at,
    case
        when pg_temp.u('chooses later', pg_temp.n(c.id)) < 0.3 then greatest(p.updated_at at time zone 'UTC', c.created_at) else c.created_at
    end as chosen_at,
    p.export_preferences
from creators as c join creator_preferences as p on p.creator_id = c.id;
