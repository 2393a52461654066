"""Rows and keys of the source as one snapshot has them, copied to `incoming`: set-based from the same database, through COPY from another one.

Belongs here: every statement that reads a table of the source. Does not: which rows are wanted, and why (ingest, quarantine).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import SourceTable

_BATCH = 20_000
"""So many keys at a time are sent to another database."""


@dataclass
class Snapshot:
    """A repeatable-read transaction on the source and one on the warehouse; the same one when both are one database.

    `clock` is the source's, when the snapshot was taken. `since` notes per table from when on its rows were read: None for all of them.
    """

    source: psycopg.Connection
    target: psycopg.Connection
    schema: str
    clock: datetime
    since: dict[str, datetime | None] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether source and warehouse are one database."""
        return self.source is self.target

    def read_changed(self, table: SourceTable, since: datetime | None) -> int:
        """Empty `incoming` and fill it with the rows whose watermark is `since` or later, or with all; the number of rows."""
        self.since[table.name] = since
        self.target.execute(sql.SQL("truncate {}").format(_incoming(table)))
        return self._take(table, sql.SQL("true") if since is None else self._is_read(table))

    def want(self, table: SourceTable, keys: sql.Composable) -> int:
        """Note the keys that the query `keys` gives in `pg_temp.wanted`, numbered; how many there are."""
        self.target.execute("drop table if exists pg_temp.wanted")
        self.target.execute(
            sql.SQL("create temp table wanted ({}, no bigint generated always as identity) on commit drop").format(
                _defined(table, table.key)
            )
        )
        count = self.target.execute(sql.SQL("insert into pg_temp.wanted ({}) {}").format(_key(table), keys)).rowcount
        if count:
            self.target.execute("analyze pg_temp.wanted")
        return count

    def read_wanted(self, table: SourceTable) -> int:
        """Add the rows with the keys in `pg_temp.wanted` that `read_changed` did not read; the number of rows."""
        if self.since[table.name] is None:
            return 0
        unread = sql.SQL("({}) is not true").format(self._is_read(table))
        if self.is_local:
            wanted = sql.SQL("({}) in (select {} from pg_temp.wanted) and {}").format(_key(table), _key(table), unread)
            return self._take(table, wanted)
        return sum(
            self._take(table, sql.SQL("({}) in (select {}) and {}").format(_key(table), keys, unread)) for keys in self._batches(table)
        )

    def read_keys(self, table: SourceTable) -> sql.Composable:
        """A relation with key and watermark of each row of the source that has a whole key: the table itself, or a copy from another database."""
        whole = sql.SQL(" and ").join(sql.SQL("{} is not null").format(sql.Identifier(name)) for name in table.key)
        names = list(dict.fromkeys((*table.key, table.watermark)))
        query = sql.SQL("select {} from {} where {}").format(_typed(table, names), sql.Identifier(self.schema, table.name), whole)
        if self.is_local:
            return sql.SQL("({})").format(query)
        copied = sql.Identifier("pg_temp", f"keys_of_{table.name}")
        self.target.execute(sql.SQL("create temp table {} ({}) on commit drop").format(copied, _defined(table, names)))
        self._copy(query, copied, sql.SQL(", ").join(map(sql.Identifier, names)))
        self.target.execute(sql.SQL("analyze {}").format(copied))
        return copied

    def find_empty(self, tables: Iterable[SourceTable]) -> list[str]:
        """Names of those tables that hold no row in the source."""
        asked = [
            sql.SQL("select {} where not exists (select from {})").format(table.name, sql.Identifier(self.schema, table.name))
            for table in tables
        ]
        return [row[0] for row in self.source.execute(sql.SQL(" union all ").join(asked))]

    def read_keyless(self, table: SourceTable) -> int:
        """Add the rows without a whole key that `read_changed` did not read; the number of rows."""
        if self.since[table.name] is None:
            return 0
        keyless = sql.SQL(" or ").join(sql.SQL("{} is null").format(sql.Identifier(name)) for name in table.key)
        return self._take(table, sql.SQL("({}) and ({}) is not true").format(keyless, self._is_read(table)))

    def has_unique_key(self, table: SourceTable) -> bool:
        """Whether the source itself keeps the key unique: no need to look for double rows then."""
        row = self.source.execute(
            """select exists (
                select from pg_index i where i.indrelid = to_regclass(format('%%I.%%I', %s::text, %s::text)) and i.indisunique and i.indisvalid
                    and i.indpred is null and i.indexprs is null
                    and (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey)) <@ %s::text[])""",
            (self.schema, table.name, list(table.key)),
        ).fetchone()
        return row == (True,)

    def _is_read(self, table: SourceTable) -> sql.Composable:
        since = self.since[table.name]
        assert since is not None  # callers have asked
        utc = sql.SQL("" if table.columns[table.watermark].endswith("with time zone") else " at time zone 'UTC'")
        literal = sql.Literal(since.astimezone(UTC).isoformat())
        return sql.SQL("{} >= ({}::timestamptz{})").format(sql.Identifier(table.watermark), literal, utc)

    def _take(self, table: SourceTable, condition: sql.Composable) -> int:
        query = sql.SQL("select {} from {} where {}").format(
            _typed(table, table.columns), sql.Identifier(self.schema, table.name), condition
        )
        columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        if self.is_local:
            return self.target.execute(sql.SQL("insert into {} ({}) {}").format(_incoming(table), columns, query)).rowcount
        return self._copy(query, _incoming(table), columns)

    def _copy(self, query: sql.Composable, to: sql.Composable, columns: sql.Composable) -> int:
        write = self.target.cursor()
        give = sql.SQL("copy ({}) to stdout (format binary)").format(query)
        take = sql.SQL("copy {} ({}) from stdin (format binary)").format(to, columns)
        with self.source.cursor().copy(give) as rows_out, write.copy(take) as rows_in:
            for block in rows_out:
                rows_in.write(block)
        return write.rowcount

    def _batches(self, table: SourceTable) -> Iterator[sql.Composable]:
        """The wanted keys as `unnest(...)` of literal arrays, some thousands at a time."""
        arrays = sql.SQL(", ").join(sql.SQL("array_agg({}::text order by no)").format(sql.Identifier(name)) for name in table.key)
        done = 0
        while True:
            row = self.target.execute(
                sql.SQL("select count(*), {} from pg_temp.wanted where no > %s and no <= %s").format(arrays), (done, done + _BATCH)
            ).fetchone()
            if row is None or not row[0]:
                return
            done += _BATCH
            yield sql.SQL(", ").join(
                sql.SQL("unnest({}::{}[])").format(sql.Literal(values), warehouse.trusted_sql(table.columns[name]))
                for name, values in zip(table.key, row[1:], strict=True)
            )


def _incoming(table: SourceTable) -> sql.Identifier:
    return sql.Identifier("incoming", table.name)


def _key(table: SourceTable) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, table.key))


def _defined(table: SourceTable, names: Iterable[str]) -> sql.Composable:
    """Columns as a table that holds them defines them."""
    return sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), warehouse.trusted_sql(table.columns[name])) for name in names)


def _typed(table: SourceTable, names: Iterable[str]) -> sql.Composable:
    """Columns with the contract's types, whatever the source has."""
    return sql.SQL(", ").join(
        sql.SQL("{0}::{1} as {0}").format(sql.Identifier(name), warehouse.trusted_sql(table.columns[name])) for name in names
    )
