"""Bad rows end to end, through the command line: set aside and told, the gate closed, others served, and all is well again once they are mended."""

from datetime import datetime
from typing import NamedTuple

import psycopg
import pytest

from tests.platform import Platform

ENTITLED = "current_plan = 'enterprise' and (plan_expires_at is null or plan_expires_at > now())"
TABLES = ["creator_overview", "daily_activity", "student_engagement_tiers", "video_analytics", "top_questions"]
SPOILED = {
    "completion outside 0 to 100": "update app.video_progress set completion_percentage = 130 where id = {progress[0]}",
    "negative watch time": "update app.video_progress set watch_time_seconds = -5 where id = {progress[1]}",
    "date in the future: updated_at": "update app.video_progress set updated_at = '2999-01-01' where id = {progress[2]}",
    "orphan: video_id names no row of videos": (
        "insert into app.video_progress (id, student_id, video_id, created_at, updated_at)"
        " select {new}, student_id, {new}, created_at, now() at time zone 'UTC' from app.video_progress where id = {progress[0]}"
    ),
    "other creator: student_id belongs to another creator": (
        "insert into app.video_progress (id, student_id, video_id, created_at, updated_at)"
        " select {new}, {stranger}, video_id, created_at, now() at time zone 'UTC' from app.video_progress where id = {progress[0]}"
    ),
    "no key": "insert into app.videos (id, creator_id, title, created_at, updated_at) select null, {creator}, 'no key', created_at, updated_at from app.videos limit 1",
    "the key occurs more than once; the newest row was kept": (
        "insert into app.videos select * from app.videos where creator_id = {creator} order by id limit 1"
    ),
    "questions are no list of objects": "update app.quizzes set questions = '{{\"id\": 1}}', updated_at = now() at time zone 'UTC' where id = {quiz}",
    "unknown role": (
        "insert into app.chat_messages (id, session_id, role, content, created_at) select {new}, id, 'system', 'x', created_at"
        " from app.chat_sessions where creator_id = {creator} limit 1"
    ),
    "unknown plan": "update app.creators set current_plan = 'gold', updated_at = now() at time zone 'UTC' where id = {creator}",
}  # fmt: skip
"""What spoils a row, by the reason with which it is set aside. Some move no watermark: the nightly run, which reads 30 days again, finds them."""


class Spoiled(NamedTuple):
    """The creator whose rows are bad, another one with reports, what the log held of both before, and the runs' instant."""

    creator: str
    other: str
    delivered: dict[str, list[tuple]]
    as_of: datetime


def _files(platform: Platform, creator: str) -> list[tuple]:
    return platform.fetch(f"select event, report, format, sha256 from ops.export_log where creator_id = '{creator}' order by log_id")


def _contents(platform: Platform) -> dict[str, list[tuple]]:
    return {table: sorted(platform.fetch(f"select * from analytics.{table}"), key=repr) for table in TABLES}


def _spoil(platform: Platform, creator: str) -> None:
    """Keep the source's tables aside and spoil a row in every way."""

    def ids(query: str) -> list[str]:
        return [f"'{row[0]}'" for row in platform.fetch(query)]

    progress = ids(
        f"select p.id from app.video_progress p join app.videos v on v.id = p.video_id where v.creator_id = '{creator}' order by p.id limit 3"
    )
    quiz = ids(f"select id from app.quizzes where creator_id = '{creator}' order by id limit 1")[0]
    stranger = ids(f"select id from app.students where creator_id <> '{creator}' order by id limit 1")[0]
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        for table in ("video_progress", "videos", "quizzes", "chat_messages", "creators"):
            connection.execute(f"create table public.good_{table} as select * from app.{table}".encode())
        for statement in SPOILED.values():
            connection.execute(
                statement.format(creator=f"'{creator}'", progress=progress, quiz=quiz, stranger=stranger, new="gen_random_uuid()").encode()
            )


