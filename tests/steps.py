"""The steps of a run in this process: without Dagster, without Great Expectations.

Belongs here: what a run does, step by step, for tests that need many runs or have to stand between two steps. Does not: sources, assertions on tables.
"""

import uuid
from collections.abc import Callable
from datetime import datetime

from pipelines import audit, booking, building, compiled, ingest, publish, question_groups, warehouse
from pipelines.catalog import Catalog
from pipelines.publish import TablePublished
from pipelines.runs import NIGHTLY_JOB
from pipelines.settings import Settings

_compiled: list[tuple[str, str, str]] = []
"""Rows of `ops.compiled`, from the first database of this process."""


def silent(line: str) -> None:
    """Progress that nobody reads."""


def lend_compiled(settings: Settings, catalog: Catalog) -> None:
    """Give a fresh database the SQL that dbt compiled for another one: it names no database, and a version that differs is compiled anew all the same."""
    with warehouse.connect(settings) as connection:
        if connection.execute("select from ops.compiled limit 1").fetchone() is not None:
            return
        if _compiled:
            connection.cursor().executemany("insert into ops.compiled values (%s, %s, %s) on conflict do nothing", _compiled)
            return
    for compile_and_keep in (compiled.narrowed, compiled.whole_models, compiled.whole_tests):
        compile_and_keep(settings, catalog)
    with warehouse.connect(settings) as connection:
        _compiled.extend(connection.execute("select name, version, query from ops.compiled").fetchall())


def run(
    settings: Settings,
    catalog: Catalog,
    as_of: datetime,
    *,
    is_nightly: bool = False,
    is_tested: bool = True,
    accepts_deletions: bool = False,
    is_grouped: bool = False,
    after: Callable[[str], None] = silent,
) -> list[TablePublished]:
    """Read, book, build, test and publish for `as_of`, as one run that holds the lock; fails when a model or a test does.

    Without `is_tested` no test is asked; with `is_grouped` questions are masked and grouped by meaning. `after` is told the name of each step that is done.
    """
    lend_compiled(settings, catalog)
    guard = warehouse.RunGuard(settings)
    try:
        entered = guard.enter(warehouse.Run(uuid.uuid4().hex, NIGHTLY_JOB if is_nightly else "hourly", as_of), silent)
        ingest.read_source(
            settings, catalog.sources.values(), entered, is_nightly=is_nightly, accepts_deletions=accepts_deletions, say=silent
        )
        after("read")
        booking.book(settings, catalog, entered, say=silent)
        after("book")
        if is_grouped:
            question_groups.group_new(settings, catalog, entered, is_nightly=is_nightly, say=silent)
            after("group")
        built = building.build(settings, catalog, entered, is_nightly=is_nightly, say=silent)
        after("build")
        tested = building.test(settings, catalog, entered, is_nightly=is_nightly) if is_tested else []
        after("test")
        bad = [f"{result.name}: {result.status} {result.message}" for result in [*built, *tested] if not result.is_good]
        assert not bad, "\n".join(bad)
        audit.accept_build(settings, entered)
        after("audit")
        return publish.publish(settings, catalog.marts.values(), entered, "code", is_nightly=is_nightly, say=silent)
    finally:
        guard.leave()
