-- Roles, schemas and the operational tables. Idempotent: `creator-reports init-db` runs it as often as one likes.
-- Roles belong to the whole server, so another database's init-db may make them at the same moment: a duplicate is fine.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['analytics_owner', 'publisher', 'bi_reader', 'bi_reader_deidentified', 'report_renderer', 'creator_reader', 'token_lookup', 'app_requests'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then null;
            end;
        end if;
        if not pg_has_role(current_user, wanted, 'member')
            or (current_setting('server_version_num')::int >= 160000 and not exists (
                select from pg_auth_members
                where roleid = wanted::regrole and member = current_user::regrole
                    and coalesce((to_jsonb(pg_auth_members) ->> 'set_option')::boolean, true))
                and not (select rolsuper from pg_roles where rolname = current_user))
        then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end $$;

create schema if not exists incoming;
create schema if not exists raw;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists marts;
create schema if not exists ops;
create schema if not exists door;
create schema if not exists analytics;
create schema if not exists analytics_deidentified;

-- The owner of the published tables does DDL only; row security binds it too.
do $$ begin execute format('grant create, temporary on database %I to analytics_owner', current_database()); end $$;
grant create, usage on schema analytics, analytics_deidentified to analytics_owner;
grant usage on schema analytics to publisher, bi_reader, bi_reader_deidentified, report_renderer, creator_reader;
grant usage on schema analytics_deidentified to bi_reader_deidentified;
grant usage on schema marts, ops to publisher;
grant usage on schema ops to report_renderer, creator_reader, token_lookup, analytics_owner;
alter default privileges in schema marts grant select on tables to publisher;

-- Which run may write, and how far the tables in `marts` are.
create table if not exists ops.current_run (
    is_only boolean primary key default true check (is_only),
    run_id text not null, job_name text not null, as_of timestamptz not null, started_at timestamptz not null default clock_timestamp());
comment on table ops.current_run is 'One row: the run that holds the lock. Booking and publishing stop when it is not theirs.';

create table if not exists ops.build (
    is_only boolean primary key default true check (is_only),
    booked_run_id text, booked_as_of timestamptz, complete_through timestamptz,
    built_run_id text, built_as_of timestamptz, state text not null default 'empty' check (state in ('empty', 'building', 'built', 'audited')));
alter table ops.build add column if not exists shape text;
comment on table ops.build is 'One row: what `raw` holds (booked) and what `marts` holds (built). Only marts in the state `audited` are published. shape: what the published tables were like after the last publish (published_shape).';
insert into ops.build (is_only) values (true) on conflict do nothing;

create table if not exists ops.watermarks (table_name text primary key, watermark timestamptz not null, run_id text not null);
comment on table ops.watermarks is 'Per source table: the newest change that is booked. The next run reads from here, less an overlap.';

create table if not exists ops.quarantine (
    table_name text not null, row_key text not null, reason text not null, creator_id text,
    first_seen_at timestamptz not null, last_seen_at timestamptz not null, primary key (table_name, row_key, reason));
alter table ops.quarantine add column if not exists is_booked boolean not null default false;
comment on table ops.quarantine is 'Source rows that were set aside, with the reason. Every run reads them again; a row that is healed is booked by that run. is_booked: whether a run went on without the row; a run that stops because of too many bad rows leaves false.';

create unlogged table if not exists incoming.gone (table_name text not null, row_key text not null, primary key (table_name, row_key));
comment on table incoming.gone is 'Rows of `raw` that the source has no longer, as the last read found them; the booking follows and empties it.';

create table if not exists ops.gates (creator_id uuid not null, reason text not null, since timestamptz not null, primary key (creator_id, reason));
comment on table ops.gates is 'Closed delivery gates: a creator with a row here keeps the last good report until the cause is gone.';

-- What a run has to compute: keys that leave only in the publish transaction.
create table if not exists ops.touched (
    table_name text not null, key_id uuid not null, key_part text not null default '', primary key (table_name, key_id, key_part));
comment on table ops.touched is 'Keys of models whose inputs changed since they were published. key_part is the second column of the touch key, as text; empty without one.';

-- Counts by bucket, as rollups keep them and as hours add to them. See pipelines/additions.py.
create or replace function ops.count_in(counts integer[], amount bigint, bucket integer, size integer) returns integer[]
language plpgsql immutable parallel safe as $$
begin
    counts := coalesce(counts, array_fill(0, array[size]));
    if bucket between 1 and size then
        counts[bucket] := counts[bucket] + amount;
    end if;
    return counts;
