"""One table brought up to date by touched keys: the model's SQL, narrowed by dbt's compiler to its keys in `ops.touched`.

Belongs here: what is written to a model's table and which keys that touches further down. Does not: which model is next (build_order), whole tables (dbt), the
narrowed SQL (compiled), what a booking touches (touching).

The rows of the touched keys are computed, what differs from the table is written, nothing else, and each model that names this one under touched_by gets its
touched keys in the same transaction, from `changed`: the rows that differ, with op = old or delete (as they were), insert or update (as they are). So a build
that is killed between two models goes on where it was.
"""

import time
from collections.abc import Sequence

import psycopg
from psycopg import sql

from pipelines import additions, touching, warehouse
from pipelines.dbt_runs import NodeResult
from pipelines.models import Model
from pipelines.parts import Part

_AS_OF = "(select ops.as_of())"
"""What the macro as_of() compiles to. The instant takes its place: the planner knows then how many rows are older."""

_COMPARED = """
select v.* from {rows}
cross join lateral (values
    ({n_values}, case when n.{first} is null then null when t.{first} is null or {moved} then 'insert' else 'update' end),
    ({t_names}, case when t.{first} is null then null when n.{first} is null then {gone} else {before} end)
) as v ({names}, op)
where v.op is not null and (n.{first} is null or t.{first} is null or ({t_others}) is distinct from ({n_others}))
"""
"""What differs between rows `n`, as they should be, and `t`, as they are. A row that went from one creator to another left the one and came to the other."""
_ANEW = (
    "(select {typed} from ({query}) as model_rows offset 0) as n full join (select t.* from {table} as t where {touched}) as t on {same}"
)


def compute(
    connection: psycopg.Connection, run: warehouse.Run, model: Model, part: Part, query: str, followers: Sequence[Model]
) -> NodeResult:
    """Bring the part of the model's table up to date in a transaction of its own, which exists only while the run holds its turn: what came of it."""
    began = time.perf_counter()
    try:
        with warehouse.owned(connection, run):
            count = _bring_up(connection, run, model, part, query, followers)
    except psycopg.Error as error:
        return result(model, "error", warehouse.explain(error), query)
    return result(model, "success", f"{count} rows", query, count, time.perf_counter() - began)


def result(model: Model, status: str, message: str, query: str, count: int | None = None, seconds: float = 0.0) -> NodeResult:
    """What came of the model, in dbt's words."""
    return NodeResult(model.unique_id, model.name, "model", status, round(seconds, 3), count, None, message, query)


def _bring_up(connection: psycopg.Connection, run: warehouse.Run, model: Model, part: Part, query: str, followers: Sequence[Model]) -> int:
    """Write what differs, touch the keys that follow; the number of rows written or removed."""
    key_count = _take_keys(connection, model, part)
    followers = [follower for follower in followers if model.name in follower.touched_by]
    if not key_count:
        return 0
    is_added_to = additions.take_keys(connection, model, run, part)
    query = query.replace(_AS_OF, f"timestamptz '{run.as_of.isoformat()}'")
    parts = _parts(model, query, is_followed=bool(followers))

    def do(statement: str) -> int:
        return connection.execute(warehouse.trusted_sql(statement).format(**parts)).rowcount

    added = [additions.rows(model, part)] if is_added_to else []
    anew = [warehouse.trusted_sql(_ANEW).format(**parts)] if _has_keys(connection) or not added else []
    compared = (warehouse.trusted_sql(_COMPARED).format(rows=rows, **parts) for rows in anew + added)
    connection.execute(sql.SQL("create temp table changed on commit drop as {}").format(sql.SQL(" union all ").join(compared)))
    if is_added_to:
        additions.clear_part(connection, model, part)
    removed = do("delete from {table} as t using pg_temp.changed as n where n.op = 'delete' and {same}")
    if model.saved_by:
        do("insert into ops.unsaved_days select distinct {name}, {saved_on} from pg_temp.changed order by 2 on conflict do nothing")
    written = do(
        "insert into {table} ({names}) select {names} from pg_temp.changed where op in ('insert', 'update') on conflict ({key}) do update set {sets}"
    )
    # Last: whoever touches the same keys waits for the end of this transaction.
    touching.follow_model(connection, model.name, followers)
    return written + removed


