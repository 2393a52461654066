"""Built in steps equals built in full: every model computed whole into scratch tables, and compared with the table that runs have built.

Belongs here: the scratch copies, what counts as a difference, naming rows by their keys. Does not: what a difference stops (nightly, checkup).

All of it happens over one connection in one REPEATABLE READ transaction that is always rolled back, scratch schema included, so nothing is left behind.
Rows stay in Postgres: only counts, names of creators and a few keys come out. Over 200 lines by the one statement that finds every kind of difference.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pipelines import compiled, touching, warehouse
from pipelines.catalog import Catalog
from pipelines.models import Model
from pipelines.problem import Problem
from pipelines.settings import Settings

SCHEMA = "scratch"
SAMPLES = 10
"""So many rows of a table are named."""

# As the models are built; a sort or hash that needs more goes to disk.
_WORK_MEM = "64MB"


@dataclass(frozen=True)
class Difference:
    """A table whose rows are not those of a full build.

    `missing_count` rows are in a full build only, `extra_count` in the table only, `changed_count` in both with other values. `samples` name up to ten of
    them by key, and the columns that differ; no other value is shown. `creators` are those whose rows these are, None when one names no creator.
    """

    model: str
    schema: str
    missing_count: int
    extra_count: int
    changed_count: int
    samples: tuple[str, ...]
    creators: frozenset[str] | None

    @property
    def row_count(self) -> int:
        """All rows that differ."""
        return self.missing_count + self.extra_count + self.changed_count

    @property
    def summary(self) -> str:
        """The counts in words."""
        return f"{self.model}: {self.missing_count:,} rows missing, {self.extra_count:,} too many, {self.changed_count:,} with other values"


def is_comparable(connection: psycopg.Connection) -> bool:
    """Whether the tables are built from what is booked now: not while a run is under way, nor after one that stopped half-way."""
    row = connection.execute("select state in ('built', 'audited') from ops.build").fetchone()
    return row == (True,)


def compared_models(catalog: Catalog) -> list[Model]:
    """The models that are tables: each has rows to compare."""
    return [model for model in catalog.models.values() if model.kind not in {"seed", "view"}]


def compare(
    settings: Settings, catalog: Catalog, *, only: Collection[str] | None = None, say: Callable[[str], None] = lambda line: None
) -> list[Difference]:
    """Compute all models whole, on one snapshot and for the instant of the last build, and give the tables that differ; an empty list when none does.

    `only` narrows it to these tables, and to what they rest on.

    Kept models (primary data) hold what the source forgot, so rows are never too many there; with `greatest` a stored value may be the greater one.
    Models that read a kept one read the stored rows. Those that wait for a nightly run are left out. A `Problem` when the tables are not those of the last booking.
    """
    queries = compiled.whole_models(settings, catalog)
    with warehouse.connect(settings) as connection:
        try:
            connection.execute("set transaction isolation level repeatable read")
            connection.execute("select set_config('work_mem', %s, true)", (_WORK_MEM,))
            _stand_at_the_last_build(connection)
            _make_scratch(connection)
            found, waiting = [], touching.waiting_tables(connection)
            wanted = set(catalog.models if only is None else only)
            needed = wanted.union(*(catalog.models[name].ancestors for name in wanted))
            for name, query in _to_scratch(catalog, queries).items():
                if name in waiting or name not in needed:
                    continue
                difference = _compare_model(connection, catalog.models[name], query)
                if difference is not None and name in wanted:
                    say(difference.summary)
                    found.append(difference)
            return found
        finally:
            connection.rollback()


def _stand_at_the_last_build(connection: psycopg.Connection) -> None:
    if not is_comparable(connection):
        raise Problem(
            "the tables are not those of the last booking (a run is under way, or one stopped half-way); run `creator-reports run hourly`."
        )
    connection.execute("select set_config('ops.as_of', (select built_as_of::text from ops.build), true)")


def _make_scratch(connection: psycopg.Connection) -> None:
    """The schema, and a table of the rows that differ. A second comparison at the same time waits here until the first is rolled back."""
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
    connection.execute(
        sql.SQL(
            "create unlogged table {} (kind text not null, row_key text not null, columns text[] not null, creators text[] not null)"
        ).format(_scratch("differences"))
    )


def _to_scratch(catalog: Catalog, queries: Mapping[str, str]) -> dict[str, str]:
    """The queries, parents first, with each model in them replaced by its scratch copy; seeds and kept models are read where they are."""
    ordered = [model for model in catalog.models.values() if model.kind != "seed"]
    moved = {f'"{model.schema}"."{model.name}"': f'"{SCHEMA}"."{model.name}"' for model in ordered if not model.is_kept}
    result = {}
    for model in ordered:
        query = queries[model.name]
        for stored, copied in moved.items():
            query = query.replace(stored, copied)
        result[model.name] = query
    return result


def _compare_model(connection: psycopg.Connection, model: Model, query: str) -> Difference | None:
    """Make the scratch copy of one model; for a table, how its rows differ (None: they do not)."""
    copy = _scratch(model.name)
    if model.kind == "view":
        connection.execute(sql.SQL("create view {} as {}").format(copy, warehouse.trusted_sql(query)))
        return None
    columns = sql.SQL(", ").join(
        sql.SQL("{0}::{1} as {0}").format(sql.Identifier(name), warehouse.trusted_sql(kind)) for name, kind in model.columns.items()
    )
    connection.execute(
        sql.SQL("create unlogged table {} as select {} from ({}) as model_rows").format(copy, columns, warehouse.trusted_sql(query))
    )
    if not model.is_kept:  # later models look rows up by these, as they do in the stored table
        for index in (model.grain, *model.indexes):
            connection.execute(sql.SQL("create index on {} ({})").format(copy, warehouse.trusted_sql(", ".join(index))))
    connection.execute(sql.SQL("analyze {}").format(copy))
    count = connection.execute(_difference_query(model, copy)).rowcount
    return _describe(connection, model) if count else None


def _difference_query(model: Model, copy: sql.Identifier) -> sql.Composed:
    """Write the rows that differ to scratch.differences: `s` is the stored row, `f` the one of the full build."""
    others = [name for name in model.columns if name not in model.grain]
    wanted = "greatest(s.{0}, f.{0})" if model.is_kept == "greatest" else "f.{0}"
    differs = {name: sql.SQL("s.{0} is distinct from " + wanted).format(sql.Identifier(name)) for name in others}
    listed = sql.SQL(", ").join
    parts = {
        "differences": _scratch("differences"),
        "stored": sql.Identifier(model.schema, model.name),
        "copy": copy,
        "join": sql.SQL("right join" if model.is_kept else "full join"),
        "same": sql.SQL(" and ").join(sql.SQL("s.{0} = f.{0}").format(sql.Identifier(name)) for name in model.grain),
        "key": listed(
            sql.SQL("{} || coalesce(s.{}, f.{})::text").format(sql.Literal(f"{name}="), sql.Identifier(name), sql.Identifier(name))
            for name in model.grain
        ),
        "columns": listed(sql.SQL("case when {} then {} end").format(condition, name) for name, condition in differs.items()),
        "differs": sql.SQL(" or ").join(differs.values()) if differs else sql.SQL("false"),
        "creators": sql.SQL("s.creator_id::text, f.creator_id::text" if "creator_id" in model.columns else "null::text"),
    }
    return sql.SQL(
        """insert into {differences}
        select case when s.is_there is null then 'missing' when f.is_there is null then 'extra' else 'changed' end, concat_ws(', ', {key}),
            case when s.is_there and f.is_there then array_remove(array[{columns}]::text[], null) else '{{}}' end, array_remove(array[{creators}], null)
        from (select true as is_there, * from {stored}) as s {join} (select true as is_there, * from {copy}) as f on {same}
        where s.is_there is null or f.is_there is null or {differs}"""
    ).format(**parts)


def _describe(connection: psycopg.Connection, model: Model) -> Difference:
    differences = _scratch("differences")
    counts = dict(connection.execute(sql.SQL("select kind, count(*) from {} group by kind").format(differences)).fetchall())
    rows = connection.execute(
        sql.SQL("select kind, row_key, columns from {} order by row_key, kind limit %s").format(differences), (SAMPLES,)
    ).fetchall()
    unnamed = connection.execute(sql.SQL("select exists (select from {} where creators = '{{}}')").format(differences)).fetchone()
    creators = connection.execute(sql.SQL("select distinct unnest(creators) from {}").format(differences)).fetchall()
    connection.execute(sql.SQL("truncate {}").format(differences))
    return Difference(
        model.name,
        model.schema,
        counts.get("missing", 0),
        counts.get("extra", 0),
        counts.get("changed", 0),
        tuple(f"{kind}: {key}" + (f" ({', '.join(columns)})" if columns else "") for kind, key, columns in rows),
        None if unnamed == (True,) else frozenset(row[0] for row in creators),
    )


def _scratch(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)