end $$;
create or replace aggregate ops.histogram(amount bigint, bucket integer, size integer) (sfunc = ops.count_in, stype = integer[]);
comment on aggregate ops.histogram(bigint, integer, integer) is 'Amounts by bucket, 1 to size; others, and a null bucket, are not counted.';
create or replace function ops.add(a integer[], b integer[]) returns integer[] language sql immutable strict parallel safe as $$
    select array_agg(x + y order by place) from unnest(a, b) with ordinality as both_counts (x, y, place)
$$;
create or replace function ops.sixteenth(position_seconds integer, duration_seconds integer) returns integer language sql immutable parallel safe as $$
    select case when duration_seconds > 0 then least(position_seconds * 16::bigint / duration_seconds + 1, 16) else 1 end::integer
$$;
comment on function ops.sixteenth(integer, integer) is 'In which sixteenth of a video a position lies, 1 to 16; 1 while its length is unknown.';

create or replace function ops.best_reference(video_references jsonb) returns jsonb language sql immutable parallel safe as $$
    select jsonb_build_object('video_id', lower(place ->> 'video_id'), 'second',
        case when jsonb_typeof(place -> 'timestamp') = 'number' and (place ->> 'timestamp')::numeric between 0 and 86400
            then trunc((place ->> 'timestamp')::numeric)::integer end)
    from jsonb_array_elements(case when jsonb_typeof(video_references) = 'array' then video_references end) with ordinality as places (place, place_no)
    where place ->> 'video_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    order by case when jsonb_typeof(place -> 'relevance_score') = 'number' then (place ->> 'relevance_score')::numeric end desc nulls last, place_no
    limit 1
$$;
comment on function ops.best_reference(jsonb) is 'The place in a video that an answer points at: of several the most relevant, then the first. {video_id, second}; the second is null unless it lies within a day. Null without a place that names a video.';

-- Row-level tables (meta.cadence: daily) are built once a day: what changes them waits here for the nightly run.
create table if not exists ops.waiting (
    table_name text not null, key_id uuid not null, key_part text not null default '', primary key (table_name, key_id, key_part));
comment on table ops.waiting is 'Touched keys of models that only nightly runs build. The next one moves them to ops.touched; until then their published rows are as of the last.';

create table if not exists ops.models (
    model_name text primary key, version text not null, is_published boolean not null default false);
comment on table ops.models is 'Per dbt model: the version of code and contract that its table or view was built by; is_published: whether all its rows were published since.';

create table if not exists ops.erasures (student_digest text primary key, erased_as_of timestamptz not null);
comment on table ops.erasures is 'sha256 of the random ids of erased students: what is restored of them stands under other random ids.';

-- What is to be saved to the ledger's bucket: see pipelines/keeping.py.
create table if not exists ops.unsaved_days (table_name text not null, day_on date not null, primary key (table_name, day_on));
comment on table ops.unsaved_days is 'Days of primary data that were rewritten since they were saved to the bucket.';

create table if not exists ops.days_being_saved (table_name text not null, day_on date not null, primary key (table_name, day_on));
comment on table ops.days_being_saved is 'Days that a save has taken on and not finished. Whoever changes a row meanwhile marks its day in unsaved_days again.';

create table if not exists ops.last_save (
    is_only boolean primary key default true check (is_only), save_id text not null, earlier_save_id text);
comment on table ops.last_save is 'The save that wrote the index in the ledger''s bucket. While one runs, earlier_save_id is the one before it: the index is of either.';

create table if not exists ops.compiled (name text primary key, version text not null, query text not null);
comment on table ops.compiled is 'SQL of models and data tests, narrowed to touched keys and over all rows (whole), as dbt compiled it for this version of their code.';

-- The instant that the run computes for. A setting of the session wins, so that tables can be computed again for another instant.
create or replace function ops.as_of() returns timestamptz language plpgsql stable parallel safe as $$
declare
    found timestamptz := coalesce(nullif(current_setting('ops.as_of', true), '')::timestamptz, (select as_of from ops.current_run));
begin
    if found is null then
        raise exception 'no run stands in ops.current_run, so there is no instant to compute for';
    end if;
    return found;
end $$;