def _has_keys(connection: psycopg.Connection) -> bool:
    """Whether any key is left in pg_temp.keys, whose rows are computed anew."""
    return connection.execute("select exists (select from pg_temp.keys)").fetchone() == (True,)


def _parts(model: Model, query: str, *, is_followed: bool) -> dict[str, sql.Composable]:
    others = [name for name in model.columns if name not in model.grain] or list(model.grain)
    kept = "greatest(n.{0}, t.{0})" if model.is_kept == "greatest" else "n.{0}"

    moved = sql.SQL("t.creator_id is distinct from n.creator_id" if is_followed and "creator_id" in others else "false")

    def listed(pattern: str, names: Sequence[str]) -> sql.Composable:
        return sql.SQL(", ").join(warehouse.trusted_sql(pattern).format(sql.Identifier(name)) for name in names)

    typed = sql.SQL(", ").join(
        sql.SQL("{0}::{1} as {0}").format(sql.Identifier(name), warehouse.trusted_sql(kind)) for name, kind in model.columns.items()
    )
    return {
        "table": sql.Identifier(model.schema, model.name),
        "name": sql.Literal(model.name),
        "saved_on": _saved_on(model),
        "typed": typed,
        "query": warehouse.trusted_sql(query),
        "names": listed("{}", list(model.columns)),
        "n_values": listed(kept, list(model.columns)),
        "t_names": listed("t.{}", list(model.columns)),
        "n_others": listed(kept, others),
        "t_others": listed("t.{}", others),
        "sets": listed("{0} = excluded.{0}", others),
        "key": listed("{}", model.grain),
        "first": sql.Identifier(model.grain[0]),
        "same": sql.SQL(" and ").join(sql.SQL("t.{0} = n.{0}").format(sql.Identifier(name)) for name in model.grain),
        "touched": _touched(model),
        "gone": _gone(model),
        # Rows as they were are for models further down.
        "before": sql.SQL("case when {moved} then 'delete' else 'old' end").format(moved=moved) if is_followed else sql.SQL("null"),
        "moved": moved,
    }


def _gone(model: Model) -> sql.Composable:
    """What becomes of a stored row that is not among the fresh ones: primary data stays, but for what the same run wrote."""
    if model.settles_by:
        return sql.SQL("case when t.{} = ops.as_of() then 'delete' end").format(sql.Identifier(model.settles_by))
    return sql.SQL("null" if model.is_kept else "'delete'")


def _saved_on(model: Model) -> sql.Composable:
    """The day by which a row is saved to the ledger's bucket; of an instant in UTC."""
    column = sql.Identifier(model.saved_by or model.grain[0])
    return column if model.columns.get(model.saved_by or "") == "date" else sql.SQL("({} at time zone 'UTC')::date").format(column)


def _take_keys(connection: psycopg.Connection, model: Model, part: Part) -> int:
    """Fill pg_temp.keys with the touched keys of the part; how many there are. With exact statistics the planner finds few rows by index and many by a scan."""
    second = model.key_part
    connection.execute("truncate pg_temp.keys")
    count = connection.execute(
        sql.SQL("insert into pg_temp.keys (key_id, {}) select key_id, {} from ops.touched where table_name = {} and {}").format(
            sql.Identifier(second or "key_text"),
            sql.SQL("key_part::date" if second == "key_on" else "key_part"),
            model.name,
            part.has(sql.Identifier("key_id")),
        )
    ).rowcount
    connection.execute("analyze pg_temp.keys")
    return count


def _touched(model: Model) -> sql.Composable:
    """Whether a row of the model's table (alias `t`) has a touched key."""
    names = sql.SQL(", ").join(sql.Identifier("t", name) for name in model.touch_key)
    places = sql.SQL(", ").join(map(sql.Identifier, ["key_id", model.key_part] if model.key_part else ["key_id"]))
    return sql.SQL("({}) in (select {} from pg_temp.keys)").format(names, places)
