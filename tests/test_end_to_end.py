"""From source rows to links that open, through the command line, on the real servers."""

import csv
import hashlib
import io
import json
import re
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pipelines import warehouse
from tests.platform import Platform

ENTITLED = "current_plan = 'enterprise' and (plan_expires_at is null or plan_expires_at > now())"

WEEKLY = "weekly_report"
"""On a creator's Monday, in its zone, the demo's mornings make this page too; west of Greenwich a morning can be of the day before the night's."""

SESSIONS = "select sessions from pg_stat_database where datname = current_database()"


@contextmanager
def _watch(platform: Platform) -> Iterator[None]:
    """Meanwhile look at the commands of all processes and the statements of all sessions, several times a second: `platform.watched`."""
    end, platform.watched = threading.Event(), set()

    def look() -> None:
        with psycopg.connect(platform.environment["DATABASE_URL"], autocommit=True) as connection:
            while not end.wait(0.2):
                platform.watched |= {" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])}
                platform.watched |= {
                    row[0] for row in connection.execute("select query || ' ' || application_name from pg_stat_activity") if row[0]
                }

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        end.set()
        watcher.join()


@pytest.fixture(scope="module")
def links(platform: Platform) -> list[dict]:
    """What `demo` leaves on a small platform that has stood still for three hours: `links.json`."""
    then = warehouse.current_hour() - timedelta(hours=3)
    platform.succeed("load", "demo", "--creators", "8", "--students", "300", "--days", "60", "--seed", "7", "--as-of", then.isoformat())
    with _watch(platform):
        done = platform.cold().run("demo")  # once as a user does
    assert done.returncode == 0, done.stdout + done.stderr
    platform.output, platform.printed = done.stdout, done.stdout + done.stderr
    return json.loads((platform.folder / "links.json").read_text())


def _open(url: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, b""


def _changed(url: str, **changes: str | None) -> str:
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **changes}
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})))


def test_every_link_gives_its_file(links: list[dict]) -> None:
    assert links
    for link in links:
        status, data = _open(link["url"])
        assert status == 200
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (link["sha256"], link["bytes"])


def test_the_made_up_platform_lives_on_to_the_present(platform: Platform, links: list[dict]) -> None:
    assert "hour 3 of 3: the platform's clock stands at" in platform.printed
    assert platform.fetch("select at from demo.clock") == platform.fetch("select max(as_of) at time zone 'UTC' from analytics.published")


def test_each_entitled_creator_has_each_file_and_nobody_else(platform: Platform, links: list[dict]) -> None:
    entitled = {str(row[0]) for row in platform.fetch(f"select id from app.creators where {ENTITLED}")}
    assert entitled
    files = {("students", "csv"), ("videos", "csv"), ("questions", "csv"), ("analytics", "json"), ("report", "html")}
    wants_metadata = {str(row[0]) for row in platform.fetch("select creator_id from analytics.creator_overview where has_metadata")}
    sidecars = {(name, "csv-metadata.json") for name, format in files if format == "csv"}
    found = [(link["creator_id"], link["report"], link["format"]) for link in links if link["report"] != WEEKLY]
    assert sorted(found) == sorted(
        (creator, *file) for creator in entitled for file in (files | sidecars if creator in wants_metadata else files)
    )
    assert 0 < len(entitled & wants_metadata) < len(entitled)


def test_each_edition_has_a_manifest_written_last(platform: Platform, links: list[dict]) -> None:
    rows = platform.fetch("select creator_id::text, report, log_id, row_count from ops.export_log where event = 'finished'")
    for creator in {link["creator_id"] for link in links}:
        of_night = [row for row in rows if row[0] == creator and row[1] not in {WEEKLY, "manifest-weekly"}]
        last = max(of_night, key=lambda row: row[2])
        assert last[1] == "manifest-daily"
        assert last[3] == len([link for link in links if link["creator_id"] == creator and link["report"] != WEEKLY])


def test_files_hold_the_rows_of_their_creator(platform: Platform, links: list[dict]) -> None:
    for link in links:
        if (link["report"], link["format"]) == ("students", "csv"):
            rows = list(csv.DictReader(io.StringIO(_open(link["url"])[1].decode(), newline="")))
            assert {row["creator_id"] for row in rows} <= {link["creator_id"]}
            students = {str(row[0]) for row in platform.fetch(f"select id from app.students where creator_id = '{link['creator_id']}'")}
            assert {row["student_id"] for row in rows} == students
            assert len(rows) == link["rows"]


