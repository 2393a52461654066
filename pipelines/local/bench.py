"""The bench: a platform of size S, M or L, an hour with 20,000 changed rows, an hour without, beside five materialized views on the same server.

Belongs here: sizes, the order of the measurements, the table and the JSON. Does not: one run taken apart (bench_runs), the app's queries (bench_reads).
"""

import json
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg

from pipelines import warehouse
from pipelines.catalog import load_catalog
from pipelines.local import bench_reads, bench_runs, demo, disk, source, world
from pipelines.settings import Settings, export_environment, load_settings

Say = Callable[[str], None]

SIZES = {"S": (20, 5_000, 1 / 3), "M": (100, 100_000, 1 / 3), "L": (1_000, 1_000_000, 0.05)}
"""Creators, students (20 progress rows each), share of the largest creator."""
GIGABYTES = {"S": 1, "M": 9, "L": 72}
"""Room that a size takes on the disk: the platform, its mirror, and every mart twice (6 GB at M, ten times that at L), the server's log and sorts."""
BOUNDS = {
    "M": {"hourly_to_baseline": 1 / 2, "idle_sql_seconds": 1.0},
    "L": {"hourly_to_baseline": 1 / 10},
    "S": {"hourly_wall_seconds": 35.0, "wall_without_import_seconds": 25.0},
}
PEAK_MB = 600
_HOURS = 9
"""Hours of the platform that the bench lives through: 3 with changes, then calm ones."""


@dataclass(frozen=True)
class Line:
    """One line of the table: what was measured, the figure, its bound, both as text."""

    what: str
    figure: str
    bound: str
    holds: bool | None


def run(size: str, folder: Path, say: Say) -> dict[str, Any]:
    """Measure everything for `size` in a world of its own in `folder`, which is kept until the next time, and return the figures."""
    settings, start = _platform(size, folder, say)
    catalog = load_catalog()
    calm = {"since": start + timedelta(hours=3), "until": start + timedelta(hours=_HOURS), "now": start}
    _execute(settings, "bench_zones.sql", calm)
    say("first run: everything is booked and built")
    first = bench_runs.hour(settings, catalog, start)
    say("vacuum: what the server does by itself after a load is over before anything is timed")
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    _execute(settings, "bench_calm.sql", calm)
    changed = []
    for number in range(1, 4):
        as_of = start + timedelta(hours=number)
        rows = _execute(settings, "bench_changes.sql", {"as_of": as_of})
        changed.append(bench_runs.hour(settings, catalog, as_of))
        say(f"hour {number}: {rows:,} rows changed, SQL {changed[-1].sql_seconds:.2f} s")
    idle = [bench_runs.hour(settings, catalog, start + timedelta(hours=number)) for number in (4, 5)]
    say("five materialized views")
    baseline = _baseline(settings, repeats=1 if size == "L" else 3)
    own_peak_mb = bench_runs.own_peak_mb()  # before Dagster and Great Expectations come in
    say("whole runs")
    walls = bench_runs.wall(settings, [start + timedelta(hours=number) for number in (6, 7, 8)])
    _execute(settings, "bench_asks.sql", {"as_of": calm["until"]})
    say("an hour with new questions, and a night")
    peaks = {"run hourly": walls.peak_mb} | bench_runs.peaks(calm["until"])
    students, readings = bench_reads.read_as_app(settings)
    return {
        "size": size,
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}",
        "rows": _row_counts(settings),
        "changed_rows": rows,
        "baseline_refresh_seconds": baseline,
        "hourly_sql_seconds": statistics.median(hour.sql_seconds for hour in changed),
        "idle_sql_seconds": statistics.median(hour.sql_seconds for hour in idle),
        "hourly_wall_seconds": walls.seconds,
        "wall_parts_seconds": walls.parts,
        "warm_wall_seconds": walls.warm_seconds,
        "great_expectations_import_seconds": walls.import_seconds,
        "peak_rss_mb": peaks | {"bench (reads, books, groups, builds, publishes)": own_peak_mb},
        "first_run": asdict(first),
        "changed_hours": [asdict(hour) for hour in changed],
        "idle_hours": [asdict(hour) for hour in idle],
        "largest_creator_students": students,
        "latencies_ms": {reading.name: {"p50": reading.p50_ms, "p95": reading.p95_ms, "bound": reading.bound_ms} for reading in readings},
        "plans": {reading.name: reading.plan for reading in readings},
    }


def write(figures: dict[str, Any], folder: Path) -> Path:
    """Write the figures as `<size>.json` beside those of the other sizes."""
    path = folder / f"{figures['size']}.json"
    path.write_text(json.dumps(figures, indent=1, default=str))
    return path


