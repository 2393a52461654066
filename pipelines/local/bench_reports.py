"""The bench of files: the scheduled pack of many creators of 1,000 students, and all exports of one creator of 10,000.

Belongs here: that platform, timing the real `render_all` and the real exports, the figures beside their bounds. Does not: tables and hours (bench).
"""

import json
import multiprocessing
import platform
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from pipelines import render, render_process, warehouse
from pipelines.catalog import load_catalog
from pipelines.creator_files import Order, Tally, Worker
from pipelines.export_log import Entry
from pipelines.export_wishes import Wanted
from pipelines.exports import Exporter
from pipelines.local import bench_runs, demo, world
from pipelines.local.bench import Line
from pipelines.settings import Settings, export_environment, load_settings
from pipelines.spending import peak_mb

Say = Callable[[str], None]

NAME = "reports"
CREATORS, STUDENTS, LARGE = 60, 1_000, 10_000
"""Creators of the pack, students of each, and of the one whose exports are timed."""
RATE, PACK_MB, EXPORT_MB = 40, 150, 300
"""Creators a second on two cores; peak memory of a worker in the pack and in a large export."""
_SETS = {"CSV and JSON of all types": (("csv", "json"), (), 5.0), "XLSX of progress and chat": (("xlsx",), ("progress", "chat"), 30.0)}
"""Formats, types (none: all) and bound in seconds of what is exported of the large creator."""


@dataclass(frozen=True)
class Exported:
    """One set of exports, type after type in a process of its own: seconds by the clock and of the processor, peak memory, files, rows and bytes."""

    seconds: float
    cpu_seconds: float
    peak_mb: int
    files: int
    rows: int
    bytes: int


def run(folder: Path, say: Say, creators: int = CREATORS) -> dict[str, Any]:
    """Measure everything in a new world of `folder` and return the figures."""
    place, settings = _platform(folder, say, creators)
    catalog = load_catalog()
    with warehouse.connect(settings, autocommit=True) as connection:
        rows = connection.execute("select creator_id::text, student_count from analytics.creator_overview order by 2 desc").fetchall()
    pack = [creator for creator, count in rows if count == STUDENTS]
    say(f"the scheduled pack of {len(pack)} creators")
    order = Order(uuid.uuid4().hex, "bench", _today(settings), catalog.edition("daily"))
    before, began = _server_seconds(place), time.perf_counter()
    tally = render.render_all(settings, catalog, order, pack, say=say)
    wall = time.perf_counter() - began
    servers = {name: seconds - before[name] for name, seconds in _server_seconds(place).items()}
    if tally.problems:
        raise RuntimeError(f"the bench measures good runs only; {tally.problems[0]}")
    exported = {}
    for name, (formats, types, _) in _SETS.items():
        say(f"{name} of {rows[0][1]:,} students")
        before = _server_seconds(place)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=render_process.settle) as pool:
            exported[name] = asdict(pool.submit(_export, settings, rows[0][0], formats, types).result())
        exported[name] |= {f"{server} cpu_seconds": round(spent - before[server], 2) for server, spent in _server_seconds(place).items()}
    return {
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}",
        "students": {"pack": STUDENTS, "large": rows[0][1]},
        "pack": _pack_figures(tally, servers, len(pack), wall) | {"processes": settings.render_processes},
        "exports": exported,
    }


def _pack_figures(tally: Tally, servers: dict[str, float], creators: int, wall: float) -> dict[str, Any]:
    """Processor time is that of all who work on it: our processes (without their start), Postgres with its sessions, the S3 server."""
    spent = tally.spending
    cpu = {f"our processes: {part}": seconds for part, seconds in spent.cpu.items()} | servers
    return {
        "creators": creators,
        "files": tally.files["finished"],
        "bytes": tally.byte_count,
        "wall_seconds": round(wall, 2),
        "creators_per_second_by_the_clock": round(creators / wall, 1),
        "creators_per_second_of_two_cores": round(2 * creators / sum(cpu.values()), 1),
        "cpu_ms_per_creator": {part: _ms(seconds, creators) for part, seconds in cpu.items()},
        "wall_ms_per_creator": {part: _ms(seconds, creators) for part, seconds in spent.wall.items()},
        "peak_mb": spent.peak_mb,
    }


def _server_seconds(place: world.World) -> dict[str, float]:
    """Processor seconds so far of Postgres, ended sessions included, and of the S3 server."""
    postgres, store = place.postgres.find(), place.objectstore.find()
    assert postgres is not None and store is not None  # the bench has started them
    return {"Postgres": sum(map(_seconds, (postgres, *postgres.children()))), "S3 server": _seconds(store)}


def _seconds(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])  # its own, and of its children that have ended
    except psutil.NoSuchProcess:
        return 0.0  # ended just now: its parent has its time