def test_no_file_names_a_student_of_anybody_else(platform: Platform, links: list[dict]) -> None:
    """The addresses of the demo's students are canaries: each holds the student's number, so that nobody else has it."""
    plain = r"^[a-z.-]+[0-9]+@example"
    mails = platform.fetch(f"select creator_id::text, email from app.students where email ~ '{plain}'")
    for link in links:
        text = _open(link["url"])[1].decode()
        others = [mail for creator, mail in mails if creator != link["creator_id"] and mail in text]
        assert others == [], link["report"]
    own = [link for link in links if (link["report"], link["format"]) == ("students", "csv")]
    assert all(any(mail in _open(link["url"])[1].decode() for creator, mail in mails if creator == link["creator_id"]) for link in own)


def test_the_table_and_each_link_whole_on_a_line_are_printed(platform: Platform, links: list[dict]) -> None:
    lines = platform.output.splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == ["creator", "report", "format", "rows", "size", "expires"]
    printed = [urlsplit(line).path for line in lines if line.startswith("http")]
    assert printed == [urlsplit(link["url"]).path for link in links]


def test_a_link_is_for_one_object_one_time_and_reading_only(links: list[dict]) -> None:
    url, other = links[0]["url"], links[1]["url"]
    forged = urlunsplit(urlsplit(url)._replace(path=urlsplit(other).path))
    unsigned = urlunsplit(urlsplit(url)._replace(query=""))
    for wrong in (forged, unsigned, _changed(url, **{"X-Amz-Expires": "604800"}), _changed(url, **{"X-Amz-Signature": "0" * 64})):
        assert _open(wrong)[0] == 403, wrong
    for method in ("PUT", "DELETE"):
        assert _open(url, method)[0] == 403
    assert _open(url)[0] == 200


def test_a_link_ends_when_it_says(platform: Platform, links: list[dict]) -> None:
    creator = links[0]["creator_id"]
    url = [
        line
        for line in platform.succeed("link", creator, "--report", "students", "--format", "csv", "--for", "2s").splitlines()
        if line.startswith("http")
    ]
    assert len(url) == 1
    assert _open(url[0])[0] == 200
    time.sleep(3)
    assert _open(url[0])[0] == 403


def _secrets(platform: Platform, links: list[dict]) -> list[str]:
    """What must stand nowhere: passwords, keys and the signatures of all links."""
    password = conninfo_to_dict(platform.environment["DATABASE_URL"])["password"]
    return [str(password), platform.environment["AWS_SECRET_ACCESS_KEY"], *(_signature(link["url"]) for link in links)]


def _signature(url: str) -> str:
    return dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"]


def _tables_with(platform: Platform, *texts: str) -> list[str]:
    """Tables of the database, Dagster's too, in which a row holds one of the texts."""
    names = platform.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    )
    found = " or ".join(f"strpos(t::text, '{text}') > 0" for text in texts)
    return [name for (name,) in names if platform.fetch(f"select true from {name} t where {found} limit 1")]


def test_links_are_secrets(platform: Platform, links: list[dict]) -> None:
    """After a full run neither a link nor a password or key stands in any table (ours or Dagster's, packed or not), any file, any list of processes, or in what
    was printed, but where links were asked for."""
    secrets = _secrets(platform, links)
    assert (platform.folder / "links.json").stat().st_mode & 0o777 == 0o600
    assert "ops.export_log" in _tables_with(platform, links[0]["creator_id"]), "the search finds what is there"
    assert "dagster.event_logs" in _tables_with(platform, "analytics")
    assert _tables_with(platform, *secrets[:2], "X-Amz-") == []
    packed = b"".join(zlib.decompress(bytes(row[0])) for row in platform.fetch("select snapshot_body from dagster.snapshots"))
    assert b"hourly" in packed
    assert [secret for secret in secrets if secret.encode() in packed] == []
    for log in Path(platform.folder).rglob("*"):
        if log.is_file() and log.name != "links.json" and log.suffix != ".eml":  # mails are for their creators
            text = log.read_bytes()
            assert [secret for secret in [*secrets, "X-Amz-Signature"] if secret.encode() in text] == [], log
    assert len(platform.watched) > 20
    assert [line for line in platform.watched if any(secret in line for secret in [*secrets, "X-Amz-"])] == [], (
        "lists of processes and of statements"
    )
    assert [secret for secret in secrets[:2] if secret in platform.printed] == []
    assert "X-Amz-" not in platform.printed.replace(platform.output, ""), "only where they were asked for"


