"""Which row versions the tables of a database hold, and a digest of their contents.

Belongs here: looking at all tables of the pipeline at once. Does not: what the rows should be.
"""

from collections.abc import Mapping

from pipelines import warehouse
from tests.oracle.warm import Warm

SCHEMAS = ("raw", "intermediate", "marts", "analytics")

PER_RUN = {"analytics.published"}
"""Tables that say which run was the last: they alone change with each run."""

_TABLES = "select format('%%I.%%I', schemaname, tablename) from pg_tables where schemaname = any(%s) order by 1"


def _ask_each(warm: Warm, question: str) -> Mapping[str, str | None]:
    with warehouse.connect(warm.settings) as connection:
        names = [name for (name,) in connection.execute(_TABLES, (list(SCHEMAS),)) if name not in PER_RUN]
        found = {}
        for name in names:
            row = connection.execute(warehouse.trusted_sql(question.format(name))).fetchone()
            found[name] = row and row[0]
        return found


def row_versions(warm: Warm) -> Mapping[str, str | None]:
    """Per table a digest of place and xmin of all rows: equal while no statement wrote one."""
    return _ask_each(warm, "select md5(string_agg(ctid::text || xmin::text, ' ' order by ctid)) from {}")


def contents(warm: Warm) -> Mapping[str, str | None]:
    """Per table a digest of all rows, whatever their order. The ledger's random name is left out."""
    return _ask_each(
        warm,
        "select md5(string_agg(t.row::text, ' ' order by t.row::text)) from (select to_jsonb(r) - 'ledger_id' as row from {} as r) as t",
    )
