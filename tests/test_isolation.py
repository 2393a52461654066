"""Nobody reads another's row: all that a session with one creator's token can get at, by forty attacks, a sweep over everything, and made-up queries."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import published_tables, reader_tokens, row_security, warehouse
from pipelines.catalog import load_catalog
from pipelines.local import demo
from pipelines.local.world import World
from pipelines.problem import Problem, UsageProblem
from tests.intruder import Intruder, intruder
from tests.oracle.warm import Warm, warm_database

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARTS = tuple(load_catalog().marts.values())
SHOWN_TO_ALL = {"analytics.published"}
"""Tables that speak of no creator."""


@pytest.fixture(scope="module")
def warm(world: World) -> Iterator[Warm]:
    with warm_database(world) as found:
        with warehouse.connect(found.settings) as connection:
            demo.load(connection, demo.DemoPlan(4, 240, 5, 90, AS_OF, largest_share=0.5), str)
        found.run(AS_OF, is_nightly=True)
        yield found


@pytest.fixture(scope="module")
def eve(warm: Warm) -> Iterator[Intruder]:
    with intruder(warm.settings) as found:
        yield found


def _count(eve: Intruder, table: str, creator: str) -> int:
    with warehouse.connect(eve.settings) as connection:
        warehouse.set_role(connection, "bi_reader")
        row = connection.execute(f"select count(*) from analytics.{table} where creator_id = %s".encode(), (creator,)).fetchone()
    return row[0] if row else 0


def test_there_is_something_to_steal_and_no_role_may_do_everything(eve: Intruder) -> None:
    assert len(eve.secrets) > 100
    assert all(_count(eve, mart.name, eve.other) for mart in MARTS if mart.name != "recommendations")
    with eve.session(eve.token) as connection:
        roles = connection.execute(
            "select rolname from pg_roles where (rolsuper or rolbypassrls) and pg_has_role(current_user, oid, 'member')"
        ).fetchall()
        assert roles == []
        assert connection.execute("select session_user = current_user, current_user").fetchone() == (True, eve.login)


def test_a_token_shows_all_rows_of_its_creator_and_no_other(eve: Intruder) -> None:
    for mart in MARTS:
        seen = eve.see([f"select creator_id from analytics.{mart.name}"], eve.token)
        assert seen.texts == [eve.own] * _count(eve, mart.name, eve.own), mart.name


@pytest.mark.parametrize("token", ["", "x", "0" * 43, None, "\\", "' or true --", "é" * 20])
def test_without_a_valid_token_there_is_no_row(eve: Intruder, token: str | None) -> None:
    for mart in MARTS:
        seen = eve.see([f"select * from analytics.{mart.name}"], token)
        assert (seen.row_count, seen.texts) == (0, []), mart.name


def test_tokens_end_by_time_by_hand_and_with_their_transaction(eve: Intruder) -> None:
    asked = "select count(*) from analytics.student_engagement_tiers"
    with warehouse.connect(eve.settings, autocommit=True) as connection:
        short = reader_tokens.mint(connection, eve.own, timedelta(milliseconds=300), "test").token
        ended = reader_tokens.mint(connection, eve.other, timedelta(hours=1), "test").token
        assert eve.see([asked], ended).texts == [str(_count(eve, "student_engagement_tiers", eve.other))]
        assert reader_tokens.end(connection, eve.other) == 1
        connection.execute("select pg_sleep(0.4)")
        assert [eve.see([asked], token).texts for token in (short, ended)] == [["0"], ["0"]]
        reader_tokens.mint(connection, eve.own, timedelta(hours=1), "test")
        stored = connection.execute("select token_digest, creator_id::text from ops.reader_tokens order by created_at").fetchall()
        assert (hashlib.sha256(eve.token.encode()).digest(), eve.own) in stored
        assert len(stored) == 2, "tokens that have ended are swept out"
        for lifetime in (timedelta(0), timedelta(days=8)):
            with pytest.raises(UsageProblem, match="at most 7 days"):
                reader_tokens.mint(connection, eve.own, lifetime, "test")
    with eve.session(eve.token) as session:
        session.commit()
        assert session.execute(asked.encode()).fetchone() == (0,)


def test_a_sweep_over_every_table_view_and_function_finds_nothing(eve: Intruder) -> None:
    for token in (eve.token, None):
        for name, seen in eve.sweep(token).items():
            assert seen.leaks(eve.secrets - {eve.other}) == [], name
            if token is None and name not in SHOWN_TO_ALL:
                denied = any("permission denied" in text for text in seen.texts)
                assert (
                    denied
                    or seen.row_count == 0
                    or set(seen.texts) <= {"None", "0", "{}", "[]"}
                    or name.startswith("analytics.students_query(")
                ), name


STUDENTS = "analytics.student_engagement_tiers"
SPY = "create function pg_temp.spy(t text) returns boolean language plpgsql cost 0.0000001 as $$ begin raise notice 'saw %', t; return true; end $$"
LEAK = (
    "create function pg_temp.leak(u uuid) returns boolean language plpgsql cost 0.0000001 as $$ begin raise exception 'it is %', u; end $$"
)
ATTACKS: dict[str, list[str]] = {
    "a setting of the renderer": ["select set_config('ops.render_creator', '{other}', true)", f"select * from {STUDENTS}"],
    "a setting for the session": ["set ops.render_creator = '{other}'", f"select * from {STUDENTS}"],
    "the creator as a token": ["select set_config('ops.token', '{other}', true)", f"select * from {STUDENTS}"],
    "a digest as a token": ["select set_config('ops.token', encode(sha256('x'), 'hex'), true)", f"select * from {STUDENTS}"],
    "tokens of others": ["select * from ops.reader_tokens"],
    "a token made by hand": [
        "insert into ops.reader_tokens values (sha256('x'), '{other}', 'infinity', 'eve')",
        "select set_config('ops.token', 'x', true)",
        f"select * from {STUDENTS}",
    ],
    "the role of the renderer": [
        "set role report_renderer",
        "select set_config('ops.render_creator', '{other}', true)",
        f"select * from {STUDENTS}",
    ],
    "the role of analysts": ["set role bi_reader", f"select * from {STUDENTS}"],
    "the role of the publisher": ["set role publisher", f"select * from {STUDENTS}"],
    "the role of the owner": [
        "set role analytics_owner",
        f"alter table {STUDENTS} disable row level security",
        f"select * from {STUDENTS}",
    ],
    "the role that looks up tokens": ["set role token_lookup", "select * from ops.reader_tokens"],
    "another login": ["set session authorization pipeline", f"select * from {STUDENTS}"],
    "back to the first role": ["reset role", f"select * from {STUDENTS}"],
    "a role of one's own": ["create role mine in role bi_reader", "set role mine", f"select * from {STUDENTS}"],
    "a grant to oneself": ["grant bi_reader to current_user", f"select * from {STUDENTS}"],
    "row security off": ["set row_security = off", f"select * from {STUDENTS}"],
    "a spying predicate": [SPY, f"select student_id from {STUDENTS} where pg_temp.spy(email) and creator_id = '{{other}}'"],
    "a predicate that fails": [LEAK, f"select 1 from {STUDENTS} where creator_id = '{{other}}' and pg_temp.leak(student_id)"],
    "a cast that fails": [f"select 1 from {STUDENTS} where creator_id = '{{other}}' and email::integer = 1"],
    "a division that fails": [f"select 1 / (case when creator_id = '{{other}}' then 0 else 1 end) from {STUDENTS}"],
    "an operator of one's own": [
        SPY,
        "create operator pg_temp.<<< (rightarg = text, function = pg_temp.spy)",
        f"select 1 from {STUDENTS} where operator(pg_temp.<<<) email",
    ],
    "an aggregate over all": [f"select count(*), max(email), min(creator_id::text) from {STUDENTS} where creator_id <> '{{own}}'"],
    "a view over it": [f"create temp view mine as select * from {STUDENTS}", "select * from mine where creator_id = '{other}'"],
    "a view that runs as its owner": [
        f"create temp view mine with (security_invoker = false) as select * from {STUDENTS}",
        "select * from mine",
    ],
    "a table made from it": [f"create temp table mine as select * from {STUDENTS}", "select * from mine"],
    "a materialized view": [f"create materialized view pg_temp.mine as select * from {STUDENTS}"],
    "a table in the schema": ["create table analytics.mine as select 1 as a"],
    "copy of the table": [f"copy {STUDENTS} to stdout"],
    "copy of a query": [f"copy (select * from {STUDENTS}) to stdout"],
    "copy to a program": [f"copy {STUDENTS} to program 'cat'"],
    "copy to a file": [f"copy {STUDENTS} to '/tmp/mine'"],
    "a prepared statement": [
        f"prepare mine as select * from {STUDENTS} where creator_id = $1",
        "execute mine('{other}')",
        "execute mine('{other}')",
    ],
    "a cursor that outlives the token": [
        f"declare mine cursor with hold for select * from {STUDENTS}",
        "select set_config('ops.token', '', true)",
        "fetch all mine",
    ],
    "a search path": [
        "set search_path = pg_temp, analytics, ops",
        "create function pg_temp.current_creator() returns uuid language sql as $$ select '{other}'::uuid $$",
        f"select * from {STUDENTS}",
    ],
    "a table that hides the tokens": [
        "create temp table reader_tokens as select sha256('x') as token_digest, '{other}'::uuid as creator_id, 'infinity'::timestamptz as expires_at",
        "set search_path = pg_temp",
        "select set_config('ops.token', 'x', true)",
        "select ops.current_creator()",
        f"select * from {STUDENTS}",
    ],
    "a function that hides sha256": [
        "create function pg_temp.sha256(bytea) returns bytea language sql as $$ select null::bytea $$",
        "set search_path = pg_temp, pg_catalog",
        f"select * from {STUDENTS}",
    ],
    "the function replaced": [
        "create or replace function ops.current_creator() returns uuid language sql as $$ select '{other}'::uuid $$",
        f"select * from {STUDENTS}",
    ],
    "a policy of one's own": [f"create policy mine on {STUDENTS} using (true)", f"select * from {STUDENTS}"],
    "a policy dropped": [f"drop policy creator_reads_own on {STUDENTS}", f"select * from {STUDENTS}"],
    "a row written": [
        f"update {STUDENTS} set creator_id = '{{own}}' where creator_id = '{{other}}' returning *",
        f"delete from {STUDENTS} returning *",
    ],
    "a row locked": [f"select * from {STUDENTS} where creator_id = '{{other}}' for update"],
    "truncate": [f"truncate {STUDENTS}"],
    "what others run": [
        "select query from pg_stat_activity where query <> '<insufficient privilege>' and pid <> pg_backend_pid()",
        "select * from pg_stat_get_activity(null)",
    ],
    "statistics of the planner": ["select * from pg_stats where schemaname = 'analytics'", "select * from pg_statistic limit 5"],
    "the plan of a query": [f"explain (analyze, verbose, buffers) select * from {STUDENTS} where creator_id = '{{other}}'"],
    "a query in a function": [
        f"select query_to_xml('select * from {STUDENTS}', true, true, '')",
        "select table_to_xml('analytics.student_engagement_tiers'::regclass, true, true, '')",
        "select schema_to_xml('raw', true, true, '')",
        "select database_to_xml(true, true, '')",
    ],
    "the pages of another": [
        "select * from analytics.students_page('{other}')",
        "select * from analytics.overview('{other}')",
        "select analytics.student_detail('{other}', student_id) from (select '{student}'::uuid as student_id) s",
    ],
    "words in a page's filter": [
        "select * from analytics.students_page('{own}', search => ''' or true or name ~ ''')",
        "select * from analytics.students_page('{own}', sort_by => 'name; select * from raw.students')",
        "select * from analytics.students_page('{own}', of_tier => ''' or ''1''=''1')",
    ],
    "the mirror and the marts": [
        "select * from raw.students",
        "select * from marts.student_engagement_tiers",
        "select * from intermediate.int_students_tiered",
        "select * from app.students",
    ],
    "files of the server": [
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select lo_import('/etc/passwd')",
        "create extension dblink",
        "load 'plpgsql'",
    ],
    "a do block": [
        f"do $$ declare r record; begin for r in select * from {STUDENTS} where creator_id = '{{other}}' loop raise notice '%', r; end loop; end $$"
    ],
    "a security definer of one's own": [
        f"create function pg_temp.mine() returns setof {STUDENTS} language sql security definer as $$ select * from {STUDENTS} $$",
        "select * from pg_temp.mine()",
    ],
    "a trigger": [SPY, f"create trigger mine after update on {STUDENTS} execute function pg_temp.spy()"],
    "notifications and large objects": ["listen mine", "select * from pg_largeobject limit 1", "select lo_create(0)"],
    "the masked schema": ["select * from analytics_deidentified.student_engagement_tiers"],
}


def test_there_are_forty_attacks() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("with_token", [True, False], ids=["own token", "no token"])
def test_attacks_show_nothing_of_the_other(eve: Intruder, warm: Warm, with_token: bool) -> None:
    student = str(warm.fetch("select id from raw.students where creator_id = '" + eve.other + "' limit 1")[0]["id"])
    known = {eve.other, student}  # the intruder says them itself
    before = {mart.name: _count(eve, mart.name, eve.other) for mart in MARTS}
    for name, statements in ATTACKS.items():
        asked = [
            statement.replace("{other}", eve.other).replace("{own}", eve.own).replace("{student}", student) for statement in statements
        ]
        seen = eve.see([line.replace("{{", "{").replace("}}", "}") for line in asked], eve.token if with_token else None)
        assert seen.leaks(eve.secrets - known) == [], name
    assert {mart.name: _count(eve, mart.name, eve.other) for mart in MARTS} == before


def test_a_bound_token_shows_in_no_list_of_statements(eve: Intruder) -> None:
    """Postgres shows sessions of one login each other's statements: the token must not be part of any."""
    with eve.session(eve.token) as victim, eve.session() as spy:
        shown = spy.execute("select query from pg_stat_activity where pid = %s", (victim.info.backend_pid,)).fetchone()
    assert shown == ("select set_config('ops.token', $1, true)",)