def table(figures: dict[str, Any], folder: Path) -> list[Line]:
    """The figures beside their bounds; for L also beside those of M, where M was measured in this folder."""
    size, ratio = figures["size"], figures["hourly_sql_seconds"] / figures["baseline_refresh_seconds"]
    bounds = BOUNDS[size]
    lines = [
        Line("baseline: five materialized views refreshed", f"{figures['baseline_refresh_seconds']:.2f} s", "", None),
        _ratio(f"hourly SQL after {figures['changed_rows']:,} changed rows, to the baseline", ratio, bounds.get("hourly_to_baseline"), figures["hourly_sql_seconds"]),
        _seconds("hourly SQL, nothing changed", figures["idle_sql_seconds"], bounds.get("idle_sql_seconds")),
        _seconds("`run hourly`, nothing changed, whole process", figures["hourly_wall_seconds"], bounds.get("hourly_wall_seconds")),
    ]  # fmt: skip
    lines[2:2] = _costliest(figures["changed_hours"])
    without = figures["hourly_wall_seconds"] - figures["great_expectations_import_seconds"]
    lines.append(_seconds("  without importing Great Expectations", without, bounds.get("wall_without_import_seconds")))
    lines += [Line(f"  of that {part}", f"{seconds:.1f} s", "", None) for part, seconds in figures["wall_parts_seconds"].items()]
    lines.append(Line("the same in a warm process", f"{figures['warm_wall_seconds']:.1f} s", "", None))
    medium = folder / "M.json"
    if size == "L" and medium.exists():
        own = json.loads(medium.read_text())["hourly_sql_seconds"]
        lines.append(
            _ratio("hourly SQL at L, to its own time at M", figures["hourly_sql_seconds"] / own, 1.5, figures["hourly_sql_seconds"])
        )
    lines += [Line(f"peak memory, {what}", f"{peak} MB", f"{PEAK_MB} MB", peak < PEAK_MB) for what, peak in figures["peak_rss_mb"].items()]
    lines += [
        Line(
            f"read {name} ({figures['largest_creator_students']:,} students), p95",
            f"{found['p95']:.1f} ms",
            f"{found['bound']} ms" if found["bound"] else "",
            found["p95"] < found["bound"] if found["bound"] else None,
        )
        for name, found in figures["latencies_ms"].items()
    ]  # fmt: skip
    return lines


def _costliest(hours: list[dict[str, Any]]) -> list[Line]:
    """Parts of the median hour with changes, and its costliest models; models are computed some at a time, so theirs add up to more."""
    hour = sorted(hours, key=lambda hour: hour["models"] + hour["tests"] + hour["publish"])[len(hours) // 2]
    costs = ", ".join(f"{model} {seconds:.1f}" for model, seconds in hour["by_model"].items())
    said = {
        "models": f"  of that models (seconds of each: {costs})",
        "tests": "  gate tests",
        "publish": "  publish",
        "group": "  before it, new questions grouped",
    }
    return [Line(what, f"{hour[part]:.2f} s", "", None) for part, what in said.items()]


def _ratio(what: str, ratio: float, bound: float | None, seconds: float) -> Line:
    return Line(what, f"{ratio:.2f} x ({seconds:.2f} s)", f"{bound:.2f} x" if bound else "", ratio <= bound if bound else None)


def _seconds(what: str, seconds: float, bound: float | None) -> Line:
    return Line(what, f"{seconds:.2f} s", f"{bound:.0f} s" if bound else "", seconds <= bound if bound else None)


def _platform(size: str, folder: Path, say: Say) -> tuple[Settings, datetime]:
    """A new world of its own with the demo platform of `size`, nothing booked yet; and the platform's newest instant."""
    place = world.up(folder / size, reset=True, say=say)
    disk.require_space(folder / size, gigabytes=GIGABYTES[size])
    export_environment({name.upper(): value for name, value in place.environment().items()} | {"LOCAL_DIR": str(folder / size)})
    settings = load_settings()
    start = warehouse.current_hour() - timedelta(hours=_HOURS + 1)
    creators, students, share = SIZES[size]
    with warehouse.open_connection(settings.source_address) as connection:
        demo.load(connection, demo.DemoPlan(creators, students, 1, 120, start, largest_share=share), say)
    warehouse.init_db(settings)
    return settings, start


def _execute(settings: Settings, file: str, values: dict[str, Any]) -> int:
    with warehouse.connect(settings) as connection:
        cursor = psycopg.ClientCursor(connection)
        cursor.execute(Path(__file__).with_name(file).read_bytes(), values)
        return cursor.rowcount


def _row_counts(settings: Settings) -> dict[str, int]:
    with warehouse.connect(settings) as connection:
        source.enter(connection, settings.source_schema)
        return {name: connection.execute(f"select count(*) from {name}".encode()).fetchone()[0]  # pyrefly: ignore[unsupported-operation]
                for name in ("creators", "students", "videos", "video_progress", "chat_messages", "quiz_attempts")}  # fmt: skip


def _baseline(settings: Settings, repeats: int) -> float:
    """Median seconds of refreshing the five views: four of them concurrently, as readers need it."""
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute(Path(__file__).with_name("bench_baseline.sql").read_bytes())
        connection.execute("vacuum analyze")
        return statistics.median(sum(bench_runs.seconds(connection, statement) for statement in _REFRESHES) for _ in range(repeats))


_REFRESHES = (
    *(f"refresh materialized view concurrently baseline.{view}" for view in ("creator_analytics", "daily_active_users", "video_analytics", "student_tiers")),
    "refresh materialized view baseline.top_questions",
)  # fmt: skip
