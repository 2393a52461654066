"""The contract of the source: its tables as the dbt project's `_sources.yml` describes them.

Belongs here: what is known of a source table. Does not: reading rows (snapshot, ingest), judging them (row_rules).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True)
class SourceTable:
    """One table of the source contract. `columns` maps name to Postgres type, in the contract's order.

    `watermark` moves when a row changes. `reread_days` and `reread_nightly_days` are read again by each run whatever the watermark says (None: the
    settings' overlap). `happens_at` are the columns that say when a row counts, `indexes` those by which models look it up. `set_aside` maps a reason
    to the SQL condition (row alias `r`) of rows that go to quarantine; so do rows whose `dates` (`dates_if_any`: where there is one) are no dates of the
    platform, and rows whose `references` (column to table) name no row. The first reference that leads to a creator says whose row it is.
    """

    name: str
    description: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    watermark: str
    reread_days: int | None
    reread_nightly_days: int | None
    happens_at: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    set_aside: Mapping[str, str]
    dates: tuple[str, ...] = ()
    dates_if_any: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)

    def columns_to(self, table: str) -> list[str]:
        """The columns that name a row of `table`."""
        return [column for column, named in self.references.items() if named == table]

    @property
    def creator_column(self) -> str | None:
        """The column that holds the creator whose row it is, where the row itself says so."""
        return "id" if self.name == "creators" else next(iter(self.columns_to("creators")), None)


def load_tables(nodes: Iterable[Mapping[str, Any]]) -> dict[str, SourceTable]:
    """The tables of the manifest's `nodes` by name, each after those that it references."""
    tables = {table.name: table for table in map(_table, nodes)}
    order = TopologicalSorter({table.name: sorted(table.references.values()) for table in tables.values()}).static_order()
    return {name: tables[name] for name in order}


def _table(node: Mapping[str, Any]) -> SourceTable:
    meta = node["config"]["meta"]
    return SourceTable(
        name=node["name"],
        description=node["description"],
        columns={column["name"]: column["data_type"] for column in node["columns"].values()},
        key=tuple(meta["key"]),
        watermark=meta["watermark"],
        reread_days=meta.get("reread_days"),
        reread_nightly_days=meta.get("reread_nightly_days"),
        happens_at=tuple(meta.get("happens_at", ())),
        indexes=tuple((index,) if isinstance(index, str) else tuple(index) for index in meta.get("indexes", ())),
        set_aside=meta.get("set_aside", {}),
        dates=tuple(meta.get("dates", ())),
        dates_if_any=tuple(meta.get("dates_if_any", ())),
        references=meta.get("references", {}),
    )
