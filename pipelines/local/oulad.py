"""Loads the Open University Learning Analytics Dataset into the source tables, as it was known at the end of a given day.

Belongs here: the order of a load, the memory of what was loaded, the count of what fitted. Reading is `oulad_files`, the mapping the two
`oulad_*.sql`.
Does not: anything about demo rows; a schema that another loader made is replaced, not mended.

A module is a creator (enterprise plan, Europe/London), a presentation a course, a registration a student, a material a video, a CMA or Exam
a quiz, a TMA a project. Decisions where the data leaves room:
- Day 0 is February 1 of the year for a B presentation and October 1 for a J one (OULAD gives the month only); offsets are kept. The time of
  day is made up and fixed: 06 opened, 08 registered, 12 clicked, 18 submitted, 20 withdrawn (UTC), so a day's order is sensible.
- A course, its videos, quizzes and projects exist from its first registration on, a creator from its first course on.
- Exams are quizzes: one sitting, one score, a pass mark. TMAs are worked on and marked by a tutor: projects. Pass mark 40 for both.
- A person in several presentations is a student in each (a membership is per registration). Names are numbers; there is no e-mail.
- Membership is cancelled from the withdrawal day on. Withdrawn by `final_result` but without a day (93): known when the presentation ends.
  A withdrawal day with another result (9) counts as withdrawn. What somebody submits after withdrawing is kept: it happened.
- Registration day: the day of registration, or the first sign of the student (submission, click, withdrawal) where that is earlier.
  45 have none: day 0 stands in for it, so most of them join on the day they withdraw.
- Banked results (1,909) are rejected: the work was done in an earlier presentation, and day -1 is not when it happened.
- No score (173, all TMA): a submission that nobody has marked. An attempt cannot be without a score: rejected.
- A score is taken as known on the day of submission, the only day there is. Late submissions (49,318) count on the day they came in; the
  source has no due days.
- Clicks are all that OULAD knows of watching. That a click is 60 seconds and one percent of completion (at most 99) is assumed, good
  for a demonstration, not for findings. Nothing is ever completed, the last position is 0. Rows of one student and video add up, equal rows
  too: the log has several rows a day.
- Nothing is known of chats, XP, payments or single quiz questions: those tables stay empty, questions are `[]`.

Loaded halfway (`--through middle`), base dates are others: each presentation is moved so that the middle day of each (day length / 2) is HALFWAY,
and what came later is left out. So one run of the pipeline sees all of them at the same point, and foretelling.py can ask what came of it.

Loaded again with a later day, rows change as an application would have changed them: new ones inserted, changed ones updated with the
`updated_at` of what happened, the others untouched. Whatever `tick` did to the same columns in between is overwritten.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psycopg
from psycopg import sql

from pipelines.local import source
from pipelines.local.oulad_files import Sheet, copy_file, create_tables, digest, find_files
from pipelines.problem import UsageProblem

SCHEMA = "app"
EVERYTHING = date.max
HALFWAY = date(2025, 2, 12)
"""The day on which all presentations are halfway when loaded so: any day would do; this one needs no FIRST_DAY, and London keeps UTC on it."""
SCRIPTS = ("oulad_rows.sql", "oulad_state.sql")
MISSHAPEN = "wrong number of columns"

KEYS = {
    "creators": ("id",),
    "creator_preferences": ("creator_id",),
    "courses": ("id",),
    "students": ("id",),
    "videos": ("id",),
    "video_progress": ("student_id", "video_id"),
    "quizzes": ("id",),
    "quiz_attempts": ("id",),
    "projects": ("id",),
    "project_submissions": ("id",),
}
"""The tables that a load fills, in the order of their foreign keys, with what makes two rows the same row."""


@dataclass(frozen=True)
class FileCount:
    """What became of the rows of one file: rows = loaded + the sum of rejected (reason to rows)."""

    file: str
    rows: int
    loaded: int
    rejected: dict[str, int] = field(default_factory=dict)


def load(
    connection: psycopg.Connection, path: Path, through: date | None, say: Callable[[str], None], *, is_halfway: bool = False
) -> list[FileCount]:
    """Brings the schema `app` to the state of OULAD at the end of the day `through` (None: all of it); one transaction, committed.

    `is_halfway`: at the end of HALFWAY instead, with each presentation moved so that its middle falls on that day.
    `path`: folder with the parquet files and, if wanted, the click log. Source: the R package jakubkuzilek/oulad.
    Returns a count per file. Raises Problem for unreadable files or a schema that is not ours, UsageProblem for a day before the last one.
    """
    files = find_files(path)
    version, day = version_of(files, is_halfway=is_halfway), HALFWAY if is_halfway else through or EVERYTHING
    try:
        goes_on = is_next_state(connection, version, day)
        misshapen = read_files(connection, files, day, is_halfway=is_halfway)
        left_out = [] if goes_on else rebuild(connection, say)
        for script in SCRIPTS:
            connection.execute(Path(__file__).with_name(script).read_bytes())
        for table, key in KEYS.items():
            say(f"{SCHEMA}.{table}: {merge(connection, table, key):,} rows new or changed")
        source.put_back(connection, left_out)
        remember(connection, version, day)
        counts = count(connection, files, misshapen)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return counts


def version_of(files: dict[Path, Sheet], *, is_halfway: bool) -> str:
    """What a load remembers of its files; moved presentations are no state of those that were not."""
    return digest(files) + (" halfway" if is_halfway else "")


def is_next_state(connection: psycopg.Connection, version: str, through: date) -> bool:
    """Whether the schema is an earlier state of the same files, to be brought forward; else it has to be built.

    Raises UsageProblem when `through` is before what it holds, Problem when the schema is not ours to replace.
    """
    last = last_load(connection)
    if last and last[0] == version:
        refuse_earlier(through, last[1])
        return True
    source.require_ours_or_empty(connection, SCHEMA)
    return False


def rebuild(connection: psycopg.Connection, say: Callable[[str], None]) -> list[str]:
    """A new schema in place of whatever another loader, or other files, left. Returns its keys and indexes, to be made when it is full."""
    if source.is_ours(connection, SCHEMA):
        say(f"the schema {SCHEMA} was filled by another loader, from other files or with other base dates: it is replaced")
    source.build(connection, schema=SCHEMA)
    return source.take_off(connection, SCHEMA)


def last_load(connection: psycopg.Connection) -> tuple[str, date] | None:
    """Digest of the files and the day of the last load into this very schema (by its oid: a rebuilt one has another)."""
    if connection.execute("select to_regclass('demo.oulad')").fetchone() == (None,):
        return None
    return connection.execute("select files, through from demo.oulad where schema_oid = to_regnamespace(%s)", [SCHEMA]).fetchone()


def refuse_earlier(through: date, last: date) -> None:
    """What an application has seen it does not forget: time only goes on."""
    if through < last:
        held = "all of OULAD" if last == EVERYTHING else f"OULAD through {last}"
        raise UsageProblem(f"the source already holds {held}; give no earlier day, or `drop schema app cascade` there to start again")


def read_files(connection: psycopg.Connection, files: dict[Path, Sheet], through: date, *, is_halfway: bool) -> dict[str, int]:
    """Fills the temporary tables that the scripts read. Returns the misshapen lines per file."""
    create_tables(connection)
    connection.execute("create temp table asked (through date, halfway_on date) on commit drop")
    connection.execute("insert into asked values (%s, %s)", [through, HALFWAY if is_halfway else None])
    return {path.name: copy_file(connection, path, sheet) for path, sheet in files.items()}


def merge(connection: psycopg.Connection, table: str, key: tuple[str, ...]) -> int:
    """Inserts what is new, updates what differs, leaves the rest untouched. Returns the rows written."""
    now = sql.Identifier(f"now_{table}")
    described = connection.execute(sql.SQL("select * from {} limit 0").format(now)).description or []
    columns = [sql.Identifier(column.name) for column in described]
    values = [sql.Identifier(column.name) for column in described if column.name not in (*key, "id")]
    comma = sql.SQL(", ")
    statement = sql.SQL(
        "merge into {table} as t using {now} as n on {same}"
        " when matched and ({old}) is distinct from ({new}) then update set {assignments}"
        " when not matched then insert ({columns}) values ({inserted})"
    ).format(
        table=sql.Identifier(SCHEMA, table),
        now=now,
        same=sql.SQL(" and ").join(sql.SQL("t.{0} = n.{0}").format(sql.Identifier(name)) for name in key),
        old=comma.join(sql.SQL("t.{}").format(name) for name in values),
        new=comma.join(sql.SQL("n.{}").format(name) for name in values),
        assignments=comma.join(sql.SQL("{0} = n.{0}").format(name) for name in values),
        columns=comma.join(columns),
        inserted=comma.join(sql.SQL("n.{}").format(name) for name in columns),
    )
    connection.execute(sql.SQL("analyze {}").format(now))
    written = connection.execute(statement).rowcount
    connection.execute(sql.SQL("analyze {}").format(sql.Identifier(SCHEMA, table)))
    return written


def remember(connection: psycopg.Connection, files: str, through: date) -> None:
    """Notes files and day outside the schema `app`, which belongs to the application."""
    connection.execute("create schema if not exists demo")
    connection.execute("create table if not exists demo.oulad (schema_oid oid not null, files text not null, through date not null)")
    connection.execute("delete from demo.oulad")
    connection.execute("insert into demo.oulad select to_regnamespace(%s), %s, %s", [SCHEMA, files, through])


def count(connection: psycopg.Connection, files: dict[Path, Sheet], misshapen: dict[str, int]) -> list[FileCount]:
    """One FileCount per file, reasons with most rows first."""
    judged = connection.execute("select file, reason, row_count from judgement order by row_count desc, reason").fetchall()
    counts = []
    for name in (path.name for path in files):
        loaded = sum(rows for file, reason, rows in judged if file == name and reason is None)
        rejected = {reason: rows for file, reason, rows in judged if file == name and reason is not None}
        if misshapen[name]:
            rejected[MISSHAPEN] = misshapen[name]
        counts.append(FileCount(name, loaded + sum(rejected.values()), loaded, rejected))
    return counts