def _ms(seconds: float, creators: int) -> float:
    return round(seconds / creators * 1000, 1)


def _export(settings: Settings, creator_id: str, formats: tuple[str, ...], types: tuple[str, ...]) -> Exported:
    """Each type, in all of the formats together, as they are served; the time is without the start of the process."""
    catalog = load_catalog()
    worker = Worker(settings, catalog, Order(uuid.uuid4().hex, "bench", _today(settings), ()))
    began, cpu = time.perf_counter(), time.process_time()
    with closing(worker), Exporter(settings, worker) as exporter:
        reports = [catalog.reports[name] for name in types or catalog.reports]
        groups = [[Wanted(creator_id, report.name, suffix) for suffix in formats if suffix in report.formats] for report in reports]
        under_way = [exporter.begin(wanted, lambda made: made) for wanted in groups if wanted]
        files: list[Entry] = []
        for made in (made for group in under_way for made in group.result()):
            if isinstance(made, Exception):
                raise made
            files += made
    return Exported(
        round(time.perf_counter() - began, 2),
        round(time.process_time() - cpu, 2),
        peak_mb(),
        len(files),
        sum(entry.row_count or 0 for entry in files),
        sum(entry.byte_count or 0 for entry in files),
    )


def table(figures: dict[str, Any]) -> list[Line]:
    """The figures beside their bounds."""
    pack = figures["pack"]
    rate, cpu = pack["creators_per_second_of_two_cores"], pack["cpu_ms_per_creator"]
    what = f"scheduled pack of {pack['creators']} creators ({pack['bytes'] / pack['creators'] / 1e3:.0f} kB each), by processor time of two cores"
    lines = [
        Line(what, f"{rate:.1f} a second", f"{RATE} a second", rate >= RATE),
        Line("  by the clock, with the start of the processes", f"{pack['creators_per_second_by_the_clock']:.1f} a second", "", None),
        Line("  processor time of a creator", f"{sum(cpu.values()):.0f} ms", f"{2_000 / RATE:.0f} ms", None),
    ]
    lines += [Line(f"    {part}", f"{ms:.0f} ms", "", None) for part, ms in sorted(cpu.items(), key=lambda item: -item[1])]
    lines.append(Line("  peak memory of a worker", f"{pack['peak_mb']} MB", f"{PACK_MB} MB", pack["peak_mb"] < PACK_MB))
    for name, found in figures["exports"].items():
        bound = _SETS[name][2]
        what = f"{name}, {figures['students']['large']:,} students ({found['rows']:,} rows, {found['bytes'] / 1e6:.0f} MB)"
        lines.append(Line(what, f"{found['seconds']:.1f} s", f"{bound:.0f} s", found["seconds"] < bound))
        shares = ", ".join(f"{server} {found[f'{server} cpu_seconds']:.1f}" for server in ("Postgres", "S3 server"))
        lines.append(Line(f"  processor time, in seconds: our process {found['cpu_seconds']:.1f}, {shares}", "", "", None))
        lines.append(Line("  peak memory of its worker", f"{found['peak_mb']} MB", f"{EXPORT_MB} MB", found["peak_mb"] < EXPORT_MB))
    return lines


def write(figures: dict[str, Any], folder: Path) -> Path:
    """Write the figures as `reports.json`."""
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(figures, indent=1))
    return path


def _platform(folder: Path, say: Say, creators: int) -> tuple[world.World, Settings]:
    """A world of its own with a large creator, `creators` of equal size and an empty one, all entitled, built and published."""
    place = world.up(folder / NAME, say=say)
    export_environment({name.upper(): value for name, value in place.environment().items()} | {"LOCAL_DIR": str(folder / NAME)})
    settings = load_settings(render_processes=2)
    start = warehouse.current_hour() - timedelta(hours=1)
    students = LARGE + creators * STUDENTS
    with warehouse.connect(settings, autocommit=True) as connection:
        for schema in ("analytics", "door", "marts", "intermediate", "staging", "raw", "incoming", "ops", "dagster"):
            connection.execute(f"drop schema if exists {schema} cascade".encode())
    plan = demo.DemoPlan(creators + 2, students, 1, 120, start, largest_share=LARGE / students, steepness=0)
    with warehouse.open_connection(settings.source_address) as connection:
        demo.load(connection, plan, say)
        connection.execute("update app.creators set current_plan = 'enterprise', plan_expires_at = null")
        connection.commit()
    warehouse.init_db(settings)
    say("everything is booked, built and published")
    bench_runs.hour(settings, load_catalog(), start, is_nightly=True)
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    return place, settings


def _today(settings: Settings) -> date:
    with warehouse.connect(settings) as connection:
        row = connection.execute("select max(as_of) from analytics.published").fetchone()
    assert row is not None and isinstance(row[0], datetime)  # the bench has just published
    return row[0].date()