COLUMNS = {mart.name: [column.name for column in mart.columns] for mart in MARTS}


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Queries over published tables: joins, set operations, subqueries, windows, casts that may fail, and conditions that ask for the other creator."""
    depth = draw(st.integers(0, 2))

    def condition(alias: str, table: str) -> str:
        column = draw(st.sampled_from(COLUMNS[table]))
        asked = [
            f"{alias}.creator_id = '{{other}}'", f"{alias}.creator_id <> '{{own}}'", "true", f"{alias}.{column} is not null or true",
            f"length({alias}.{column}::text) >= 0", f"({alias}.{column}::text)::numeric > 0", f"1 / length({alias}.{column}::text) >= 0",
            f"{alias}.creator_id not in (select ops.current_creator())", f"exists (select from analytics.creator_overview x where x.creator_id <> {alias}.creator_id)",
        ]  # fmt: skip
        return draw(st.sampled_from([" and ", " or "])).join(draw(st.lists(st.sampled_from(asked), min_size=1, max_size=3)))

    def select(level: int) -> str:
        table = draw(st.sampled_from(sorted(COLUMNS)))
        source = (
            f"analytics.{table} as a"
            if level == 0 or draw(st.booleans())
            else f"(select * from analytics.{table} as i where {condition('i', table)}) as a"
        )
        shown = draw(
            st.sampled_from(
                ["a::text", "to_jsonb(a)::text", "string_agg(a::text, ',') over ()", "coalesce(a::text, '')", "md5(a::text) || a::text"]
            )
        )
        shape = draw(st.sampled_from(["plain", "lateral", "join", "with", "values"]))
        where = condition("a", table)
        if shape == "lateral":
            return f"select {shown} from {source} cross join lateral (select a.creator_id as c) as l where {where}"
        if shape == "join":
            other = draw(st.sampled_from(sorted(COLUMNS)))
            return f"select a::text || coalesce(b::text, '') from {source} full join analytics.{other} as b on a.creator_id = b.creator_id where {where} limit 500"
        if shape == "with":
            return f"with a as materialized (select * from {source} where {where}) select a::text from a"
        if shape == "values":
            return f"select (select {shown.replace(' over ()', '')} from {source} where {where} limit 1)"
        return f"select {shown} from {source} where {where}"

    parts = [select(level) for level in range(depth + 1)]
    return draw(st.sampled_from([" union all ", " union ", " except ", " intersect "])).join(f"({part})" for part in parts)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries(), with_token=st.booleans())
def test_made_up_queries_show_nothing_of_the_other(eve: Intruder, query: str, with_token: bool) -> None:
    asked = query.replace("{other}", eve.other).replace("{own}", eve.own)
    seen = eve.see([asked], eve.token if with_token else None)
    assert seen.leaks(eve.secrets - {eve.other}) == []
    assert not any("syntax error" in text or "does not exist" in text for text in seen.texts), (asked, seen.texts[:1])


@pytest.fixture
def as_owner(warm: Warm) -> Iterator[psycopg.Connection]:
    """A session of the tables' owner, to break what it made; all is made anew at the end."""
    with warehouse.connect(warm.settings, autocommit=True) as connection:
        connection.execute("set role analytics_owner")
        yield connection
    published_tables.rebind(warm.settings, MARTS)
    published_tables.make(warm.settings, MARTS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("drop policy creator_reads_own on {0}; create policy creator_reads_own on {0} for select to creator_reader using (true)", "creator_reads_own"),
        ("create policy for_all on {0} for select using (true)", "for_all"),
        ("alter table {0} disable row level security", "it is off"),
        ("alter policy creator_reads_own on {0} using (creator_id = (select ops.current_creator()) or tier = 'inactive')", "creator_reads_own"),
    ],
)  # fmt: skip
def test_a_broken_policy_is_seen_by_the_sweep_and_stops_the_publish(
    eve: Intruder, warm: Warm, as_owner: psycopg.Connection, change: str, said: str
) -> None:
    as_owner.execute(change.format(STUDENTS).encode())
    assert eve.see([f"select * from {STUDENTS}"], eve.token).leaks(eve.secrets) != [], "the intruder does not see what is open"
    with pytest.raises(Problem, match=f"row security of {STUDENTS} is not as it was made .*{said}"):
        warm.run(AS_OF + timedelta(hours=1), is_nightly=False)
    published_tables.rebind(warm.settings, MARTS)
    assert eve.see([f"select * from {STUDENTS}"], eve.token).leaks(eve.secrets) == []
    warm.run(AS_OF + timedelta(hours=1), is_nightly=False)


