"""Comparing all keys of the source with those of `raw`: rows that the source has no longer, rows that no run has read as they are, and when a run stops because of it.

Belongs here: what is gone (`incoming.gone`), what was missed, the guards. Does not: statements that read the source (snapshot), what becomes of rows that are
gone (deletions).
"""

from collections.abc import Iterable, Mapping

import psycopg
from psycopg import sql

from pipelines import erasure, row_rules, warehouse
from pipelines.catalog import SourceTable
from pipelines.erasure import STUDENTS
from pipelines.snapshot import Snapshot

_FEWEST = 20
"""Fewer rows that are gone never stop a run, however small the table."""
_STUDENT_SHARE, _SHARE = 0.01, 0.5
"""A run stops when more than this share of the students, or of another table, is gone."""

_ORPHANS = sql.SQL("(select distinct w.student_id as id from raw.watch_gains w where {} and not {})").format(
    warehouse.trusted_sql("not exists (select from raw.students s where s.id = w.student_id)"), erasure.is_random_id("w.student_id")
)
"""Students whom the ledger names and the mirror does not, but for those who are erased."""


def read_again(snapshot: Snapshot, students: SourceTable) -> None:
    """Add students with a tombstone to `incoming`, if they are back."""
    known = "select t.student_id from raw.tombstones t where not exists (select from incoming.students i where i.id = t.student_id)"
    if snapshot.want(students, warehouse.trusted_sql(known)):
        snapshot.read_wanted(students)


def compare_keys(snapshot: Snapshot, table: SourceTable, tables: Mapping[str, SourceTable]) -> None:
    """Note in `incoming.gone` which rows of `raw` the source has no longer, and add those that neither `raw` nor quarantine has, or that
    `raw` has of another date, to `incoming`.

    Rows that name what is gone are read again too: they may say something else by now, without a later date. Tables that this one names must have been
    compared before.
    """
    keys = snapshot.read_keys(table)
    _note_gone(snapshot.target, table, tables, keys)
    if snapshot.since[table.name] is None:
        return
    if snapshot.want(table, _missed(table, keys)):
        snapshot.read_wanted(table)
        _note_missed(snapshot, table)
    beside = [column for column, parent in table.references.items() if parent != STUDENTS]
    if beside and snapshot.want(table, sql.SQL(" union ").join(_left_behind(table, column) for column in beside)):
        snapshot.read_wanted(table)


def _note_missed(snapshot: Snapshot, table: SourceTable) -> None:
    """Keep the keys of missed rows (pg_temp.wanted) until they are counted."""
    snapshot.target.execute(
        sql.SQL("create temp table {} on commit drop as select distinct {} from pg_temp.wanted w").format(
            sql.Identifier(f"missed_{table.name}"), _key(table, "w")
        )
    )


def count_missed(target: psycopg.Connection, table: SourceTable) -> int:
    """Rows of `incoming` that runs had missed. Ask when the rows of the erased are gone from there: nobody misses those."""
    name = f"missed_{table.name}"
    if target.execute("select to_regclass(format('pg_temp.%%I', %s::text))", (name,)).fetchone() == (None,):
        return 0
    row = target.execute(
        sql.SQL("select count(*) from {} i where exists (select from {} m where {})").format(
            sql.Identifier("incoming", table.name), sql.Identifier("pg_temp", name), _same_key(table, "m", "i")
        )
    ).fetchone()
    return row[0] if row else 0


def _note_gone(target: psycopg.Connection, table: SourceTable, tables: Mapping[str, SourceTable], keys: sql.Composable) -> None:
    raw, lost = (
        sql.Identifier("raw", table.name),
        sql.SQL("not exists (select from {} s where {})").format(keys, _same_key(table, "s", "r")),
    )
    gone: list[tuple[sql.Composable, sql.Composable]] = [(raw, lost)]
    if table.name == STUDENTS:  # a restored tombstone has no row in raw, nor has a restored ledger's student who left since the save
        gone.append((warehouse.trusted_sql("(select student_id as id from raw.tombstones)"), lost))
        gone.append((_ORPHANS, lost))
    # Whose a row is, only such a parent tells: without it the row could never be erased.
    gone += [
        (raw, sql.SQL("r.{} in ({})").format(sql.Identifier(column), _gone_ids(parent)))
        for column, parent in table.references.items()
        if parent != STUDENTS and erasure.is_personal(tables[parent], tables)
    ]
    for rows, condition in gone:
        target.execute(
            sql.SQL("insert into incoming.gone select {}, {} from {} r where {} on conflict do nothing").format(
                table.name, row_rules.whole_key(table, "r"), rows, condition
            )
        )
    target.execute("analyze incoming.gone")