-- The ledger and the other primary data of `raw`: what the source forgets. See pipelines/ledger.py.
create table if not exists raw.watch_gains (
    student_id uuid not null, video_id uuid not null, booked_no integer not null, creator_id uuid not null, observed_at timestamptz not null,
    seconds_gained integer not null, completion_gained integer not null, reset_seconds integer not null, reset_completion integer not null,
    watch_seconds integer not null, completion_percentage integer not null, is_completed boolean not null, last_position_seconds integer not null,
    best_completion_percentage integer not null, is_first_view boolean not null, is_completed_now boolean not null,
    has_crossed_25 boolean not null, has_crossed_50 boolean not null, has_crossed_75 boolean not null,
    is_opening boolean not null, is_reset boolean not null, booked_as_of timestamptz not null,
    primary key (student_id, video_id, booked_no));
comment on table raw.watch_gains is 'The ledger: append-only, one row per change of a progress row that a run saw; gains minus resets add up to the newest totals.';
create index if not exists watch_gains_video on raw.watch_gains (video_id, observed_at);
create index if not exists watch_gains_student on raw.watch_gains (student_id, observed_at);
create index if not exists watch_gains_observed on raw.watch_gains (observed_at);

create table if not exists raw.ledger_opening (is_only boolean primary key default true check (is_only), opened_as_of timestamptz not null);
alter table raw.ledger_opening add column if not exists ledger_id uuid not null default gen_random_uuid();
comment on column raw.ledger_opening.ledger_id is 'Tells this ledger from any other, so that a bucket is never overwritten with another ledger.';
comment on table raw.ledger_opening is 'One row: the run that booked the opening rows. Local days that began before it are partial.';

create table if not exists raw.creator_zones (
    creator_id uuid not null, valid_from timestamptz not null, timezone text not null, first_seen_as_of timestamptz not null,
    primary key (creator_id, valid_from));
comment on table raw.creator_zones is 'The time zone of each creator over time. A change holds from the next midnight in the old zone, so no local day is rewritten.';

create table if not exists raw.tombstones (student_id uuid primary key, gone_as_of timestamptz not null);
comment on table raw.tombstones is 'Students whom the source has no longer, since the night that missed them first. They show in no table of current states; a later night that misses them again erases them, and a student who is back loses the row.';

-- What students ask, grouped by meaning. See pipelines/question_groups.py.
create table if not exists raw.question_wordings (
    wording_id text primary key, question_id text not null, masked text not null, is_question boolean not null);
comment on table raw.question_wordings is 'One row per wording of a student''s message (md5 of it): its text with personal data masked, which question it is (md5 of the normalised wording) and whether it asks anything. Made anew from raw.chat_messages where it is lost; gone with the last message that has the wording.';
create index if not exists question_wordings_question on raw.question_wordings (question_id);
create table if not exists raw.question_vectors (question_id text not null, version text not null, vector bytea not null, primary key (question_id, version));
do $$ begin -- until nights had a recipe of their own, a question had one vector
    if (select cardinality(conkey) from pg_constraint where conrelid = 'raw.question_vectors'::regclass and contype = 'p') = 1 then
        alter table raw.question_vectors drop constraint question_vectors_pkey, add primary key (question_id, version);
    end if;
end $$;
comment on table raw.question_vectors is 'What the models of each recipe make of each question: half-precision floats, little-endian. Another version of the models makes them anew by night.';
create table if not exists raw.question_groups (
    creator_id uuid not null, question_id text not null, group_id text not null, version text not null, since_as_of timestamptz not null,
    primary key (creator_id, question_id));
comment on table raw.question_groups is 'Primary data: the group of each question that a creator''s students asked, the models that put it there, and since which run.';
create index if not exists question_groups_group on raw.question_groups (creator_id, group_id);
create table if not exists raw.question_group_changes (
    creator_id uuid not null, question_id text not null, changed_as_of timestamptz not null, from_group_id text not null, to_group_id text not null,
    kind text not null check (kind in ('merge', 'split', 'move')), primary key (creator_id, question_id, changed_as_of));
comment on table raw.question_group_changes is 'Questions that a night put into another group: the old group is no more (merge), the new one was not there before (split), or both stay (move).';
create table if not exists ops.new_questions (message_id uuid primary key);
comment on table ops.new_questions is 'Messages of students that were booked in words which no run has read yet for their creator.';
create table if not exists ops.question_clusterings (creator_id uuid primary key, digest text not null);
comment on table ops.question_clusterings is 'Of which questions, by which models, each creator''s groups were found last: the same ones are not grouped again.';

create or replace view ops.zones as
select
    creator_id, timezone, valid_from,
    coalesce(lead(valid_from) over (partition by creator_id order by valid_from), 'infinity') as valid_until
