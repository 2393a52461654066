"""Reports for all creators: shards, processes and the tally.

Belongs here: who is entitled, how the work is dealt out, what came of it. Does not: one creator's files (creator_files).
Imports no Dagster: worker processes start with it.
"""

import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime
from zlib import crc32

import psycopg

from pipelines import export_log, render_process, warehouse
from pipelines.catalog import Catalog
from pipelines.creator_files import Order, Tally, Worker
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store

SHARDS = 64
"""Creators are dealt to this many shards by a stable hash; a shard is the unit of work of a process."""


def entitled_creators(connection: psycopg.Connection, as_of: datetime) -> dict[str, str]:
    """Creators on the enterprise plan that has not expired at `as_of`: id to name, from the published tables."""
    if connection.execute("select to_regclass('analytics.creator_overview')").fetchone() == (None,):
        raise Problem("nothing is published yet; run `creator-reports run hourly` first.")
    with connection.transaction():
        warehouse.set_role(connection, "bi_reader")
        rows = connection.execute(
            """select creator_id::text, coalesce(company_name, '') from analytics.creator_overview
               where current_plan = 'enterprise' and (plan_expires_at is null or plan_expires_at > %s) order by creator_id""",
            (as_of,),
        ).fetchall()
    return dict(rows)


def render_all(
    settings: Settings,
    catalog: Catalog,
    order: Order,
    creators: Sequence[str],
    *,
    say: Callable[[str], None] = lambda line: None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Render and upload the order for `creators`. One creator's failure is a row in the log and a line in the tally; the rest go on."""
    Store(settings).prepare()
    with warehouse.connect(settings, autocommit=True) as connection:
        abandoned = export_log.write_abandoned(connection, order.run_id)
    if abandoned:
        say(f"{abandoned} uploads of runs that ended early are noted as abandoned")
    shards: dict[int, list[str]] = {}
    for creator in creators:
        shards.setdefault(crc32(creator.encode()) % SHARDS, []).append(creator)
    processes = min(settings.render_processes, len(creators) // 50 + 1)  # starting a process costs as much as rendering some fifty creators
    tally = Tally()
    for done in _run_shards(settings, catalog, order, list(shards.values()), processes):
        tally.add(done)
        advance(tally.creators.total(), len(creators))
    return tally


def _run_shards(settings: Settings, catalog: Catalog, order: Order, shards: list[list[str]], processes: int) -> Iterable[Tally]:
    if processes == 1:
        worker = Worker(settings, catalog, order)
        try:
            yield from (worker.render_shard(shard) for shard in shards)
        finally:
            worker.close()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=render_process.start, initargs=(pickle.dumps((settings, catalog, order)),)
    ) as pool:
        yield from (future.result() for future in as_completed([pool.submit(_render_shard, shard) for shard in shards]))


_worker: "Worker | None" = None


def start_worker(settings: Settings, catalog: Catalog, order: Order) -> None:
    """Make the worker of this process, once."""
    global _worker
    _worker = Worker(settings, catalog, order)


def _render_shard(creators: list[str]) -> Tally:
    assert _worker is not None  # the pool's initializer has run
    return _worker.render_shard(creators)
