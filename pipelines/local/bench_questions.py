"""The bench of questions: one creator whose students ask 100,000 times in 30,000 wordings, through reading, booking and grouping as a run does it.

Belongs here: the order of the measurements, bounds, the table and the JSON. Does not: texts (bench_wordings), runs of whole platforms (bench).

The process that measures is also the one that runs the steps, so that its peak memory is at least theirs; the models' own process takes less.
"""

import json
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg

from pipelines import booking, ingest, question_files, question_groups, warehouse
from pipelines.catalog import Catalog, load_catalog
from pipelines.local import bench_runs, bench_wordings, source, world
from pipelines.local.bench import Line
from pipelines.runs import NIGHTLY_JOB
from pipelines.settings import Settings, export_environment, load_settings

Say = Callable[[str], None]

ASKS, WORDINGS, LATE = 100_000, 30_000, 3_000
"""Asks; different wordings; those of them that come in an hour of their own."""
RATE, PEAK_MB, NIGHT_SECONDS, IDLE_SECONDS, F1 = 300, 700, 60, 0.5, 0.6
_CREATOR, _STUDENTS, _A_CHAT = UUID(int=1), 200, 25


@dataclass(frozen=True)
class Step:
    """One run's grouping: seconds by the clock, processor seconds with those of the models' process, our peak memory so far, and what was done."""

    seconds: float
    cpu_seconds: float
    peak_mb: int
    wordings: int
    placed: int
    moved: int


def run(folder: Path, given: Path | None, known: Path | None, say: Say, column: str = "question") -> dict[str, Any]:
    """Measure in a world of its own below `folder`; texts of `given` (CSV) are asked first, and F1 is that of the groups of `known` (CSV with group_id)."""
    texts = [row[column] for row in question_files.read_rows(given, [column])] if given else []
    wordings, made_up = bench_wordings.texts(WORDINGS, texts)
    settings, start = _world(folder, say)
    early, late = wordings[:-LATE], wordings[-LATE:]
    asks = bench_wordings.asks(early, ASKS - LATE)
    with warehouse.open_connection(settings.source_address) as connection:
        _people(connection, start)
        _ask(connection, asks, start - timedelta(days=2))
    catalog = load_catalog()
    say(f"{len(asks):,} asks in {len(early):,} wordings, {made_up:,} of all made up")
    first = _grouped(settings, catalog, start, say)
    with warehouse.open_connection(settings.source_address) as connection:
        _ask(connection, late, start + timedelta(minutes=30))
    say(f"{len(late):,} new wordings in an hour")
    added = _grouped(settings, catalog, start + timedelta(hours=1), say)
    idle = [_grouped(settings, catalog, start + timedelta(hours=hour), say) for hour in (2, 3, 4)]
    say("the night groups all of them anew")
    night = _grouped(settings, catalog, start + timedelta(hours=5), say, is_nightly=True)
    with warehouse.connect(settings) as connection:
        groups = connection.execute("select count(distinct group_id) from raw.question_groups").fetchone()
    return {
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}",
        "asks": ASKS,
        "wordings": WORDINGS,
        "made_up": made_up,
        "groups": groups[0] if groups else 0,
        "first": asdict(first),
        "added": asdict(added),
        "idle_seconds": statistics.median(step.seconds for step in idle),
        "night": asdict(night),
        "known": _judge(known, column, say) if known else None,
    }


def write(figures: dict[str, Any], folder: Path) -> Path:
    """Write the figures as `questions.json`."""
    path = folder / "questions.json"
    path.write_text(json.dumps(figures, indent=1))
    return path


def table(figures: dict[str, Any]) -> list[Line]:
    """The figures beside their bounds."""
    lines = []
    for name, what in (("first", "first run"), ("added", f"an hour, beside {WORDINGS - LATE:,} that have a place")):
        step = figures[name]
        rate = step["placed"] / step["seconds"]
        figure = f"{rate:,.0f} a second ({step['seconds']:.1f} s; {step['cpu_seconds']:.1f} s of processor)"
        lines.append(Line(f"{step['placed']:,} new texts read and placed, {what}", figure, f"{RATE} a second", rate >= RATE))
    night = figures["night"]
    figure = f"{night['seconds']:.1f} s ({night['cpu_seconds']:.1f} s of processor)"
    lines += [
        Line("  peak memory so far", f"{figures['added']['peak_mb']} MB", f"{PEAK_MB} MB", figures["added"]["peak_mb"] < PEAK_MB),
        Line("an hour without new questions", f"{figures['idle_seconds']:.3f} s", f"{IDLE_SECONDS} s", figures["idle_seconds"] < IDLE_SECONDS),
        Line(f"a night, {figures['asks']:,} asks in {figures['wordings']:,} wordings grouped anew ({figures['groups']:,} groups)",
             figure, f"{NIGHT_SECONDS} s", night["seconds"] < NIGHT_SECONDS),
        Line("  peak memory with it", f"{night['peak_mb']} MB", f"{PEAK_MB} MB", night["peak_mb"] < PEAK_MB),
    ]  # fmt: skip
    if figures["known"]:
        name, f1 = figures["known"]["recipe"], figures["known"]["f1"]
        lines.append(Line(f"F1 of known groups, recipe {name}", f"{f1:.3f}", f"{F1:.2f}", f1 >= F1))
    return lines


