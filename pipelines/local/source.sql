-- The tables of the platform as the source contract names them: columns, keys, and indexes on keys and watermarks. Written to the
-- first schema of the search path. Times are UTC without time zone unless timestamptz. source.py takes constraints off for a replica.
create table creators (
    id uuid primary key default gen_random_uuid(), company_name text not null,
    current_plan text not null default 'basic' check (current_plan in ('basic', 'pro', 'enterprise')),
    plan_expires_at timestamptz, created_at timestamp not null, updated_at timestamp not null);
create table creator_preferences (
    creator_id uuid primary key references creators on delete cascade,
    notification_settings jsonb, export_preferences jsonb, dashboard_layout jsonb, updated_at timestamptz not null);
create table courses (
    id uuid primary key default gen_random_uuid(), creator_id uuid not null references creators on delete cascade, title text not null,
    is_active boolean not null default true, order_index int not null default 0,
    created_at timestamptz not null, updated_at timestamptz not null);
create table students (
    id uuid primary key default gen_random_uuid(), creator_id uuid not null references creators on delete cascade, email text, name text,
    xp_points int not null default 0, level int not null default 1, streak_days int not null default 0,
    onboarding_completed boolean not null default false,
    membership_status text not null default 'active' check (membership_status in ('active', 'expired', 'cancelled', 'trialing')),
    last_active timestamp, created_at timestamp not null, updated_at timestamp not null);
create table videos (
    id uuid primary key default gen_random_uuid(), creator_id uuid not null references creators on delete cascade,
    course_id uuid references courses on delete set null, title text not null, category text, tags text[], difficulty_level text,
    duration_seconds int, transcript_processed boolean not null default false, order_index int not null default 0,
    created_at timestamp not null, updated_at timestamp not null);
create table video_progress (
    id uuid primary key default gen_random_uuid(), student_id uuid not null references students on delete cascade,
    video_id uuid not null references videos on delete cascade, last_position_seconds int not null default 0,
    watch_time_seconds int not null default 0, completion_percentage int not null default 0, completed boolean not null default false,
    created_at timestamp not null, updated_at timestamp not null, unique (student_id, video_id));
create table chat_sessions (
    id uuid primary key default gen_random_uuid(), student_id uuid not null references students on delete cascade,
    creator_id uuid not null references creators on delete cascade, title text, context_type text,
    created_at timestamp not null, updated_at timestamp not null);
create table chat_messages (
    id uuid primary key default gen_random_uuid(), session_id uuid not null references chat_sessions on delete cascade,
    role text not null, content text not null, video_references jsonb, feedback text, created_at timestamp not null);
create table quizzes (
    id uuid primary key default gen_random_uuid(), creator_id uuid not null references creators on delete cascade, title text not null,
    video_ids uuid[], difficulty text, questions jsonb not null default '[]', passing_score int not null default 70,
    created_at timestamp not null, updated_at timestamp not null);
create table quiz_attempts (
    id uuid primary key default gen_random_uuid(), quiz_id uuid not null references quizzes on delete cascade,
    student_id uuid not null references students on delete cascade, answers jsonb not null default '{}', score int not null,
    passed boolean not null, time_taken_seconds int, completed_at timestamp not null);
create table projects (
    id uuid primary key default gen_random_uuid(), creator_id uuid not null references creators on delete cascade, title text not null,
    type text, difficulty_level text, created_at timestamp not null, updated_at timestamp not null);
create table project_submissions (
    id uuid primary key default gen_random_uuid(), project_id uuid not null references projects on delete cascade,
    student_id uuid not null references students on delete cascade, status text not null default 'in-progress', score int,
    submitted_at timestamp, reviewed_at timestamp, created_at timestamp not null, updated_at timestamp not null);
create table achievements (
    id uuid primary key default gen_random_uuid(), name text not null, xp_value int not null default 0, rarity text,
    created_at timestamp not null);
create table student_achievements (
    student_id uuid not null references students on delete cascade, achievement_id uuid not null references achievements on delete cascade,
    unlocked_at timestamp not null, primary key (student_id, achievement_id));
create table xp_transactions (
    id uuid primary key default gen_random_uuid(), student_id uuid not null references students on delete cascade,
    action text not null, xp_amount int not null, created_at timestamptz not null);
create table analytics_events (
    id uuid primary key default gen_random_uuid(), student_id uuid references students on delete cascade,
    creator_id uuid references creators on delete cascade, event_type text not null, event_data jsonb, created_at timestamp not null);
create index on students (creator_id);
create index on students (updated_at);
create index on videos (updated_at);
create index on chat_sessions (updated_at);
create index on project_submissions (updated_at);
create index on xp_transactions (created_at);
create index on student_achievements (unlocked_at);
create index on videos (creator_id);
create index on video_progress (video_id);
create index on video_progress (updated_at);
create index on chat_sessions (student_id);
create index on chat_sessions (creator_id);
create index on chat_messages (session_id);
create index on chat_messages (created_at);
create index on quizzes (creator_id);
create index on quiz_attempts (quiz_id);
create index on quiz_attempts (student_id);
create index on quiz_attempts (completed_at);
create index on project_submissions (student_id);
create index on analytics_events (created_at);