def test_an_error_says_no_secret(platform: Platform, links: list[dict]) -> None:
    creator = links[0]["creator_id"]
    key = platform.environment["AWS_SECRET_ACCESS_KEY"]
    password = _secrets(platform, links)[0]
    wrong = platform.environment["DATABASE_URL"].replace(f":{password}@", f":{password}x@")
    for changes in ({"AWS_SECRET_ACCESS_KEY": key + "x"}, {"DATABASE_URL": wrong}):
        done = platform.run("link", creator, **changes)
        assert done.returncode == 1
        assert [secret for secret in [*_secrets(platform, links), "X-Amz-"] if secret in done.stdout + done.stderr] == []


def test_a_second_run_uploads_nothing_that_has_not_changed(platform: Platform, links: list[dict]) -> None:
    before = platform.fetch(
        "select count(*) filter (where event = 'finished'), count(*) filter (where event = 'started') from ops.export_log"
    )
    rows = platform.fetch("select student_id, xmin::text from analytics.student_engagement_tiers order by 1")
    sessions = platform.fetch(SESSIONS)[0][0]
    as_of = platform.fetch("select max(as_of) from analytics.published")[0][0]
    platform.succeed("run", "daily", "--as-of", as_of.isoformat())
    assert (
        platform.fetch("select count(*) filter (where event = 'finished'), count(*) filter (where event = 'started') from ops.export_log")
        == before
    )
    assert platform.fetch("select student_id, xmin::text from analytics.student_engagement_tiers order by 1") == rows
    assert platform.fetch(SESSIONS)[0][0] - sessions < 600, "a connection is opened for each of Dagster's events"


def test_the_log_has_no_gaps(platform: Platform, links: list[dict]) -> None:
    starts = platform.fetch("select export_id from ops.export_log where event = 'started'")
    ends = platform.fetch("select export_id from ops.export_log where event in ('finished', 'failed', 'abandoned')")
    assert sorted(starts) == sorted(ends)
    editions = f"select distinct creator_id, edition_on, report = '{WEEKLY}' from ops.export_log where report not like 'manifest-%'"
    assert len(starts) == len(links) + len(platform.fetch(editions)), "the files, and a manifest of each edition"
    assert "finished" in platform.succeed("history", "--creator", links[0]["creator_id"])


def test_all_checks_hold_and_can_be_read_by_programs(platform: Platform, links: list[dict]) -> None:
    outcomes = json.loads(platform.succeed("check", "--json"))
    assert len(outcomes) > 50
    assert [outcome for outcome in outcomes if not outcome["passed"] and outcome["severity"] == "error"] == []
    assert all(outcome["because"] for outcome in outcomes)


def test_a_narrowed_daily_run_renders_only_those_creators(platform: Platform, links: list[dict]) -> None:
    creator = links[0]["creator_id"]
    lost = next(link for link in links if link["creator_id"] != creator)
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        connection.execute("update app.creators set current_plan = 'basic', updated_at = now() where id = %s", (lost["creator_id"],))
    platform.succeed("tick", "--hours", "1")
    last = platform.fetch("select max(log_id) from ops.export_log")[0][0]
    platform.succeed("run", "daily", "--creator", creator)
    after = f"from ops.export_log where log_id > {last} and event"
    assert platform.fetch(f"select distinct creator_id::text {after} <> 'revoked'") in ([(creator,)], [])
    assert platform.fetch(f"select creator_id::text, requested_by {after} = 'revoked'") == [(lost["creator_id"], "plan")]
    assert _open(lost["url"])[0] == 404, "who loses the plan loses the links"


def test_a_check_names_the_creators_whose_preferences_are_bad(platform: Platform, links: list[dict]) -> None:
    bad = "select creator_id from app.creator_preferences where export_preferences ->> 'timezone' = 'Mars/Olympus'"
    creator = platform.fetch(bad)[0][0]
    outcomes = {outcome["name"]: outcome for outcome in json.loads(platform.succeed("check", "--json"))}
    found = outcomes["preferences_of_creators_are_usable"]
    assert (found["passed"], found["severity"]) == (False, "warn")
    assert f"creator_id={creator}" in found["samples"]
