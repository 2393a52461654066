"""The OULAD loader on a real Postgres: with small files made by hand (always) and with the real ones where OULAD_PATH names them.

Over 200 lines: one loader, one set of small files that all tests read.
"""

import os
import time
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipelines.local import oulad, source
from pipelines.local.oulad_files import NAMESPACE, PARQUET
from pipelines.problem import Problem, UsageProblem

REAL = Path(os.environ.get("OULAD_PATH") or "oulad")
needs_real_files = pytest.mark.skipif(not REAL.is_dir(), reason="OULAD_PATH does not name the folder of the OULAD files")

AAA, BBB = ("AAA", "2013J"), ("BBB", "2014B")
"""Day 0 is 2013-10-01 and 2014-02-01."""

SMALL = {
    "course": (["code_module", "code_presentation", "module_presentation_length"], [(*AAA, 268), (*BBB, 240)]),
    "assessment": (
        ["code_module", "code_presentation", "id_assessment", "assessment_type"],
        [(*AAA, 1, "CMA"), (*AAA, 2, "TMA"), (*AAA, 3, "Exam"), (*BBB, 4, "TMA")],
    ),
    "vle": (
        ["code_module", "code_presentation", "id_site", "activity_type", "week_from"],
        [(*AAA, 71, "resource", None), (*AAA, 72, "forumng", 3), (*BBB, 73, "url", None)],
    ),
    "student": (
        ["code_module", "code_presentation", "id_student", "final_result"],
        [
            (*AAA, 10, "Pass"),
            (*AAA, 11, "Withdrawn"),
            (*AAA, 12, "Withdrawn"),
            (*BBB, 10, "Withdrawn"),
            (*BBB, 13, "Fail"),
            (*BBB, 14, "Pass"),
        ],
    ),
    "student_registration": (
        ["code_module", "code_presentation", "id_student", "date_registration", "date_unregistration"],
        [
            (*AAA, 10, -30, None),
            (*AAA, 11, -20, 12),
            (*AAA, 12, -20, None),
            (*BBB, 10, None, -40),
            (*BBB, 13, None, None),
            (*BBB, 14, 5, None),
        ],
    ),
    "student_assessment": (
        ["id_assessment", "id_student", "date_submitted", "is_banked", "score"],
        [
            (1, 10, 5, False, 40),
            (1, 11, 15, False, 39),
            (2, 10, 20, False, None),
            (2, 11, 8, False, 40),
            (2, 12, -1, True, 70),
            (3, 10, 230, False, 12),
            (4, 13, 9, False, 39),
            (4, 14, 3, False, 80),
        ],
    ),
}
CLICKS = [
    ("AAA", "2013J", 10, 71, -3, 4),
    ("AAA", "2013J", 10, 71, -3, 4),
    ("AAA", "2013J", 10, 71, 2, 100),
    ("AAA", "2013J", 11, 72, 6, 1),
]
KINDS = {"is_banked": pa.bool_()} | dict.fromkeys(
    ["code_module", "code_presentation", "assessment_type", "activity_type", "final_result"], pa.string()
)