from raw.creator_zones;
create or replace function ops.today_on(of_creator uuid, at timestamptz) returns date language sql stable parallel safe as $$
    -- The last day of an earlier zone counts too: after a move to the west the calendar does not go back.
    select max(((least(at, valid_until - interval '1 microsecond')) at time zone timezone)::date) from ops.zones where creator_id = of_creator and valid_from <= at
$$;
comment on view ops.zones is 'creator_zones with the end of each: the zone of an instant is the one row with valid_from <= instant < valid_until.';

-- Object keys of a creator carry this random word: a new word ends all old links.
create table if not exists ops.generations (
    creator_id uuid primary key, generation text not null default replace(gen_random_uuid()::text, '-', ''), created_at timestamptz not null default clock_timestamp());
comment on table ops.generations is 'The random part of each creator''s object keys. Renderers hold the row FOR SHARE while they upload.';
grant select, insert on ops.generations to publisher;
grant update (creator_id) on ops.generations to publisher; -- FOR SHARE needs one updatable column

-- Revocations. See pipelines/revocation.py.
create table if not exists ops.revoked_keys (
    object_key text primary key, creator_id uuid not null, revoked_at timestamptz not null default clock_timestamp());
comment on table ops.revoked_keys is 'Object keys that were revoked one by one: never given again, also not when the same bytes are rendered again.';
create index if not exists revoked_keys_creator on ops.revoked_keys (creator_id);
create table if not exists ops.leaving_objects (prefix text primary key, noted_at timestamptz not null default clock_timestamp());
comment on table ops.leaving_objects is 'Beginnings of keys whose objects are to be deleted from the store: noted with the revocation, gone when they are.';
grant select on ops.revoked_keys to publisher;

create table if not exists ops.export_log (
    log_id bigint generated always as identity primary key,
    export_id uuid not null,
    event text not null check (event in ('started', 'finished', 'failed', 'abandoned', 'unchanged', 'linked')),
    logged_at timestamptz not null default clock_timestamp(),
    run_id text not null, requested_by text not null, creator_id uuid not null, report text not null, format text not null,
    edition_on date, as_of timestamptz, complete_through timestamptz, row_count bigint, byte_count bigint, sha256 text, object_key text, content_digest text, expires_at timestamptz, reason text);
comment on table ops.export_log is 'Append-only: who asked for what, what came of it. `started` is committed before an upload, its outcome after. Never a link.';
do $$ begin
    if not exists (select from pg_constraint where conrelid = 'ops.export_log'::regclass and pg_get_constraintdef(oid) like '%revoked%') then
        alter table ops.export_log drop constraint if exists export_log_event_check;
        alter table ops.export_log add constraint export_log_event_check
            check (event in ('started', 'finished', 'failed', 'abandoned', 'unchanged', 'linked', 'revoked'));
    end if;
end $$;
create unique index if not exists export_log_one_start on ops.export_log (export_id) where event = 'started';
create unique index if not exists export_log_one_end on ops.export_log (export_id) where event in ('finished', 'failed', 'abandoned');
create index if not exists export_log_latest on ops.export_log (creator_id, report, format, log_id desc);
create index if not exists export_log_edition on ops.export_log (edition_on);
grant select, insert on ops.export_log to publisher;
grant select on ops.current_run, ops.build, ops.touched, ops.waiting to publisher;

create or replace function ops.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ops.export_log is append-only: % is refused', tg_op;
end $$;
create or replace trigger export_log_is_append_only before update or delete or truncate on ops.export_log for each statement execute function ops.refuse_change();

-- The creator that a renderer's transaction is bound to; empty or malformed means none, and so no rows.
create or replace function ops.render_creator() returns uuid language sql stable parallel safe set search_path = pg_catalog as $$
    select case when current_setting('ops.render_creator', true) ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then current_setting('ops.render_creator', true)::uuid end
$$;

-- Who reads as which creator. The app shows a token that it was given; a creator named by a setting that the session itself can change would be no isolation.
create table if not exists ops.reader_tokens (
    token_digest bytea primary key, creator_id uuid not null, expires_at timestamptz not null,
    requested_by text not null, created_at timestamptz not null default clock_timestamp());
comment on table ops.reader_tokens is 'sha256 of each token that lets a session of creator_reader read one creator''s rows until it expires. The token itself is stored nowhere.';
create index if not exists reader_tokens_creator on ops.reader_tokens (creator_id);
grant select on ops.reader_tokens to token_lookup;

create or replace function ops.current_creator() returns uuid language sql stable security definer parallel safe set search_path = pg_catalog, pg_temp as $$
    select found.creator_id
    from ops.reader_tokens as found
    where found.token_digest = sha256(convert_to(current_setting('ops.token', true), 'UTF8')) and found.expires_at > clock_timestamp()