def _missed(table: SourceTable, keys: sql.Composable) -> sql.Composable:
    """Keys of rows that are not booked as they are dated in the source: committed very late, their date went far back, or another row has their key.

    Rows whose date stood still are told by nothing; those of the last weeks are read each night. All is joined: a subquery within `or` would be asked row by row."""
    return sql.SQL(
        """select distinct {key} from {keys} s
           left join {raw} r on {same}
           left join (select distinct {read_key} from {read} i) as i on {same_read}
           where (r.{first} is null or s.{date} is distinct from r.{date} or i.{first} is not null)
           and not exists (select from {read} d where {same_dated} and s.{date} is not distinct from d.{date})
           and not exists (select from ops.quarantine q where q.table_name = {name} and q.row_key = {text})"""
    ).format(
        read_key=_key(table, "i"),
        same_read=_same_key(table, "s", "i"),
        same_dated=_same_key(table, "s", "d"),
        first=sql.Identifier(table.key[0]),
        date=sql.Identifier(table.watermark),
        key=_key(table, "s"),
        keys=keys,
        raw=sql.Identifier("raw", table.name),
        read=sql.Identifier("incoming", table.name),
        same=_same_key(table, "s", "r"),
        text=row_rules.whole_key(table, "s"),
        name=table.name,
    )


def _left_behind(table: SourceTable, column: str) -> sql.Composable:
    """Keys of rows of `raw` that name by this column what is gone, and are not read yet."""
    return sql.SQL("select {} from {} r where r.{} in ({}) and not exists (select from {} i where {})").format(
        _key(table, "r"),
        sql.Identifier("raw", table.name),
        sql.Identifier(column),
        _gone_ids(table.references[column]),
        sql.Identifier("incoming", table.name),
        _same_key(table, "i", "r"),
    )


def _key(table: SourceTable, alias: str) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in table.key)


def _same_key(table: SourceTable, one: str, other: str) -> sql.Composable:
    return sql.SQL(" and ").join(sql.SQL("{} = {}").format(sql.Identifier(one, name), sql.Identifier(other, name)) for name in table.key)


def _gone_ids(table: str) -> sql.Composable:
    return sql.SQL("select row_key::uuid from incoming.gone where table_name = {}").format(table)


def find_stops(snapshot: Snapshot, tables: Iterable[SourceTable]) -> list[str]:
    """Why the run must not go on: tables that are empty in the source and not in `raw`, and tables that lost too many rows since they were compared last."""
    tables = list(tables)
    empty, stops = set(snapshot.find_empty(tables)), []
    newly = dict(
        snapshot.target.execute(
            """select table_name, count(*) from incoming.gone
               where table_name <> 'students' or row_key not in (select student_id::text from raw.tombstones) group by table_name"""
        ).fetchall()
    )
    for table in tables:
        name, gone = f"{snapshot.schema}.{table.name}", newly.get(table.name, 0)
        there = _count_booked(snapshot.target, table) if table.name in empty or gone >= _FEWEST else 0
        if there and table.name in empty:
            stops.append(f"table {name} is empty, where {there:,} rows of it are booked")
        elif gone > there * (_STUDENT_SHARE if table.name == STUDENTS else _SHARE) and gone >= _FEWEST:
            stops.append(f"{gone:,} of {there:,} rows of {name} are gone ({gone / there:.1%})")
    return stops


def _count_booked(target: psycopg.Connection, table: SourceTable) -> int:
    """Rows of `raw`, students with a tombstone left out."""
    living = "not exists (select from raw.tombstones t where t.student_id = r.id)" if table.name == STUDENTS else "true"
    query = sql.SQL("select count(*) from {} r where {}").format(sql.Identifier("raw", table.name), warehouse.trusted_sql(living))
    row = target.execute(query).fetchone()
    return row[0] if row else 0
