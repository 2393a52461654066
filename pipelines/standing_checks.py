"""Closed delivery gates and rows set aside as Dagster checks: what stands open after a run that went well for everybody else.

Belongs here: the two checks and their sentences. Does not: closing gates (gates), setting rows aside (quarantine), alerts of them (watching).
They warn only: such a run is no failure, and the data team hears of gates by their reasons.
"""

from collections.abc import Iterator

import dagster as dg
import psycopg

from pipelines import gates, warehouse
from pipelines.catalog import Catalog
from pipelines.runs import plain_failures
from pipelines.settings import Settings

GATES, ROWS = "no_closed_gate", "no_row_set_aside"
HELD = "These creators keep their last good reports and get no new links until the cause is gone."
ASIDE = "Rows that break a rule of the source count for nobody; each run reads them again and takes in those that are mended."
_SAMPLES = 10

_GATES_KEY = dg.AssetCheckKey(dg.AssetKey(["analytics", "creator_overview"]), GATES)
"""On a published table: by then every check of the run has closed its gates."""


def say_closed(connection: psycopg.Connection) -> list[str]:
    """Each creator whose gate is closed, by name, and why."""
    closed = gates.closed(connection)
    names = gates.named(connection, closed)
    return [f"{names[who]}: {why}" for who, why in closed.items()]


def build_standing(settings: Settings, catalog: Catalog) -> dg.AssetChecksDefinition:
    """One step after the publish: the gates, and the rows of each source table."""
    specs = [dg.AssetCheckSpec(GATES, asset=_GATES_KEY.asset_key, description=HELD)]
    specs += [dg.AssetCheckSpec(ROWS, asset=["raw", name], description=ASIDE) for name in catalog.sources]

    @dg.multi_asset_check(
        name="standing",
        specs=specs,
        can_subset=True,
        description="Warns of closed delivery gates and of rows that are set aside. Neither stops a run.",
    )
    def standing(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with plain_failures(), warehouse.connect(settings) as connection:
            results = [_look(connection, key) for key in sorted(context.selected_asset_check_keys)]
        yield from results

    return standing


def _look(connection: psycopg.Connection, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    found = say_closed(connection) if key == _GATES_KEY else _set_aside(connection, key.asset_key.path[-1])
    return dg.AssetCheckResult(
        passed=not found,
        asset_key=key.asset_key,
        check_name=key.name,
        severity=dg.AssetCheckSeverity.WARN,
        description=HELD if key == _GATES_KEY else ASIDE,
        metadata={"creators" if key == _GATES_KEY else "rows": len(found), "samples": "; ".join(found[:_SAMPLES])},
    )


def _set_aside(connection: psycopg.Connection, table: str) -> list[str]:
    """Each row of the table that is set aside, and why."""
    rows = connection.execute(
        "select row_key, reason from ops.quarantine where table_name = %s order by last_seen_at desc, 1, 2", (table,)
    ).fetchall()
    return [f"{row_key}: {reason}" for row_key, reason in rows]
