"""The steps of a run one after the other, without Dagster and the doors: for tests that need many runs and look at tables.

Belongs here: what stands between the source and `analytics`. Does not: data, assertions.
"""

import uuid
from datetime import datetime

from pipelines import audit, booking, building, ingest, publish, warehouse
from pipelines.catalog import Catalog
from pipelines.settings import Settings


def _silent(line: str) -> None:
    """Progress that nobody reads."""


def run(settings: Settings, catalog: Catalog, as_of: datetime, *, is_nightly: bool = False) -> warehouse.Run:
    """Read, book, build, test and publish for `as_of`, as one run that holds the lock."""
    guard = warehouse.RunGuard(settings)
    try:
        entered = guard.enter(warehouse.Run(uuid.uuid4().hex, "daily" if is_nightly else "hourly", as_of), _silent)
        tables = list(catalog.sources.values())
        ingest.read_source(settings, tables, entered, is_nightly=is_nightly, say=_silent)
        booking.book(settings, catalog, entered, say=_silent)
        results = building.build(settings, catalog, entered, say=_silent)
        assert [result for result in results if not result.is_good] == []
        tests = building.test(settings, catalog, entered, is_nightly=is_nightly)
        assert building.stoppers(settings, tests) == []
        audit.accept_build(settings, entered)
        publish.publish(settings, list(catalog.marts.values()), entered, "code", is_nightly=is_nightly, say=_silent)
        return entered
    finally:
        guard.leave()