def test_a_broken_policy_of_ops_stops_the_publish(warm: Warm) -> None:
    with warehouse.connect(warm.settings, autocommit=True) as connection:
        connection.execute("alter policy creator_reads_own on ops.export_requests using (true)")
        connection.execute("create policy for_readers on ops.export_log for select to creator_reader using (true)")
        for name, said in (("export_log", "for_readers"), ("export_requests", "creator_reads_own")):
            with pytest.raises(Problem, match=rf"row security of ops.{name} is not as it was made \({said}\)"):
                warm.run(AS_OF + timedelta(hours=1), is_nightly=False)
            if name == "export_log":
                connection.execute("drop policy for_readers on ops.export_log")
        published_tables.rebind(warm.settings, MARTS)
        warm.run(AS_OF + timedelta(hours=1), is_nightly=False)


def test_the_planner_tells_nothing_of_anybodys_values(eve: Intruder, as_owner: psycopg.Connection) -> None:
    """What `explain` expects is the same for values of the other creator as for values that nobody has, and for any half of the values."""
    for mart in MARTS:
        as_owner.execute(f"analyze analytics.{mart.name}".encode())
    asked = [(mart.name, column) for mart in MARTS for column in mart.columns if column.data_type in {"uuid", "text"}]
    assert len(asked) > 60
    with warehouse.connect(eve.settings) as connection, eve.session(eve.token) as session:
        warehouse.set_role(connection, "bi_reader")

        def expected(table: str, condition: str, value: object) -> int:
            query = psycopg.ClientCursor(session).mogrify(
                f"explain (format json) select from analytics.{table} where {condition}", (value,)
            )
            row = session.execute(query.encode()).fetchone()
            assert row is not None
            return row[0][0]["Plan"]["Plan Rows"]

        for table, column in asked:
            find = f"select {column.name} from analytics.{table} where creator_id = %s group by 1 order by count(*) desc nulls last limit 1"
            found = connection.execute(find.encode(), (eve.other,)).fetchone()
            nobodys, middle = (uuid4(), UUID(int=2**127)) if column.data_type == "uuid" else ("nobody has this", "M")
            place = (table, column.name)
            if found and found[0]:
                assert expected(table, f"{column.name} = %s", found[0]) == expected(table, f"{column.name} = %s", nobodys), place
            last = UUID(int=2**128 - 1) if column.data_type == "uuid" else "zzzz"
            assert expected(table, f"{column.name} < %s", middle) == expected(table, f"{column.name} < %s", last), place
        assert expected("student_engagement_tiers", "left(name, 100) < %s", "M") == expected(
            "student_engagement_tiers", "left(name, 100) < %s", "zzzz"
        )