def write_files(folder: Path, clicks: list[tuple] | None = CLICKS, **extra: list[tuple]) -> Path:
    """The small files with `extra` rows at their ends."""
    folder.mkdir(exist_ok=True)
    for name, (columns, rows) in SMALL.items():
        values = zip(*rows, *extra.get(name, []), strict=True)
        table = pa.table({column: pa.array(of, KINDS.get(column, pa.int64())) for column, of in zip(columns, values, strict=True)})
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    if clicks is not None:
        lines = ["code_module,code_presentation,id_student,id_site,date,sum_click", *(",".join(map(str, row)) for row in clicks)]
        (folder / "studentVle_sample.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def utc(year: int, month: int, day: int, hour: int) -> datetime:
    """An instant as the source keeps it: UTC that does not say so."""
    return datetime(year, month, day, hour, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_files(tmp_path / "oulad")


@pytest.fixture
def connection(database_url: str):
    with psycopg.connect(database_url) as connection:
        yield connection


def load(connection: psycopg.Connection, path: Path, through: date | None = None) -> dict[str, oulad.FileCount]:
    return {count.file: count for count in oulad.load(connection, path, through, lambda line: None)}


def fetch(connection: psycopg.Connection, query: str) -> list[tuple]:
    rows = connection.execute(query).fetchall()
    connection.rollback()
    return rows


def read_state(connection: psycopg.Connection, what: str = "t::text") -> dict[str, Counter]:
    """Every row of every table that a load fills; `what` may ask for row versions too."""
    return {table: Counter(row[0] for row in fetch(connection, f"select {what} from app.{table} as t")) for table in oulad.KEYS}


def start_again(connection: psycopg.Connection) -> None:
    connection.execute("drop schema app cascade")
    connection.commit()


def test_maps_modules_presentations_and_registrations(connection: psycopg.Connection, small: Path) -> None:
    load(connection, small)
    assert fetch(connection, "select company_name, current_plan, plan_expires_at from app.creators order by 1") == [
        ("Open University AAA", "enterprise", None),
        ("Open University BBB", "enterprise", None),
    ]
    courses = "select title, company_name from app.courses as co join app.creators as cr on cr.id = creator_id order by 1"
    assert fetch(connection, courses) == [
        ("AAA 2013J", "Open University AAA"),
        ("BBB 2014B", "Open University BBB"),
    ]
    students = "select company_name, name, email, membership_status, s.created_at, last_active from app.students as s"
    assert fetch(connection, f"{students} join app.creators as c on c.id = creator_id order by 1, 2") == [
        ("Open University AAA", "Student 10", None, "active", utc(2013, 9, 1, 8), utc(2014, 5, 19, 18)),
        ("Open University AAA", "Student 11", None, "cancelled", utc(2013, 9, 11, 8), utc(2013, 10, 16, 18)),
        ("Open University AAA", "Student 12", None, "cancelled", utc(2013, 9, 11, 8), None),
        ("Open University BBB", "Student 10", None, "cancelled", utc(2013, 12, 23, 8), None),
        ("Open University BBB", "Student 13", None, "active", utc(2014, 2, 1, 8), utc(2014, 2, 10, 18)),
        # Registered on day 5 they say, but at work on day 3.
        ("Open University BBB", "Student 14", None, "active", utc(2014, 2, 4, 8), utc(2014, 2, 4, 18)),
    ]
    (student_id,) = fetch(connection, "select id from app.students where name = 'Student 11'")[0]
    assert student_id == uuid.uuid5(NAMESPACE, "registration/AAA/2013J/11")


def test_maps_assessments_submissions_and_clicks(connection: psycopg.Connection, small: Path) -> None:
    load(connection, small)
    attempts = "select title, name, score, passed, completed_at, passing_score from app.quiz_attempts as a"
    assert fetch(
        connection, f"{attempts} join app.quizzes as q on q.id = quiz_id join app.students as s on s.id = student_id order by 1, 2"
    ) == [
        ("AAA 2013J CMA 1", "Student 10", 40, True, utc(2013, 10, 6, 18), 40),
        ("AAA 2013J CMA 1", "Student 11", 39, False, utc(2013, 10, 16, 18), 40),
        ("AAA 2013J Exam 3", "Student 10", 12, False, utc(2014, 5, 19, 18), 40),
    ]
    submissions = "select title, name, p.status, score, submitted_at, reviewed_at from app.project_submissions as p join app.projects as j"
    assert fetch(connection, f"{submissions} on j.id = project_id join app.students as s on s.id = student_id order by 1, 2") == [
        ("AAA 2013J TMA 2", "Student 10", "submitted", None, utc(2013, 10, 21, 18), None),
        ("AAA 2013J TMA 2", "Student 11", "passed", 40, utc(2013, 10, 9, 18), utc(2013, 10, 9, 18)),
        ("BBB 2014B TMA 4", "Student 13", "reviewed", 39, utc(2014, 2, 10, 18), utc(2014, 2, 10, 18)),
        ("BBB 2014B TMA 4", "Student 14", "passed", 80, utc(2014, 2, 4, 18), utc(2014, 2, 4, 18)),
    ]
    progress = "select title, watch_time_seconds, completion_percentage, completed, p.created_at, p.updated_at from app.video_progress as p"
    assert fetch(connection, f"{progress} join app.videos as v on v.id = video_id order by 1") == [
        ("forumng 72", 60, 1, False, utc(2013, 10, 7, 12), utc(2013, 10, 7, 12)),
        ("resource 71", 108 * 60, 99, False, utc(2013, 9, 28, 12), utc(2013, 10, 3, 12)),
    ]
    assert fetch(connection, "select title, category, tags, order_index from app.videos order by 1") == [
        ("forumng 72", "forumng", ["week 3"], 2),
        ("resource 71", "resource", None, 1),
        ("url 73", "url", None, 1),
    ]


def test_knows_on_a_day_what_was_known_on_it(connection: psycopg.Connection, small: Path) -> None:
    status = "select membership_status from app.students where name = 'Student 11'"
    load(connection, small, date(2013, 8, 31))
    assert not any(read_state(connection).values())
    load(connection, small, date(2013, 9, 1))
    assert fetch(connection, "select name from app.students") == [("Student 10",)]
    assert fetch(connection, "select title from app.courses") == [("AAA 2013J",)]
    tables = ("video_progress", "quiz_attempts", "project_submissions")
    for day, known in ((5, (1, 0, 0)), (6, (1, 1, 0)), (7, (2, 1, 0)), (8, (2, 1, 0)), (9, (2, 1, 1))):
        load(connection, small, date(2013, 10, day))
        assert tuple(sum(read_state(connection)[table].values()) for table in tables) == known, f"on October {day}"
    counts = load(connection, small, date(2013, 10, 12))
    assert fetch(connection, status) == [("active",)], "he withdraws tomorrow"
    assert counts["student_assessment.parquet"].rejected == {
        "after 2013-10-12": 5,
        "banked: carried over from an earlier presentation": 1,
    }
    load(connection, small, date(2013, 10, 13))
    assert fetch(connection, status) == [("cancelled",)]
    unknown_day = "select membership_status from app.students where name = 'Student 12'"
    load(connection, small, date(2014, 6, 25))
    assert fetch(connection, unknown_day) == [("active",)]
    load(connection, small, date(2014, 6, 26))
    assert fetch(connection, unknown_day) == [("cancelled",)], "without a day, a withdrawal is known when the presentation has ended"


def test_day_by_day_comes_to_the_same_as_at_once(connection: psycopg.Connection, small: Path) -> None:
    days = [date(2013, 8, 25) + timedelta(weeks=week) for week in range(0, 50, 2)]
    states = []
    for day in days:
        load(connection, small, day)
        states.append(read_state(connection))
    assert len({str(state) for state in states}) > 10, "the days must differ, or this test shows nothing"
    for day, state in list(zip(days, states, strict=True))[2::5]:
        start_again(connection)
        load(connection, small, day)
        assert read_state(connection) == state
    load(connection, small, None)
    assert read_state(connection) == states[-1]


def test_updates_in_place_and_leaves_the_rest_untouched(connection: psycopg.Connection, small: Path) -> None:
    versions = "(t.ctid, t.xmin)::text || t::text"
    load(connection, small, date(2013, 10, 1))
    before = read_state(connection, versions)
    load(connection, small, date(2013, 10, 1))
    assert read_state(connection, versions) == before
    moved = "select id, watch_time_seconds, created_at, updated_at from app.video_progress"
    assert fetch(connection, moved)[0][1:] == (480, utc(2013, 9, 28, 12), utc(2013, 9, 28, 12))
    progress_id = fetch(connection, moved)[0][0]
    load(connection, small, date(2013, 10, 4))
    assert fetch(connection, moved) == [(progress_id, 6480, utc(2013, 9, 28, 12), utc(2013, 10, 3, 12))]
    after = read_state(connection, versions)
    assert [table for table in oulad.KEYS if before[table] - after[table]] == ["students", "video_progress"]
    assert sum((before["students"] - after["students"]).values()) == 1, "only the student who clicked"


def test_whatever_tick_added_stays(connection: psycopg.Connection, small: Path) -> None:
    load(connection, small, date(2013, 10, 1))
    connection.execute("update app.students set xp_points = 77 where name = 'Student 10'")
    connection.execute(
        """insert into app.video_progress (student_id, video_id, watch_time_seconds, created_at, updated_at)
           select s.id, v.id, 5, now(), now() from app.students as s, app.videos as v
           where s.name = 'Student 11' and v.title = 'forumng 72'"""
    )
    connection.commit()
    load(connection, small)
    assert fetch(connection, "select xp_points from app.students where name = 'Student 10'")[0] == (77,)
    assert fetch(connection, "select watch_time_seconds from app.video_progress order by 1") == [(60,), (6480,)]


def test_refuses_an_earlier_day(connection: psycopg.Connection, small: Path) -> None:
    load(connection, small, date(2013, 10, 20))
    before = read_state(connection)
    with pytest.raises(UsageProblem, match="through 2013-10-20") as refused:
        load(connection, small, date(2013, 10, 19))
    assert "\n" not in str(refused.value)
    assert read_state(connection) == before
    load(connection, small, None)
    with pytest.raises(UsageProblem, match="all of OULAD"):
        load(connection, small, date(2030, 1, 1))


def test_replaces_what_another_loader_made_and_says_so(connection: psycopg.Connection, small: Path, tmp_path: Path) -> None:
    said: list[str] = []
    oulad.load(connection, small, None, said.append)
    assert not any("replaced" in line for line in said)
    for other in ("demo rows", "other files"):
        if other == "demo rows":
            connection.execute("drop schema app cascade")
            source.build(connection, replica=False)
            connection.execute(
                """insert into app.creators (company_name, created_at, updated_at)
                   select 'Demo ' || n, now(), now() from generate_series(1, 9) as n"""
            )
            connection.commit()
        path = small if other == "demo rows" else write_files(tmp_path / "other", course=[("CCC", "2014J", 269)])
        said.clear()
        oulad.load(connection, path, date(2014, 12, 1), said.append)
        assert "replaced" in said[0]
        expected = ["Open University AAA", "Open University BBB", "Open University CCC"][: 2 if other == "demo rows" else 3]
        assert [name for (name,) in fetch(connection, "select company_name from app.creators order by 1")] == expected


def test_refuses_a_schema_that_is_not_ours(connection: psycopg.Connection, small: Path) -> None:
    connection.execute("create schema app")
    connection.execute("create table app.creators as select 'of the real platform' as company_name")
    connection.commit()
    with pytest.raises(Problem, match="not made by creator-reports"):
        load(connection, small)
    assert fetch(connection, "select company_name from app.creators") == [("of the real platform",)]


def test_counts_every_row_that_does_not_fit(connection: psycopg.Connection, tmp_path: Path) -> None:
    # A null or a second value in turn, and what the row's own rules forbid.
    path = write_files(
        tmp_path / "bad",
        course=[(None, "2014J", 1), ("DDD", "0000X", 1), (*AAA, 9), ("EEE", "2014J", None), ("FFF", "2014J", 99999)],
        assessment=[(*AAA, None, "CMA"), ("ZZZ", "2014J", 90, "CMA"), (*AAA, 1, "TMA"), (*AAA, 91, "Essay"), (*AAA, 92, None)],
        vle=[(*AAA, None, "url", 1), ("EEE", "2014J", 90, "url", 1), (*AAA, 71, "url", 1), (*AAA, 74, None, 1)],
        student=[(*AAA, None, "Pass"), (*AAA, 99, "Pass"), (*AAA, 10, "Withdrawn")],
        student_registration=[
            (*AAA, None, 1, None),
            ("ZZZ", "2014J", 10, 1, None),
            (*AAA, 10, 1, 2),
            (*AAA, 14, 10**12, None),
            (*AAA, 15, 1, -4000),
        ],
        student_assessment=[
            (None, 10, 1, False, 50),
            (90, 10, 1, False, 50),
            (3, 13, 1, False, 50),
            (1, 10, 9, False, 90),
            (2, 13, 1, False, 50),
            (3, 12, None, False, 50),
            (3, 11, 1, False, None),
            (4, 10, 10**15, False, 50),
            (1, 12, 1, False, 101),
        ],
        clicks=[
            *CLICKS,
            ("AAA", "2013J", "x", 71, 1, 1),
            ("AAA", "2013J", 10, 71, "", 1),
            ("AAA", "2013J", 10, 71, 1, -5),
            ("AAA", "2013J", 10, 73, 1, 1),
            ("AAA", "2013J", 13, 71, 1, 1),
            ("AAA", "2013J", 10, 71, 99999, 1),
            ("AAA", "2013J", 10),
        ],
    )
    counts = load(connection, path)
    twice = "repeats an earlier row"
    assert counts["course.parquet"].rejected == {
        "key missing": 1, "presentation is not a year with B or J": 1, twice: 1, "length missing or out of range": 2
    }  # fmt: skip
    assert counts["assessment.parquet"].rejected == {
        "key missing": 1,
        "no such presentation": 1,
        twice: 1,
        "type is not CMA, TMA or Exam": 2,
    }
    assert counts["vle.parquet"].rejected == {"key missing": 1, "no such presentation": 1, twice: 1}
    assert counts["student.parquet"].rejected == {"key missing": 1, "no registration": 1, twice: 1}
    assert counts["student_registration.parquet"].rejected == {"key missing": 1, "no such presentation": 1, twice: 1, "day out of range": 2}
    assert counts["student_assessment.parquet"].rejected == {
        "banked: carried over from an earlier presentation": 1,
        "key missing": 1,
        "no such assessment": 1,
        "not registered for the presentation": 2,
        twice: 1,
        "day missing or out of range": 2,
        "no score, which an attempt needs": 1,
        "score outside 0 to 100": 1,
    }
    assert counts["studentVle_sample.csv"].rejected == {
        "value missing or not a number": 3,
        "no such material": 1,
        "not registered for the presentation": 1,
        "day missing or out of range": 1,
        "wrong number of columns": 1,
    }
    assert [(c.file, c.rows, c.loaded) for c in counts.values()] == [
        ("assessment.parquet", 9, 4),
        ("course.parquet", 7, 2),
        ("student.parquet", 9, 6),
        ("student_assessment.parquet", 17, 7),
        ("student_registration.parquet", 11, 6),
        ("vle.parquet", 7, 4),
        ("studentVle_sample.csv", 11, 4),
    ]
    assert all(c.rows == c.loaded + sum(c.rejected.values()) for c in counts.values())
    assert fetch(connection, "select count(*) from app.students") == [(6,)]


def test_goes_without_a_click_log_and_takes_the_whole_one(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = write_files(tmp_path / "oulad", clicks=None)
    assert list(load(connection, path)) == list(PARQUET)
    assert fetch(connection, "select count(*) from app.video_progress") == [(0,)]
    write_files(path)
    (path / "studentVle.csv").write_bytes((path / "studentVle_sample.csv").read_bytes())
    assert list(load(connection, path)) == [*PARQUET, "studentVle.csv"], "the sample is part of it and must not count twice"
    assert fetch(connection, "select sum(watch_time_seconds) from app.video_progress") == [(109 * 60,)]


def break_file(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "no column":
        first_column = "code_module" if path.suffix == ".csv" else pyarrow.parquet.read_schema(path).names[-1]
        if path.suffix == ".csv":
            path.write_text(path.read_text(encoding="utf-8").replace(first_column, "module"), encoding="utf-8")
        else:
            pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns([first_column]), path)
    elif how == "text for numbers":
        table = pyarrow.parquet.read_table(path)
        pyarrow.parquet.write_table(table.set_column(2, table.column_names[2], pa.array(["many"] * len(table))), path)
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[:-20])
    elif how == "garbage":
        path.write_bytes(b"\xff\xfe\x00" * 999)
    elif how == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, how) for name in PARQUET for how in ("missing", "no column")]
    + [("vle.parquet", how) for how in ("text for numbers", "cut off", "garbage", "empty")]
    + [("studentVle_sample.csv", how) for how in ("no column", "garbage", "empty")],
)
def test_names_the_file_that_cannot_be_read(connection: psycopg.Connection, small: Path, name: str, how: str) -> None:
    load(connection, small, date(2013, 10, 3))
    before = read_state(connection)
    break_file(small / name, how)
    with pytest.raises(Problem) as problem:
        load(connection, small)
    assert str(small / name) in str(problem.value)
    assert "\n" not in str(problem.value)
    assert read_state(connection) == before