def _mend(platform: Platform) -> None:
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        for table in ("video_progress", "videos", "quizzes", "chat_messages", "creators"):
            connection.execute(f"truncate app.{table}".encode())
            connection.execute(f"insert into app.{table} select * from public.good_{table}".encode())


@pytest.fixture(scope="module")
def before(platform: Platform) -> dict[str, list[tuple]]:
    """What is published of a clean replica, whose creators have their reports."""
    platform.spare_dbt()
    platform.succeed("load", "demo", "--replica", "--creators", "6", "--students", "120", "--days", "30", "--seed", "5")
    platform.succeed("run", "daily")
    assert platform.fetch("select count(*) from ops.quarantine") == [(0,)]
    assert platform.fetch("select count(*) from ops.gates") == [(0,)]
    return _contents(platform)


@pytest.fixture(scope="module")
def spoiled(platform: Platform, before: dict[str, list[tuple]]) -> Spoiled:
    """The same platform after one creator's rows went bad and a nightly run read them."""
    creator, other = (row[0] for row in platform.fetch(f"select id::text from app.creators where {ENTITLED} order by id limit 2"))
    as_of = platform.fetch("select max(as_of) from analytics.published")[0][0]
    found = Spoiled(creator, other, {who: _files(platform, who) for who in (creator, other)}, as_of)
    _spoil(platform, creator)
    platform.succeed("run", "daily", "--as-of", as_of.isoformat())
    return found


def test_each_bad_row_is_set_aside_with_its_reason(platform: Platform, spoiled: Spoiled) -> None:
    found = platform.fetch("select reason, creator_id from ops.quarantine order by reason")
    assert sorted(reason for reason, _ in found) == sorted(SPOILED)
    assert {creator for _, creator in found} == {spoiled.creator}


def test_no_bad_value_counts(platform: Platform, spoiled: Spoiled, before: dict[str, list[tuple]]) -> None:
    """The good version that was booked before stays, so nothing of the others and nothing of theirs moves."""
    assert _contents(platform) == before


def test_the_gate_is_closed_and_told(platform: Platform, spoiled: Spoiled) -> None:
    gates = platform.fetch("select creator_id::text, reason from ops.gates")
    assert [creator for creator, _ in gates] == [spoiled.creator]
    assert gates[0][1].startswith("bad rows: ")
    assert "1 in video_progress (completion outside 0 to 100)" in gates[0][1]
    held = "select creator_id::text, reason, as_of is not null from ops.report_status where state = 'held'"
    assert platform.fetch(held) == [(spoiled.creator, gates[0][1], True)], "with the instant of the last good report"
    checked = platform.run("check")
    assert checked.returncode == 1
    assert f" ({spoiled.creator}): bad rows: " in checked.stdout, "called by name"
    assert "ops.quarantine: no_row_set_aside\n     Rows that break a rule of the source count for nobody" in checked.stdout


def test_no_new_link_and_no_new_file_while_the_gate_is_closed(platform: Platform, spoiled: Spoiled) -> None:
    refused = platform.run("link", spoiled.creator)
    assert refused.returncode == 1
    assert "the gate is closed (bad rows: " in refused.stderr
    assert _files(platform, spoiled.creator) == spoiled.delivered[spoiled.creator], "the last good report stays"
    platform.succeed("link", spoiled.other)
    assert len(_files(platform, spoiled.other)) > len(spoiled.delivered[spoiled.other]), "the others are served"


def test_mended_rows_come_back_in_and_the_gate_opens(platform: Platform, spoiled: Spoiled, before: dict[str, list[tuple]]) -> None:
    _mend(platform)
    platform.succeed("run", "hourly", "--as-of", spoiled.as_of.isoformat())
    assert platform.fetch("select * from ops.quarantine") == []
    assert platform.fetch("select * from ops.gates") == []
    assert platform.fetch("select distinct state, reason from ops.report_status") == [("current", None)]
    assert _contents(platform) == before
    assert spoiled.creator in platform.succeed("link", spoiled.creator)
