"""A student who is forgotten at once: named nowhere when the command returns, never taken in again, whenever it was killed."""

import os
import signal
import tempfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pyarrow.parquet as pq
import pytest

from pipelines import comparison, export_log, forgetting, ingest, keeping, restoration, warehouse
from pipelines.problem import Problem
from pipelines.store import Store
from tests import steps
from tests.deliveries import deliver, mint, open_link
from tests.small_source import CATALOG, MARCH, NOON, SmallSource

ACME, BETA = UUID(int=1), UUID(int=2)
BEN, BEA = UUID(int=0xB22), UUID(int=0xB33)
INTRO, LOOPS = UUID(int=0xC33), UUID(int=0xD44)
DAY = timedelta(days=1)

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before anything": (forgetting, "_hide", False),
    "with a tombstone": (forgetting, "_hide", True),
    "in the second transaction": (forgetting, "_take_back", True),
    "with all objects there": (forgetting.revocation, "delete_leaving", False),
    "with some objects there": (Store, "delete", True),
    "before the save": (keeping, "save", False),
    "in the save": (keeping, "_write_days", True),
    "with the save done": (keeping, "save", True),
}
"""Where a forgetting is killed: a function, and whether after its (first) call."""


def _add_student(source: SmallSource, student: UUID, word: str) -> None:
    """A student with rows in all tables, whose texts all hold the word."""
    source.add("students", id=student, creator_id=ACME, name=f"{word} Person", email=f"{word}@example.com")
    chat = source.add("chat_sessions", creator_id=ACME, student_id=student, title=f"{word} asks")
    source.add("chat_messages", session_id=chat, content=f"Does {word} get a refund?")
    source.add("chat_messages", session_id=chat, content="How do I install it?")
    source.add(
        "chat_messages", session_id=chat, role="assistant", content=f"Dear {word}, like this.", created_at=MARCH + timedelta(minutes=1)
    )
    for minute in range(2, 6):  # with the first one often enough, and rated badly: it is recommended to answer it
        source.add("chat_messages", session_id=chat, content=f"Does {word} get a refund?", created_at=MARCH + timedelta(minutes=minute))
    source.add(
        "chat_messages", session_id=chat, role="assistant", content="No.", feedback="negative", created_at=MARCH + timedelta(minutes=6)
    )
    source.add("video_progress", student_id=student, video_id=INTRO)
    source.add("quiz_attempts", student_id=student, quiz_id=source.fetch("select min(id::text)::uuid from app.quizzes")[0][0])
    source.add("project_submissions", student_id=student, project_id=source.fetch("select min(id::text)::uuid from app.projects")[0][0])
    source.add("xp_transactions", student_id=student)
    source.add("analytics_events", student_id=student, creator_id=ACME)


@pytest.fixture(scope="module")
def source(module_source: SmallSource) -> SmallSource:
    """Two creators, Ben and Bea who stay, and a student for each way to be forgotten; built, published, delivered and saved."""
    for creator, student, name in ((ACME, BEN, "Ben"), (BETA, BEA, "Bea")):
        module_source.add("creators", id=creator, company_name=f"Company of {name}")
        module_source.add("students", id=student, creator_id=creator, name=name)
        chat = module_source.add("chat_sessions", creator_id=creator, student_id=student)
        module_source.add("chat_messages", session_id=chat, content="How do I install it?")
    for video in (INTRO, LOOPS):
        module_source.add("videos", id=video, creator_id=ACME)
    module_source.add("quizzes", creator_id=ACME)
    module_source.add("projects", creator_id=ACME)
    module_source.add("video_progress", student_id=BEN, video_id=INTRO)
    for number in range(len(POINTS) + 1):
        _add_student(module_source, _student(number), _word(number))
    _run(module_source)
    deliver(module_source.settings, ACME, BETA)
    keeping.save(module_source.settings, CATALOG)
    return module_source


def _student(number: int) -> UUID:
    return UUID(int=0xA0000 + number)


def _word(number: int) -> str:
    return f"Zo{'abcdefghij'[number] * 3}"