def test_needs_a_folder(connection: psycopg.Connection, small: Path) -> None:
    for path in (small / "nowhere", small / "vle.parquet"):
        with pytest.raises(Problem, match=f"{path.name} is not a folder"):
            load(connection, path)


def start_of(presentation: str) -> date:
    return date(int(presentation[:4]), 2 if presentation.endswith("B") else 10, 1)


def check_real_counts(connection: psycopg.Connection, counts: dict[str, oulad.FileCount]) -> None:
    """All of OULAD: nothing but banked results is left out."""
    assert {c.file: (c.rows, c.loaded) for c in counts.values()} == {
        "assessment.parquet": (206, 206),
        "course.parquet": (22, 22),
        "student.parquet": (32_593, 32_593),
        "student_assessment.parquet": (173_912, 172_003),
        "student_registration.parquet": (32_593, 32_593),
        "vle.parquet": (6_364, 6_364),
        "studentVle_sample_AAA_2013J.csv": (13_905, 13_905),
    }
    assert counts["student_assessment.parquet"].rejected == {"banked: carried over from an earlier presentation": 1_909}
    rows = {table: sum(state.values()) for table, state in read_state(connection).items()}
    assert rows == {
        "creators": 7, "creator_preferences": 7, "courses": 22, "students": 32_593, "videos": 6_364, "video_progress": 6_055,
        "quizzes": 100, "quiz_attempts": 70_527 - 571 + 4_959, "projects": 106, "project_submissions": 98_426 - 1_338,
    }  # fmt: skip
    assert fetch(connection, "select count(*) from app.project_submissions where score is null and status = 'submitted'") == [(172,)]
    # 10,072 withdrew on a day, 93 more by their result.
    assert fetch(connection, "select count(*) from app.students where membership_status = 'cancelled'") == [(10_165,)]
    assert fetch(connection, "select sum(watch_time_seconds) from app.video_progress") == [(61_980 * 60,)]
    assert fetch(connection, "select count(*) from app.students where created_at > updated_at or last_active < created_at") == [(0,)]


