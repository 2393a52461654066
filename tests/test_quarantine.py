"""Bad rows: each rule once, orphans and strangers, healed rows, gates, and when a run stops."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pipelines import gates, warehouse
from pipelines.problem import Problem
from tests.small_source import CATALOG, EARLY, MARCH, NOON, SmallSource

ACME, OTHER = UUID(int=1), UUID(int=2)
ANN, STRANGER = UUID(int=11), UUID(int=12)
VIDEO, THEIRS = UUID(int=21), UUID(int=22)
QUIZ, PROJECT, SESSION, COURSE = UUID(int=31), UUID(int=41), UUID(int=51), UUID(int=61)
BAD = UUID(int=99)
NOW = datetime.now(UTC).replace(tzinfo=None)

OWN_RULES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("creators", {"current_plan": "gold"}, {"current_plan": "pro"}, "unknown plan"),
    ("courses", {"creator_id": None}, {"creator_id": ACME}, "no creator"),
    ("students", {"creator_id": ACME, "membership_status": "frozen"}, {"membership_status": "active"}, "unknown membership status"),
    ("students", {"creator_id": ACME, "last_active": NOW + timedelta(hours=2)}, {"last_active": NOW}, "date in the future: last_active"),
    ("students", {"creator_id": ACME, "updated_at": datetime(1989, 12, 31)}, {"updated_at": MARCH}, "date before 1990: updated_at"),  # noqa: DTZ001
    ("students", {"creator_id": ACME, "created_at": None}, {"created_at": EARLY}, "no date: created_at"),
    ("videos", {"creator_id": ACME, "duration_seconds": -1}, {"duration_seconds": 1}, "negative duration"),
    ("video_progress", {"completion_percentage": 130}, {"completion_percentage": 100}, "completion outside 0 to 100"),
    ("video_progress", {"watch_time_seconds": -1}, {"watch_time_seconds": 0}, "negative watch time"),
    ("video_progress", {"updated_at": NOW + timedelta(hours=2)}, {"updated_at": MARCH}, "date in the future: updated_at"),
    ("video_progress", {"updated_at": "infinity"}, {"updated_at": MARCH}, "date in the future: updated_at"),
    ("chat_messages", {"role": "system"}, {"role": "user"}, "unknown role"),
    ("chat_messages", {"video_references": {"video_id": "x"}}, {"video_references": "[]"}, "video references are no list"),
    ("quizzes", {"creator_id": ACME, "questions": ["which?"]}, {"questions": '[{"id": 1}]'}, "questions are no list of objects"),
    ("quizzes", {"creator_id": ACME, "questions": {"id": 1}}, {"questions": "[]"}, "questions are no list of objects"),
    ("quiz_attempts", {"answers": ["a"]}, {"answers": '{"1": "a"}'}, "answers are no object"),
    ("quiz_attempts", {"score": 101}, {"score": 100}, "score outside 0 to 100"),
    ("project_submissions", {"status": "lost"}, {"status": "passed"}, "unknown status"),
    ("analytics_events", {"creator_id": ACME, "event_data": [1]}, {"event_data": "{}"}, "event data are no object"),
]  # fmt: skip
PARENTS: dict[str, dict[str, Any]] = {
    "video_progress": {"student_id": ANN, "video_id": VIDEO},
    "chat_messages": {"session_id": SESSION},
    "quiz_attempts": {"student_id": ANN, "quiz_id": QUIZ},
    "project_submissions": {"student_id": ANN, "project_id": PROJECT},
}


@pytest.fixture
def acme(small_source: SmallSource) -> SmallSource:
    """Two creators with a student and a video each; the first has everything else once."""
    for creator, student, video in ((ACME, ANN, VIDEO), (OTHER, STRANGER, THEIRS)):
        small_source.add("creators", id=creator)
        small_source.add("students", id=student, creator_id=creator)
        small_source.add("videos", id=video, creator_id=creator)
    small_source.add("courses", id=COURSE, creator_id=ACME)
    small_source.add("chat_sessions", id=SESSION, creator_id=ACME, student_id=ANN)
    small_source.add("quizzes", id=QUIZ, creator_id=ACME)
    small_source.add("projects", id=PROJECT, creator_id=ACME)
    return small_source


def _key(table: str, row: dict[str, Any]) -> str:
    return "/".join(str(row[name]) for name in CATALOG.sources[table].key)


def test_each_rule_sets_a_row_aside_and_lets_it_in_when_it_is_healed(acme: SmallSource) -> None:
    rows = []
    for number, (table, broken, healed, reason) in enumerate(OWN_RULES):
        row = PARENTS.get(table, {}) | broken | {"id": UUID(int=1000 + number)}
        if table == "video_progress":  # one row per student and video
            row["video_id"] = acme.add("videos", creator_id=ACME)
        acme.add(table, **row)
        rows.append((table, row, healed, reason))
    acme.read()
    assert acme.quarantine() == {(table, _key(table, row)): reason for table, row, _, reason in rows}
    for table, row, _, _ in rows:
        assert acme.fetch(f"select count(*) from raw.{table} where id = '{row['id']}'") == [(0,)], table
    for table, row, healed, _ in rows:
        sets = ", ".join(f"{name} = %s" for name in healed)
        acme.change(f"update app.{table} set {sets} where id = %s", *healed.values(), row["id"])
    acme.read()
    assert acme.quarantine() == {}
    for table, row, _, _ in rows:
        assert acme.fetch(f"select count(*) from raw.{table} where id = '{row['id']}'") == [(1,)], table


def test_a_clock_that_is_a_little_ahead_is_no_matter(acme: SmallSource) -> None:
    acme.add("students", id=BAD, creator_id=ACME, updated_at=NOW + timedelta(minutes=50))
    acme.read()
    assert acme.quarantine() == {}
    assert acme.count("raw.students") == 3


def test_preferences_are_kept_whatever_their_shape(acme: SmallSource) -> None:
    acme.add("creator_preferences", creator_id=ACME, export_preferences=["not", "an", "object"], notification_settings="x")
    acme.read()
    assert acme.count("raw.creator_preferences") == 1
    assert acme.quarantine() == {}


def test_first_and_last_seen_and_the_good_older_version(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=ANN, video_id=VIDEO, completion_percentage=40)
    acme.read()
    acme.change("update app.video_progress set completion_percentage = 130, updated_at = updated_at + interval '1 minute'")
    acme.read(as_of=NOON + timedelta(hours=1))
    acme.read(as_of=NOON + timedelta(hours=40))
    first, last, creator = acme.fetch("select first_seen_at, last_seen_at, creator_id from ops.quarantine")[0]
    assert first < last
    assert creator == str(ACME)
    assert acme.fetch("select completion_percentage from raw.video_progress") == [(40,)]
    acme.change("update app.video_progress set completion_percentage = 60")
    acme.read(as_of=NOON + timedelta(hours=41))
    assert acme.fetch("select completion_percentage, completion_gained from raw.watch_gains order by booked_no") == [(40, 40), (60, 20)]


def test_a_new_reason_takes_the_place_of_the_old_one(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=ANN, video_id=VIDEO, completion_percentage=130)
    acme.read()
    acme.change("update app.video_progress set completion_percentage = 10, watch_time_seconds = -5")
    acme.read()
    assert list(acme.quarantine().values()) == ["negative watch time"]


def test_an_orphan_waits_for_its_parent(acme: SmallSource) -> None:
    session, message, video = UUID(int=71), UUID(int=72), UUID(int=73)
    acme.add("chat_messages", id=message, session_id=session)
    acme.add("video_progress", student_id=ANN, video_id=video)
    acme.read()
    assert acme.quarantine() == {
        ("chat_messages", str(message)): "orphan: session_id names no row of chat_sessions",
        ("video_progress", f"{ANN}/{video}"): "orphan: video_id names no row of videos",
    }
    assert acme.count("raw.watch_gains") == 0
    assert set(acme.gates()) == {ACME}, "the message's creator is not known, the progress row is the student's creator's"
    acme.add("chat_sessions", id=session, creator_id=OTHER, student_id=STRANGER)
    acme.add("videos", id=video, creator_id=ACME)
    acme.read(as_of=NOON + timedelta(hours=1))
    assert acme.quarantine() == {}
    assert acme.gates() == {}
    assert acme.count("raw.chat_messages") == acme.count("raw.watch_gains") == 1


def test_a_parent_that_was_committed_late_is_read_with_its_child(acme: SmallSource) -> None:
    acme.add("students", creator_id=ACME, updated_at=MARCH)
    acme.read()
    late = acme.add("students", creator_id=ACME)  # long before the watermark of students
    acme.add("video_progress", student_id=late, video_id=VIDEO)
    acme.read(as_of=NOON + timedelta(hours=1))
    assert acme.quarantine() == {}
    assert acme.fetch("select student_id from raw.video_progress") == [(late,)]


def test_children_of_a_row_that_was_set_aside_come_back_with_it(acme: SmallSource) -> None:
    acme.change("update app.students set membership_status = 'frozen' where id = %s", ANN)
    acme.add("video_progress", student_id=ANN, video_id=VIDEO)
    message = acme.add("chat_messages", session_id=SESSION)
    acme.read()
    assert acme.quarantine() == {
        ("students", str(ANN)): "unknown membership status",
        ("video_progress", f"{ANN}/{VIDEO}"): "orphan: student_id names no row of students",
        ("chat_sessions", str(SESSION)): "orphan: student_id names no row of students",
        ("chat_messages", str(message)): "orphan: session_id names no row of chat_sessions",
    }
    acme.change("update app.students set membership_status = 'active' where id = %s", ANN)
    acme.read(as_of=NOON + timedelta(days=3))
    assert acme.quarantine() == {}
    assert acme.count("raw.chat_messages") == acme.count("raw.video_progress") == 1


def test_rows_in_which_two_creators_meet_belong_to_the_owner_of_the_content(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=STRANGER, video_id=VIDEO)
    attempt = acme.add("quiz_attempts", student_id=STRANGER, quiz_id=QUIZ)
    submission = acme.add("project_submissions", student_id=STRANGER, project_id=PROJECT)
    session = acme.add("chat_sessions", creator_id=ACME, student_id=STRANGER)
    message = acme.add("chat_messages", session_id=session)
    video = acme.add("videos", creator_id=ACME, course_id=acme.add("courses", creator_id=OTHER))
    acme.read()
    stranger = "other creator: student_id belongs to another creator"
    assert acme.quarantine() == {
        ("video_progress", f"{STRANGER}/{VIDEO}"): stranger,
        ("quiz_attempts", str(attempt)): stranger,
        ("project_submissions", str(submission)): stranger,
        ("chat_sessions", str(session)): stranger,
        ("chat_messages", str(message)): "orphan: session_id names no row of chat_sessions",
        ("videos", str(video)): "other creator: course_id belongs to another creator",
    }
    assert set(acme.gates()) == {ACME}, "the stranger's own creator has nothing to do with it"
    assert acme.count("raw.watch_gains") == 0


def test_rows_without_a_key_are_told_apart(acme: SmallSource) -> None:
    for name in ("one", "two", "two"):
        acme.add("students", id=None, creator_id=ACME, name=name)
    acme.read()
    acme.read()
    assert len(acme.quarantine()) == 2, "rows that are the same in all columns are one"
    assert all(key.startswith("no key/") for _, key in acme.quarantine())
    acme.change("update app.students set id = gen_random_uuid() where name = 'one'")
    acme.read()
    assert len(acme.quarantine()) == 1
    assert acme.count("raw.students") == 3


def test_of_rows_with_one_key_the_newest_good_one_counts(acme: SmallSource) -> None:
    for name, status, at in (("old", "active", EARLY), ("new", "active", MARCH), ("bad", "frozen", MARCH + timedelta(hours=1))):
        acme.add("students", id=BAD, creator_id=ACME, name=name, membership_status=status, updated_at=at)
    acme.read()
    assert acme.fetch(f"select name from raw.students where id = '{BAD}'") == [("new",)]
    assert sorted(row[0] for row in acme.fetch("select reason from ops.quarantine")) == [
        "the key occurs more than once; the newest row was kept",
        "unknown membership status",
    ]
    acme.read(as_of=NOON + timedelta(hours=1))
    assert acme.count("ops.quarantine") == 2
    acme.change("delete from app.students where name in ('old', 'bad')")
    acme.read(as_of=NOON + timedelta(hours=2))
    assert acme.quarantine() == {}


def test_a_bad_row_that_is_gone_leaves_quarantine(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=ANN, video_id=VIDEO, completion_percentage=130)
    acme.read()
    acme.change("delete from app.video_progress")
    acme.read()
    assert acme.quarantine() == {}
    assert acme.gates() == {}


def test_a_gate_is_closed_for_its_creator_only_and_opens_again(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=ANN, video_id=VIDEO, completion_percentage=130)
    acme.add("videos", creator_id=ACME, duration_seconds=-1)
    acme.add("videos", creator_id=ACME, duration_seconds=-2)
    acme.read()
    assert acme.gates() == {ACME: "bad rows: 1 in video_progress (completion outside 0 to 100), 2 in videos (negative duration)"}
    with warehouse.connect(acme.settings) as connection:
        assert list(gates.closed(connection)) == [str(ACME)]
    acme.change("update app.videos set duration_seconds = 1 where duration_seconds = -2")
    acme.read(as_of=NOON + timedelta(hours=1))
    assert acme.gates() == {ACME: "bad rows: 1 in video_progress (completion outside 0 to 100), 1 in videos (negative duration)"}
    assert acme.fetch("select since from ops.gates") == [(NOON,)], "closed since the first run that found it"
    acme.change("update app.videos set duration_seconds = 1; update app.video_progress set completion_percentage = 100")
    acme.read(as_of=NOON + timedelta(hours=2))
    assert acme.gates() == {}


def test_a_row_that_lost_its_creator_closes_the_gate_of_the_one_it_had(acme: SmallSource) -> None:
    acme.read()
    acme.change("update app.students set creator_id = null, updated_at = updated_at + interval '1 minute' where id = %s", ANN)
    acme.read(as_of=NOON + timedelta(hours=1))
    assert acme.quarantine() == {("students", str(ANN)): "no creator"}
    assert acme.gates() == {ACME: "bad rows: 1 in students (no creator)"}
    acme.change("update app.students set creator_id = %s where id = %s", ACME, ANN)
    acme.read(as_of=NOON + timedelta(hours=2))
    assert acme.gates() == {}


def _many(acme: SmallSource, bad: int, creators: int) -> None:
    for number in range(creators):
        acme.add("creators", id=UUID(int=500 + number))
    acme.change(
        """insert into app.videos (id, creator_id, title, transcript_processed, order_index, duration_seconds, created_at, updated_at)
           select gen_random_uuid(), lpad(to_hex(500 + n %% %s), 32, '0')::uuid, 'v', true, 0, case when n <= %s then -1 else 1 end, '2026-01-01', '2026-01-01'
           from generate_series(1, 998) n""",
        creators,
        bad,
    )


def test_a_run_stops_when_too_much_is_bad(acme: SmallSource) -> None:
    _many(acme, bad=11, creators=3)
    for _ in range(2):  # again: a run that stopped has accepted nothing
        with pytest.raises(Problem, match=r"11 of 1,000 rows of videos are bad \(1\.1%\): negative duration \(11\)\. Nothing was booked"):
            acme.read()
    assert acme.count("raw.videos") == acme.count("ops.watermarks") == acme.count("ops.gates") == 0
    assert acme.count("ops.quarantine") == 11, "so that people can look"
    acme.change("update app.videos set duration_seconds = 1 where id in (select id from app.videos where duration_seconds < 0 limit 1)")
    acme.read()
    assert acme.count("raw.videos") == 990
    acme.change("update app.videos set updated_at = updated_at + interval '1 minute'")
    acme.read()
    assert acme.count("ops.quarantine") == 10, "what is known to be bad stops no later run"


@pytest.mark.parametrize(("bad", "creators"), [(10, 3), (200, 2)])
def test_a_few_bad_rows_or_those_of_two_creators_stop_nobody(acme: SmallSource, bad: int, creators: int) -> None:
    _many(acme, bad, creators)
    acme.read()
    assert acme.count("ops.quarantine") == bad
    assert len(acme.gates()) == creators


def test_bad_rows_of_unknown_creators_stop_a_run(acme: SmallSource) -> None:
    _many(acme, bad=0, creators=2)
    acme.change("update app.videos set creator_id = null where id in (select id from app.videos limit 11)")
    with pytest.raises(Problem, match=r"11 of 1,000 rows of videos are bad \(1\.1%\): no creator \(11\)"):
        acme.read()


def test_each_reference_of_the_contract_names_a_key(small_source: SmallSource) -> None:
    for table in CATALOG.sources.values():
        assert list(table.references.values()) == [CATALOG.sources[parent].name for parent in table.references.values()]
        assert all(CATALOG.sources[parent].key == ("id",) for parent in table.references.values())
        names = list(CATALOG.sources)
        assert all(names.index(parent) < names.index(table.name) for parent in table.references.values()), "parents come first"