$$;
comment on function ops.current_creator() is 'The creator of the token in the setting ops.token; null without one that is valid now. Its owner, token_lookup, may read the tokens and nothing else.';
grant create on schema ops to token_lookup;
alter function ops.current_creator() owner to token_lookup;
revoke create on schema ops from token_lookup;

-- How a creator's reports stand. See pipelines/report_status.py.
create table if not exists ops.report_status (
    creator_id uuid primary key, state text not null check (state in ('current', 'held', 'waiting', 'failed', 'ended')), reason text, as_of timestamptz,
    edition_on date, since timestamptz not null, run_id text not null);
do $$ begin
    if not exists (select from pg_constraint where conname = 'report_status_state_check' and pg_get_constraintdef(oid) like '%ended%') then
        alter table ops.report_status drop constraint report_status_state_check,
            add constraint report_status_state_check check (state in ('current', 'held', 'waiting', 'failed', 'ended'));
    end if;
end $$;
comment on table ops.report_status is 'Per creator: whether the newest reports are those of the last run (current), or the last good ones stand because the gate is closed (held), was closed when an edition was made (waiting for the next one) or rendering failed (failed), or no more are made because the creator is gone or not on an enterprise plan (ended), with the reason, the instant that they are computed for and since when it is so.';
grant select on ops.report_status to creator_reader;
grant select, insert, update, delete on ops.report_status to publisher;

-- Mail to creators: see pipelines/delivery.py.
create table if not exists ops.outbox (
    creator_id uuid not null, edition text not null check (edition in ('daily', 'weekly')), local_on date not null,
    message_id text not null unique, status text not null check (status in ('waiting', 'sent', 'skipped', 'failed')), reason text,
    attempt_count integer not null default 0, object_key text, link_ends_at timestamptz, told_through timestamptz, told_quizzes_through timestamptz,
    first_tried_at timestamptz not null default clock_timestamp(), ended_at timestamptz, primary key (creator_id, edition, local_on));
comment on table ops.outbox is 'One row per creator, edition and local date: what became of that morning''s mail. waiting: tried in vain, and tried again until noon. It holds keys of objects and never links or addresses. told_through, told_quizzes_through: events up to then have been told; a row without them has told nothing.';
create index if not exists outbox_day on ops.outbox (local_on);

-- What creators ask for through the app: see pipelines/export_requests.py. Links stand here, and nowhere else, until they end.
create table if not exists ops.export_requests (
    request_id uuid primary key default gen_random_uuid(), creator_id uuid not null, type text not null check (length(type) <= 100),
    format text not null check (length(format) <= 100), filters jsonb not null default '{}' check (pg_column_size(filters) <= 10000),
    requested_by text not null check (length(requested_by) <= 200), requested_at timestamptz not null default clock_timestamp(),
    status text not null default 'requested' check (status in ('requested', 'rendering', 'done', 'refused', 'failed', 'cancelled')),
    reason text, run_id text, attempt_count integer not null default 0, started_at timestamptz, ended_at timestamptz,
    row_count bigint, byte_count bigint, as_of timestamptz, object_key text, link text, sidecar_link text, link_ends_at timestamptz);
comment on table ops.export_requests is 'One row per export that was asked for. The app inserts it as app_requests and may set status to cancelled; the pipeline writes what came of it. link and sidecar_link (a CSV''s metadata) are bearer secrets that the creator alone may read; they are blanked when they end.';
create index if not exists export_requests_waiting on ops.export_requests (requested_at) where status = 'requested';
create index if not exists export_requests_creator on ops.export_requests (creator_id, requested_at);
create index if not exists export_requests_linked on ops.export_requests (link_ends_at) where link is not null;
grant usage on schema ops to app_requests;
grant insert (request_id, creator_id, type, format, filters, requested_by), select (request_id), update (status) on ops.export_requests to app_requests;
grant select on ops.export_requests to creator_reader;

-- What the data team was told: see pipelines/alerts.py.
create table if not exists ops.alerts (
    cause text primary key, first_seen_at timestamptz not null, last_seen_at timestamptz not null, seen_count integer not null default 1, told_at timestamptz);
comment on table ops.alerts is 'One row per cause that holds: the data team is told of it once per repeat window. A cause that is gone loses the row.';

-- Functions are for those who need them.
revoke execute on all functions in schema ops from public;
grant execute on function ops.render_creator() to report_renderer;
grant execute on function ops.current_creator() to creator_reader;
grant execute on function ops.as_of() to publisher;
