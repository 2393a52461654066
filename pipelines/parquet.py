"""Rows of a table as one Parquet object, and back: in batches, so that no day is too large.

Belongs here: types on the way, order of the rows, the temporary file in between. Does not: which tables and days (keeping), S3 (store).
"""

import io
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from psycopg import sql

from pipelines.problem import Problem
from pipelines.store import Store

_PLAIN = {"bigint", "boolean", "date", "integer", "smallint", "text", "timestamp with time zone"}
"""Types that Arrow has too; others are saved as text, as Postgres writes them."""

_BATCH_ROWS = 50_000
_COLUMNS = """
select attname::text, format_type(atttypid, null) from pg_attribute
where attrelid = {}::regclass and attnum > 0 and not attisdropped order by attnum
"""


def write_rows(
    cursor: adbc.Cursor, store: Store, key: str, table: tuple[str, str], condition: sql.Composable, order_by: Iterable[str]
) -> int:
    """Save the rows of `table` (schema and name) that meet `condition`, in the order of these columns: same rows, same bytes. The number of rows."""
    cursor.execute(sql.SQL(_COLUMNS).format(sql.Literal(".".join(table))).as_string())
    columns = [
        sql.Identifier(name) if kind in _PLAIN else sql.SQL("{0}::text as {0}").format(sql.Identifier(name))
        for name, kind in cursor.fetchall()
    ]
    listed = sql.SQL(", ").join
    query = sql.SQL("select {} from {} where {} order by {}").format(
        listed(columns), sql.Identifier(*table), condition, listed(map(sql.Identifier, order_by))
    )
    cursor.execute(query.as_string())  # without parameters: only then the rows come as a stream
    rows = 0
    with tempfile.TemporaryFile() as file, cursor.fetch_record_batch() as batches:
        with pq.ParquetWriter(file, batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        store.put_file(key, file)
    return rows


def write_values(store: Store, key: str, columns: Mapping[str, pa.Array]) -> None:
    """Save a small table that is in memory."""
    with tempfile.TemporaryFile() as file:
        pq.write_table(pa.table(dict(columns)), file, compression="zstd")
        store.put_file(key, file)


def read_values(store: Store, key: str) -> list[dict[str, Any]] | None:
    """The rows of a small object, or None when it is not there."""
    with tempfile.TemporaryFile() as file:
        return pq.read_table(file).to_pylist() if store.get_file(key, file) else None


def copy_rows(connection: psycopg.Connection, store: Store, key: str, table: sql.Identifier) -> int:
    """Append the rows of an object to a table, in the transaction of `connection`; their number. A `Problem` when the object is not there or does not fit."""
    with tempfile.TemporaryFile() as file:
        if not store.get_file(key, file):
            raise Problem(f"bucket {store.bucket} lacks {key}, which its index names; bring that object back from a backup of the bucket.")
        try:
            content = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise Problem(f"{key} in bucket {store.bucket} is not readable as Parquet ({error}); bring it back from a backup.") from None
        columns = sql.SQL(", ").join(map(sql.Identifier, content.schema_arrow.names))
        statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(table, columns)
        try:
            with connection.cursor().copy(statement) as copy:
                for batch in content.iter_batches(_BATCH_ROWS):
                    text = io.BytesIO()  # nulls are empty, texts stand in quotes: as Postgres reads it
                    pa.csv.write_csv(batch, text, pa.csv.WriteOptions(include_header=False))
                    copy.write(text.getvalue())
        except psycopg.errors.UndefinedColumn as error:
            raise Problem(
                f"{key} does not fit this version: {error.diag.message_primary}; restore with the version that saved it."
            ) from None
        return content.metadata.num_rows