def _run(source: SmallSource, after: timedelta = timedelta(0), *, nightly: bool = True) -> None:
    """All steps of a run but the tests; after a night what was built in steps equals what is built in full."""
    steps.run(source.settings, CATALOG, NOON + after, is_nightly=nightly, is_tested=False)
    if nightly:
        assert [difference.summary for difference in comparison.compare(source.settings, CATALOG)] == []


def _forget(source: SmallSource, student: UUID) -> forgetting.Forgotten:
    return forgetting.forget(source.settings, CATALOG, student, requested_by="test", say=steps.silent)


def _naming(source: SmallSource, *texts: str) -> list[str]:
    """Tables of the warehouse in which a row holds one of the texts, and objects of both buckets that do."""
    names = source.fetch(
        """select format('%I.%I', schemaname, tablename) from pg_tables
           where schemaname not in ('pg_catalog', 'information_schema', 'app') order by 1"""
    )
    any_text = " or ".join(f"strpos(t::text, '{text}') > 0" for text in texts)
    found = [name for (name,) in names if source.fetch(f"select exists (select from {name} t where {any_text})") == [(True,)]]
    for store in (Store(source.settings), Store(source.settings, is_ledger=True)):
        for key in store.keys(""):
            with tempfile.TemporaryFile() as file:
                store.get_file(key, file)
                held = str(pq.read_table(file).to_pylist()) if key.endswith(".parquet") else file.read().decode()
            found += [f"{store.bucket}/{key}" for text in texts if text in held]
    return found


def test_who_is_forgotten_is_named_nowhere_when_the_command_returns(source: SmallSource) -> None:
    student, word = _student(0), _word(0)
    assert len(_naming(source, str(student), word)) > 20
    gaps = source.fetch("select about from analytics.recommendations where recommendation = 'close_gap'")
    assert (f"Does {word} get a refund?",) in gaps, "words of the student in a row that names no student"
    links, others = mint(source.settings, ACME), mint(source.settings, BETA)
    days = "select * from analytics.daily_activity where activity_on <= '2026-03-01' order by creator_id, activity_on"
    counts = source.fetch(days)
    source.add("video_progress", student_id=student, video_id=LOOPS, completion_percentage=130)
    source.read(as_of=NOON)
    assert (len(source.quarantine()), len(source.gates())) == (1, 1), "a bad row"
    done = _forget(source, student)
    assert (source.quarantine(), source.gates()) == ({}, {})
    assert (done.creators, done.object_count, done.was_erased) == ((str(ACME),), len(links) + 1, False), "with the manifest"
    assert _naming(source, str(student), word) == []
    assert {open_link(url)[0] for url in links.values()} == {404}
    assert {open_link(url)[0] for url in others.values()} == {200}
    with warehouse.connect(source.settings) as connection:
        noted = export_log.history(connection, str(ACME), 1)[0]
    assert (noted.event, noted.reason) == ("revoked", "a student was erased")
    assert source.fetch(f"select question from analytics.top_questions where creator_id = '{BETA}'") == [("How do I install it?",)]
    for nightly, after in ((False, timedelta(hours=1)), (True, DAY)):
        _run(source, after, nightly=nightly)
        assert _naming(source, str(student), word) == [], "the source has the rows still"
    assert source.fetch(days) == counts, "past days keep their counts"
    assert source.fetch(f"select student_count from analytics.creator_overview where creator_id = '{ACME}'") == [(len(POINTS) + 1,)]
    questions = source.fetch(f"select question, ask_count from analytics.top_questions where creator_id = '{ACME}' order by 2 desc limit 1")
    assert questions == [("How do I install it?", len(POINTS) + 1)]