def test_policies_of_administrators_for_their_own_roles_are_left_alone(warm: Warm, as_owner: psycopg.Connection) -> None:
    as_owner.execute(f"create policy mine on {STUDENTS} for select to pipeline using (false)".encode())
    warm.run(AS_OF + timedelta(hours=2), is_nightly=False)
    published_tables.rebind(warm.settings, MARTS)
    assert as_owner.execute("select count(*) from pg_policies where policyname = 'mine'").fetchone() == (1,)
    as_owner.execute(f"drop policy mine on {STUDENTS}".encode())


def test_every_table_is_bound_by_policies(warm: Warm) -> None:
    tables = warm.fetch(
        """select c.relnamespace::regnamespace || '.' || c.relname as name, c.relrowsecurity as is_bound, c.relforcerowsecurity as is_forced,
               (select count(*) from pg_policy p where p.polrelid = c.oid) as policy_count
           from pg_class c where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('analytics', 'ops')"""
    )
    assert len(tables) > len(MARTS) + 10
    for table in tables:
        assert table["is_bound"], table
        assert table["policy_count"] > 0, table
        assert table["is_forced"] or table["name"].startswith("ops."), table


def test_definers_have_a_fixed_search_path_and_nobody_may_call_what_is_not_for_all(warm: Warm) -> None:
    functions = warm.fetch(
        """select oid::regprocedure::text as name, prosecdef, coalesce(proconfig::text, '') as config,
               exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) a where a.grantee = 0) as is_public
           from pg_proc where pronamespace::regnamespace::text in ('analytics', 'ops')"""
    )
    assert [function["name"] for function in functions if function["prosecdef"]] == ["ops.current_creator()"]
    assert all("search_path=pg_catalog, pg_temp" in function["config"] for function in functions if function["prosecdef"])
    assert [function["name"] for function in functions if function["is_public"]] == []
    assert row_security.CREATOR_ROWS  # what the tests above read the policies of
