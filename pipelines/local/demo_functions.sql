-- Numbers that look random and are always the same: a hash of the seed, a salt and a row number, whatever plan the server picks.
-- Temporary functions, so that nothing of them stays in the database. Simple enough for the planner to inline.
create or replace function pg_temp.h(salt text, n bigint) returns bigint immutable parallel safe language sql
return hashint8extended(n, hashtextextended(salt, %(seed)s));

-- 0 <= u < 1
create or replace function pg_temp.u(salt text, n bigint) returns float8 immutable parallel safe language sql
return (pg_temp.h(salt, n) & 9007199254740991)::float8 / 9007199254740992::float8;

-- 1 <= pick <= size
create or replace function pg_temp.pick(salt text, n bigint, size int) returns int immutable parallel safe language sql
return 1 + mod(pg_temp.h(salt, n) & 9223372036854775807, size)::int;

-- A uuid of version 4 in form. Row numbers below 2^32 give different ones.
create or replace function pg_temp.id(salt text, n bigint) returns uuid immutable parallel safe language sql
return encode(
    int8send((pg_temp.h(salt || ' id', n) & -61441) | 16384)
    || int8send((pg_temp.h(salt || ' id, second half', n) & 4611686018427387903) | (-9223372036854775807 - 1)), 'hex')::uuid;

-- The id of a row that another row brings with it; the same under every seed.
create or replace function pg_temp.child_id(salt text, key uuid) returns uuid immutable parallel safe language sql
return encode(
    int8send((uuid_hash_extended(key, hashtextextended(salt, 1)) & -61441) | 16384)
    || int8send((uuid_hash_extended(key, hashtextextended(salt, 2)) & 4611686018427387903) | (-9223372036854775807 - 1)), 'hex')::uuid;

-- The number of a row that only has a uuid, as n for the functions above.
create or replace function pg_temp.n(key uuid) returns bigint immutable parallel safe language sql
return uuid_hash_extended(key, 0) & 4294967295;
