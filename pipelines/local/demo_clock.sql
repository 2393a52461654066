-- What the demo remembers beside the platform's tables, so that the platform can live on (life.py): its newest instant and seed, what the
-- creators' students are like (their real zone above all), and how easy questions are. It holds for one incarnation of the schema: a
-- rebuilt one has another oid.
create schema if not exists demo;
create table if not exists demo.clock (schema_oid oid primary key, seed bigint not null, at timestamp not null);
create table if not exists demo.audience (
    schema_oid oid, c int not null, creator_id uuid, zone text not null, is_office boolean not null, topic int not null, price int not null,
    currency text not null, primary key (schema_oid, creator_id));
create table if not exists demo.questions (
    schema_oid oid, quiz_id uuid, g int, points int not null, question_id jsonb not null, ease float8 not null, correct_answer jsonb,
    primary key (schema_oid, quiz_id, g));
delete from demo.clock where schema_oid not in (select oid from pg_namespace);
delete from demo.audience where schema_oid not in (select oid from pg_namespace);
delete from demo.questions where schema_oid not in (select oid from pg_namespace);