def check_real_day(connection: psycopg.Connection, counts: dict[str, oulad.FileCount], day: date) -> None:
    """Plain Python over the files says how many submissions, registrations and withdrawals were known on the day."""

    def is_known(presentation: str, offset: int | None) -> bool:
        return offset is not None and start_of(presentation) + timedelta(days=offset) <= day

    assert all(c.rows == c.loaded + sum(c.rejected.values()) for c in counts.values())
    presentations = {
        a["id_assessment"]: a["code_presentation"] for a in pyarrow.parquet.read_table(REAL / "assessment.parquet").to_pylist()
    }
    submissions = pyarrow.parquet.read_table(REAL / "student_assessment.parquet").to_pylist()
    known = sum(not s["is_banked"] and is_known(presentations[s["id_assessment"]], s["date_submitted"]) for s in submissions)
    assert counts["student_assessment.parquet"].loaded == known
    events = "select (select count(*) from app.quiz_attempts) + (select count(*) from app.project_submissions)"
    assert fetch(connection, events) == [(known,)]
    assert counts["student_assessment.parquet"].rejected[f"after {day}"] == 172_003 - known
    registrations = pyarrow.parquet.read_table(REAL / "student_registration.parquet").to_pylist()
    joined = sum(is_known(r["code_presentation"], r["date_registration"]) for r in registrations)
    assert 0 <= counts["student_registration.parquet"].loaded - joined <= 45, "only those without a registration day may be beside"
    left = sum(is_known(r["code_presentation"], r["date_unregistration"]) for r in registrations)
    cancelled = fetch(connection, "select count(*) from app.students where membership_status = 'cancelled'")[0][0]
    assert 0 <= cancelled - left <= 93, "only those who withdrew on no day may be beside"
    newest = "select greatest(max(updated_at), (select max(completed_at) from app.quiz_attempts)) from app.students"
    assert fetch(connection, newest)[0][0].date() <= day


@needs_real_files
@pytest.mark.timeout(300)
def test_real_files_at_once_and_in_steps(connection: psycopg.Connection) -> None:
    started = time.monotonic()
    counts = load(connection, REAL)
    assert time.monotonic() - started < 60
    check_real_counts(connection, counts)
    at_once = read_state(connection)
    start_again(connection)
    middle_of_2013j = date(2014, 2, 12)
    check_real_day(connection, load(connection, REAL, middle_of_2013j), middle_of_2013j)
    load(connection, REAL)
    assert read_state(connection) == at_once