def _grouped(settings: Settings, catalog: Catalog, as_of: datetime, say: Say, *, is_nightly: bool = False) -> Step:
    """Read, book and group; the figures of the grouping."""
    guard = warehouse.RunGuard(settings)
    try:
        entered = guard.enter(warehouse.Run(uuid4().hex, NIGHTLY_JOB if is_nightly else "hourly", as_of), say)
        ingest.read_source(settings, catalog.sources.values(), entered, is_nightly=is_nightly, say=_silent)
        booking.book(settings, catalog, entered, say=_silent)
        began, used = time.perf_counter(), _processor_seconds()
        done = question_groups.group_new(settings, catalog, entered, is_nightly=is_nightly, say=say)
        took, used = time.perf_counter() - began, _processor_seconds() - used
    finally:
        guard.leave()
    return Step(round(took, 3), round(used, 3), bench_runs.own_peak_mb(), done.wording_count, done.placed_count, done.moved_count)


def _processor_seconds() -> float:
    """Of this process and of those that it has seen end: the models have one of their own."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _judge(known: Path, column: str, say: Say) -> dict[str, Any]:
    """F1 of the recipe that `group-questions` takes for this file."""
    from questions import texts
    from questions.scoring import score

    rows = question_files.read_rows(known, [column, "group_id"])
    wordings = [row[column] for row in rows]
    recipe = texts.recipe_for(len(texts.distinct(wordings)))
    say(f"{known.name}: {len(rows):,} texts by the recipe {recipe.name}")
    return {"recipe": recipe.name, "f1": round(score([row["group_id"] for row in rows], texts.grouped(wordings, recipe)).f1, 4)}


def _world(folder: Path, say: Say) -> tuple[Settings, datetime]:
    """Servers of their own with empty tables of the contract, nothing booked; and the hour of the first run."""
    place = world.up(folder, reset=True, say=say)
    export_environment({name.upper(): value for name, value in place.environment().items()} | {"LOCAL_DIR": str(folder)})
    settings = load_settings()
    with warehouse.open_connection(settings.source_address) as connection:
        source.build(connection)
        connection.commit()
    warehouse.init_db(settings)
    return settings, warehouse.current_hour() - timedelta(hours=6)


def _people(connection: psycopg.Connection, start: datetime) -> None:
    joined = start - timedelta(days=30)
    connection.execute(
        "insert into app.creators (id, company_name, current_plan, created_at, updated_at) values (%s, 'Bench', 'enterprise', %s, %s)",
        (_CREATOR, joined, joined),
    )
    connection.execute(
        """insert into app.students (id, creator_id, name, created_at, updated_at)
           select ('00000000-0000-0000-0001-' || lpad(to_hex(number), 12, '0'))::uuid, %s, 'Student ' || number, %s, %s
           from generate_series(1, %s) as number""",
        (_CREATOR, joined, joined, _STUDENTS),
    )


def _ask(connection: psycopg.Connection, texts: Sequence[str], at: datetime) -> None:
    """Conversations of some questions each, committed."""
    cursor = connection.cursor()
    parts = [texts[begin : begin + _A_CHAT] for begin in range(0, len(texts), _A_CHAT)]
    chats = [(uuid4(), UUID(int=(1 << 48) + 1 + number % _STUDENTS), part) for number, part in enumerate(parts)]
    with cursor.copy("copy app.chat_sessions (id, student_id, creator_id, created_at, updated_at) from stdin") as copy:
        for chat, student, _ in chats:
            copy.write_row((chat, student, _CREATOR, at, at))
    with cursor.copy("copy app.chat_messages (session_id, role, content, created_at) from stdin") as copy:
        for chat, _, part in chats:
            for number, text in enumerate(part):
                copy.write_row((chat, "user", text, at + timedelta(seconds=number)))
    connection.commit()


def _silent(line: str) -> None:
    """Progress that nobody reads."""
