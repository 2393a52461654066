"""The rules for the rows of a source table, as SQL over `incoming.<table>` (alias `r`).

Belongs here: turning the contract's rules into one query that judges all rows of a table. Does not: the rules (yml of the sources), what becomes of bad rows
(quarantine).
"""

from collections.abc import Mapping
from datetime import datetime

from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import SourceTable

NO_KEY = "no key/"
"""Row keys in quarantine begin so where the row has no whole key; a digest of the row follows."""

_TWICE = "the key occurs more than once; the newest row was kept"
_AHEAD = "interval '1 hour'"
"""Clocks differ by less; what lies further ahead waits until time has caught up."""


def judged(table: SourceTable, tables: Mapping[str, SourceTable], clock: datetime) -> sql.Composable:
    """A query over all rows: `at` (ctid), `row_key`, `reason` (null for a good row) and `creator_id`, where it can be known."""
    rules = [(reason, warehouse.trusted_sql(condition)) for reason, condition in table.set_aside.items()]
    rules += _dates(table, clock)
    rules += [(f"orphan: {column} names no row of {parent}", _is_orphan(column, parent)) for column, parent in table.references.items()]
    rules += _strangers(table, tables)
    creators = list(_creators(table, tables).values()) if table.name != "creators" else [sql.SQL("r.id")]
    return sql.SQL(
        "select r.ctid as at, {key} as row_key, case {whens} end as reason, {creator} as creator_id from {incoming} r {joins}"
    ).format(
        key=key_text(table),
        whens=sql.SQL(" ").join(sql.SQL("when {} then {}").format(condition, reason) for reason, condition in rules),
        creator=_coalesce(creators) if creators else sql.SQL("null::uuid"),
        incoming=sql.Identifier("incoming", table.name),
        joins=sql.SQL(" ").join(_join(column, parent) for column, parent in table.references.items()),
    )


def doubles(table: SourceTable, tables: Mapping[str, SourceTable]) -> sql.Composable:
    """The same columns for all but the newest of rows with one key; rows of one watermark are told apart by their text, so that each run keeps the same one."""
    key = sql.SQL(", ").join(sql.Identifier("r", name) for name in table.key)
    creators = list(_creators(table, tables).values()) if table.name != "creators" else [sql.SQL("r.id")]
    return sql.SQL(
        """select at, row_key, {twice}, creator_id from (
            select r.ctid as at, {key_text} as row_key, {creator} as creator_id,
                row_number() over (partition by {key} order by {watermark} desc, r::text desc) as no
            from {incoming} r {joins}
            where ({key}) in (select {key} from {incoming} r group by {key} having count(*) > 1)) d where no > 1"""
    ).format(
        twice=_TWICE,
        key_text=key_text(table),
        creator=_coalesce(creators) if creators else sql.SQL("null::uuid"),
        key=key,
        watermark=sql.Identifier("r", table.watermark),
        incoming=sql.Identifier("incoming", table.name),
        joins=sql.SQL(" ").join(_join(column, parent) for column, parent in table.references.items()),
    )


def whole_key(table: SourceTable, alias: str) -> sql.Composable:
    """The key of a row (`alias`) as text; null where a part of it is."""
    return sql.SQL(" || '/' || ").join(sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in table.key)


def key_text(table: SourceTable) -> sql.Composable:
    """The key of a row as quarantine stores it."""
    return sql.SQL("coalesce({}, {} || md5(r::text))").format(whole_key(table, "r"), NO_KEY)


def quarantined_key(table: SourceTable) -> list[sql.Composable]:
    """The columns of the key of a row of ops.quarantine (alias `q`), null where it has none."""
    return [
        sql.SQL("case when not starts_with(q.row_key, {}) then split_part(q.row_key, '/', {})::{} end").format(
            NO_KEY, place, warehouse.trusted_sql(table.columns[name])
        )
        for place, name in enumerate(table.key, start=1)
    ]


def _dates(table: SourceTable, clock: datetime) -> list[tuple[str, sql.Composable]]:
    rules: list[tuple[str, sql.Composable]] = []
    for column in (*table.dates, *table.dates_if_any):
        zone = warehouse.trusted_sql("" if table.columns[column].endswith("with time zone") else " at time zone 'UTC'")
        parts = {
            "c": sql.Identifier("r", column),
            "clock": sql.Literal(clock.isoformat()),
            "ahead": warehouse.trusted_sql(_AHEAD),
            "zone": zone,
        }
        if column in table.dates:
            rules.append((f"no date: {column}", sql.SQL("{c} is null").format(**parts)))
        rules.append((f"date before 1990: {column}", sql.SQL("{c} < (timestamptz '1990-01-01 00:00:00+00'{zone})").format(**parts)))
        rules.append((f"date in the future: {column}", sql.SQL("{c} > (({clock}::timestamptz + {ahead}){zone})").format(**parts)))
    return rules


def _is_orphan(column: str, parent: str) -> sql.Composable:
    """Whether the row that the column names is neither among the good rows read nor in `raw`, where rows that are gone from the source do not count."""
    gone = sql.SQL("select row_key::uuid from incoming.gone where table_name = {}").format(parent)
    if parent == "students":
        gone = sql.SQL("{} union all select student_id from raw.tombstones").format(gone)
    return sql.SQL("(r.{} is not null and {read}.id is null and ({raw}.id is null or {raw}.id in ({gone})))").format(
        sql.Identifier(column), read=sql.Identifier(f"{column}_read"), raw=sql.Identifier(f"{column}_raw"), gone=gone
    )


def _join(column: str, parent: str) -> sql.Composable:
    return sql.SQL(" ").join(
        sql.SQL("left join {} as {alias} on {alias}.id = r.{}").format(
            sql.Identifier(schema, parent), sql.Identifier(column), alias=sql.Identifier(f"{column}_{name}")
        )
        for name, schema in (("read", "incoming"), ("raw", "raw"))
    )


def _creators(table: SourceTable, tables: Mapping[str, SourceTable]) -> dict[str, sql.Composable]:
    """For each reference that leads to a creator: that creator."""
    found: dict[str, sql.Composable] = {}
    for column, parent in table.references.items():
        owner = tables[parent].creator_column
        if parent == "creators":
            found[column] = sql.Identifier("r", column)
        elif owner:
            places = [sql.Identifier(f"{column}_{place}", owner) for place in ("read", "raw")]
            found[column] = _coalesce(places)
    return found


def _strangers(table: SourceTable, tables: Mapping[str, SourceTable]) -> list[tuple[str, sql.Composable]]:
    """Rows in which two creators meet: the owner of the content is the owner of the row, and another's student has no row there."""
    creators = _creators(table, tables)
    columns = list(creators)
    return [
        (
            f"other creator: {column} belongs to another creator",
            sql.SQL("{} <> {}").format(creators[column], _coalesce([creators[earlier] for earlier in columns[:place]])),
        )
        for place, column in enumerate(columns)
        if place
    ]


def _coalesce(parts: list[sql.Composable] | list[sql.Identifier]) -> sql.Composable:
    return sql.SQL("coalesce({})").format(sql.SQL(", ").join(parts)) if len(parts) > 1 else parts[0]
