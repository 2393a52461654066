"""The pipeline in a warm process: the steps of a run without Dagster and without Great Expectations, on the embedded Postgres.

Belongs here: running steps, writing the source, reading tables. Does not: what is expected.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import rows as row_factories
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from pipelines import publish, warehouse
from pipelines.catalog import Catalog, load_catalog
from pipelines.local import source
from pipelines.local.world import World
from pipelines.settings import Settings
from tests import steps
from tests.oracle.mirror import READINGS, Row


@dataclass
class Warm:
    """A database with an empty source, and the steps of a run on it."""

    settings: Settings
    catalog: Catalog = field(default_factory=load_catalog)

    def prepare(self) -> None:
        """Make the pipeline's own tables and the source's."""
        warehouse.init_db(self.settings)
        with warehouse.connect(self.settings) as connection:
            source.build(connection, replica=True)

    def write_source(self, tables: Mapping[str, Iterable[Row]]) -> None:
        """Replace all rows of the source."""
        with warehouse.connect(self.settings) as connection:
            for table in READINGS:
                self._fill(connection, table, list(tables[table]))

    def _fill(self, connection: psycopg.Connection, table: str, rows: list[Row]) -> None:
        name = sql.Identifier("app", table)
        connection.execute(sql.SQL("truncate {}").format(name))
        if not rows:
            return
        kinds = self.catalog.sources[table].columns
        listed = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
        with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(name, listed)) as copy:
            for row in rows:
                copy.write_row([_value(row[column], kinds[column]) for column in rows[0]])

    def run(
        self, as_of: datetime, *, is_nightly: bool, is_tested: bool = True, after: Callable[[str], None] = steps.silent
    ) -> list[publish.TablePublished]:
        """One run on what the source holds now (see tests/steps.py). However much is gone does not stop it."""
        return steps.run(
            self.settings, self.catalog, as_of, is_nightly=is_nightly, is_tested=is_tested, accepts_deletions=True, after=after
        )

    def fetch(self, query: sql.Composable | str) -> list[dict[str, Any]]:
        """Rows of a query."""
        with warehouse.connect(self.settings) as connection:
            cursor = connection.cursor(row_factory=row_factories.dict_row)
            return cursor.execute(sql.SQL(query) if isinstance(query, str) else query).fetchall()  # pyrefly: ignore


@contextmanager
def warm_database(world: World) -> Iterator[Warm]:
    """A prepared database with an empty source; dropped at the end."""
    name = f"oracle_{uuid.uuid4().hex[:12]}"
    try:
        warm = Warm(warm_settings(world, world.create_database(name)))
        warm.prepare()
        yield warm
    finally:
        world.drop_database(name)


@contextmanager
def warm_copy(world: World, original: Warm) -> Iterator[Warm]:
    """A copy of a database that nobody is connected to, down to its row versions; dropped at the end."""
    name = f"oracle_{uuid.uuid4().hex[:12]}"
    address = original.settings.require_database_url().get_secret_value()
    source = str(conninfo_to_dict(address)["dbname"])
    try:
        with world.postgres.superuser.connect() as connection:
            create = sql.SQL("create database {} template {} owner pipeline")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(source)))
        yield Warm(warm_settings(world, address.replace(source, name)), original.catalog)
    finally:
        world.drop_database(name)


def warm_settings(world: World, database_url: str) -> Settings:
    """Settings on this database; there is no bucket."""
    return Settings(_env_file=None, **world.environment() | {"database_url": database_url, "s3_bucket": "not-used"})  # pyrefly: ignore


def _value(value: Any, kind: str) -> Any:
    if kind.endswith("[]"):
        return None if value is None else list(value)
    if kind == "jsonb":
        return None if value is None else Jsonb(list(value) if isinstance(value, tuple) else value)
    if value is not None and kind == "timestamp without time zone":
        return value.replace(tzinfo=None)  # the oracle's instants are UTC
    return value