def test_rows_of_the_forgotten_count_as_missed_no_night(source: SmallSource) -> None:
    if not source.count("ops.erasures"):
        _forget(source, _student(0))
    source.change("update app.students set updated_at = updated_at - interval '400 days' where id = %s", _student(0))
    source.change("update app.video_progress set updated_at = updated_at - interval '400 days' where student_id = %s", _student(0))
    guard = warehouse.RunGuard(source.settings)
    try:
        run = guard.enter(warehouse.Run(uuid4().hex, "daily", NOON + DAY), steps.silent)
        reads = ingest.read_source(source.settings, CATALOG.sources.values(), run, is_nightly=True, say=steps.silent)
    finally:
        guard.leave()
    assert {item.table: item.missed_count for item in reads if item.missed_count} == {}


def test_again_and_for_nobody(source: SmallSource) -> None:
    if not source.count("ops.erasures"):
        _forget(source, _student(0))
    count = source.count("ops.erasures")
    done = _forget(source, _student(0))
    assert (done.creators, done.object_count, done.was_erased) == ((), 0, True)
    assert source.count("ops.erasures") == count
    with pytest.raises(Problem, match="neither in the warehouse nor in the source") as caught:
        _forget(source, UUID(int=77))
    assert "\n" not in str(caught.value)


def _die_at(owner: Any, name: str, *, is_after: bool) -> None:
    """From now on this process dies at the first call of `owner.name`."""
    function: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **options: Any) -> None:
        if is_after:
            function(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def test_killed_anywhere_it_ends_the_same(source: SmallSource) -> None:
    for number, (owner, name, is_after) in enumerate(POINTS.values(), start=1):
        deliver(source.settings, ACME)
        child = os.fork()
        if child == 0:
            try:
                _die_at(owner, name, is_after=is_after)
                _forget(source, _student(number))
            finally:
                os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, name
        _forget(source, _student(number))
        assert _naming(source, str(_student(number)), _word(number)) == [], f"killed {list(POINTS)[number - 1]}"
    _run(source, 2 * DAY)
    assert source.fetch(f"select student_count from analytics.creator_overview where creator_id = '{ACME}'") == [(1,)]
    gone = [text for number in range(1, len(POINTS) + 1) for text in (str(_student(number)), _word(number))]
    assert _naming(source, *gone) == []


def test_who_is_forgotten_stays_so_after_a_restore(source: SmallSource) -> None:
    if not source.count("ops.erasures"):
        _forget(source, _student(0))
    source.change("truncate ops.erasures")  # the database was lost, and with it what only it knew
    restoration.restore(source.settings, CATALOG, is_forced=True)
    _run(source, 3 * DAY, nightly=False)
    _run(source, 4 * DAY)
    assert _naming(source, str(_student(0)), _word(0)) == []


def test_who_left_since_the_save_is_erased_after_a_restore(source: SmallSource) -> None:
    """The ledger that comes back names a student whom neither the source nor a tombstone knows; those under random ids stay as they are."""
    student = UUID(int=0xABC)
    _add_student(source, student, "Zolast")
    _run(source, 4 * DAY, nightly=False)
    keeping.save(source.settings, CATALOG)
    random_ids = source.fetch(f"select distinct student_id from raw.watch_gains where student_id not in ('{BEN}', '{student}') order by 1")
    assert len(random_ids) > 0
    for table in ("video_progress", "quiz_attempts", "project_submissions", "xp_transactions", "analytics_events", "chat_sessions"):
        source.change(f"delete from app.{table} where student_id = %s", student)
    source.change("delete from app.students where id = %s", student)
    source.change("delete from app.chat_messages m where not exists (select from app.chat_sessions s where s.id = m.session_id)")
    restoration.restore(source.settings, CATALOG, is_forced=True)
    erasures = source.count("ops.erasures")
    _run(source, 5 * DAY, nightly=False)
    source.read(nightly=True, as_of=NOON + 6 * DAY)
    _run(source, 7 * DAY)
    assert source.count("ops.erasures") == erasures + 1
    assert [name for name in _naming(source, str(student), "Zolast") if not name.endswith(".parquet")] == []
    known = "select distinct student_id from raw.watch_gains where student_id <> '{}' order by 1"
    assert set(random_ids) <= set(source.fetch(known.format(BEN)))
