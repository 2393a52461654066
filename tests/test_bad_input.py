"""What people get wrong: one line that says what is wrong and what to do, and the exit code that fits."""

import socket
from pathlib import Path

import psycopg
import pytest

from tests.platform import Platform


def _complaint(platform: Platform, code: int, *arguments: str, **changes: str) -> str:
    done = platform.run(*arguments, **changes)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "hourly", "--as-of", "2999-01-01"), "lies in the future"),
        (("run", "hourly", "--as-of", "soon"), "is not an instant"),
        (("run", "hourly", "--creator", "x"), "covers everybody"),
        (("run", "weekly"), "'weekly' is not one of 'hourly', 'daily'"),
        (("link", "Acme", "--for", "5 lightyears"), "is not a duration"),
        (("link", "Acme", "--for", "0s"), "is not a duration"),
        (
            ("link", "Acme", "--report", "nope"),
            "no report 'nope' is made by itself; there are analytics, questions, report, students, videos, weekly_report.",
        ),
        (("link", "Acme", "--report", "chat"), "`creator-reports export` makes one"),
        (("link", "Acme", "--format", "pdf"), "no file is made as 'pdf'; there are csv, html, json."),
        (("link", "Acme", "--report", "report", "--format", "csv"), "report is not made as csv, but as html."),
        (("export", "Acme", "students", "--filter", "tier"), "--filter 'tier' is not a filter; write it like tier=at_risk."),
        (
            ("export", "Acme", "students", "--filter", "tier=a", "--filter", "tier=b"),
            "--filter tier is given twice (a, b); give one value.",
        ),
        (("up",), "DATABASE_URL is set, and then nothing embedded starts"),
        (("load", "oulad", "/nowhere", "--through", "tomorrow"), "is not a day"),
        (("load", "demo", "--largest-share", "1.5"), "largest"),
        (("tick", "--hours", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage(platform: Platform, arguments: tuple[str, ...], words: str) -> None:
    assert words in _complaint(platform, 2, *arguments)


def test_nothing_is_published_yet(platform: Platform) -> None:
    assert "run `creator-reports run hourly` first" in _complaint(platform, 1, "link", "Acme")
    assert "run `creator-reports run hourly` first" in _complaint(platform, 1, "history", "--creator", "Acme")
    assert "export" in platform.succeed("history", "--creator", "00000000-0000-0000-0000-000000000001")
    assert "run `creator-reports run hourly` first" in _complaint(platform, 1, "check")


def test_an_instant_before_the_first_day(platform: Platform) -> None:
    line = _complaint(platform, 1, "run", "hourly", "--as-of", "1990-01-01")
    assert line.endswith("1990-01-01 lies before 2025-01-01, the first day that `run hourly` is for; set FIRST_DAY to it or earlier.")


def test_a_source_without_tables(platform: Platform) -> None:
    assert "the source lacks table app.creators" in _complaint(platform, 1, "run", "hourly")


def test_a_wrong_password(platform: Platform) -> None:
    address = psycopg.conninfo.conninfo_to_dict(platform.environment["DATABASE_URL"])
    wrong = f"postgresql://pipeline:wrong@{address['host']}:{address['port']}/{address['dbname']}"
    line = _complaint(platform, 1, "init-db", DATABASE_URL=wrong)
    assert "password authentication failed" in line
    assert "check DATABASE_URL" in line
    assert "wrong@" not in line


def test_no_server_and_no_address(platform: Platform) -> None:
    assert "cannot connect to Postgres at 127.0.0.1:1/none" in _complaint(
        platform, 1, "init-db", DATABASE_URL="postgresql://127.0.0.1:1/none"
    )
    assert "is not an address of a Postgres database" in _complaint(platform, 1, "init-db", DATABASE_URL="mysql://x")


def test_half_a_configuration(platform: Platform) -> None:
    assert "S3_ENDPOINT_URL is set but DATABASE_URL is not" in _complaint(platform, 2, "init-db", DATABASE_URL="")


@pytest.mark.parametrize("verb", [("creators",), ("history",), ("check",), ("link", "Acme"), ("export", "Acme", "students")])
def test_looking_makes_no_world(platform: Platform, tmp_path: Path, verb: tuple[str, ...]) -> None:
    nothing = {"DATABASE_URL": "", "S3_ENDPOINT_URL": "", "LOCAL_DIR": str(tmp_path / "mistyped")}
    assert "there is no embedded world in" in _complaint(platform, 2, *verb, **nothing)
    assert not (tmp_path / "mistyped").exists()


def test_a_taken_port(platform: Platform) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "is taken" in _complaint(platform, 2, "dev", "--port", str(taken.getsockname()[1]))


def test_no_s3_server_then_repaired(platform: Platform) -> None:
    platform.succeed("load", "demo", "--creators", "10", "--students", "100", "--days", "30")
    line = _complaint(platform, 1, "run", "daily", S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert "no S3 server answers at http://127.0.0.1:1" in line
    assert platform.fetch("select count(*) from ops.export_log") == [(0,)]
    platform.succeed("run", "daily")
    assert platform.fetch("select count(*) from ops.export_log where event = 'finished'")[0][0] > 0


def test_an_unknown_creator(platform: Platform) -> None:
    assert "no creator 'Nobody' on a running enterprise plan" in _complaint(platform, 2, "link", "Nobody")
    assert "no creator 'Nobody'" in _complaint(platform, 2, "run", "daily", "--creator", "Nobody")
    line = _complaint(platform, 2, "history", "--creator", "Nobody")
    assert line.endswith("there is no creator 'Nobody'; `analytics.creator_overview` has their ids and names.")


def test_a_creator_on_another_plan_gets_no_link(platform: Platform) -> None:
    basic = platform.fetch("select id::text from app.creators where current_plan <> 'enterprise' limit 1")[0][0]
    assert "on a running enterprise plan" in _complaint(platform, 2, "link", basic)


def test_an_instant_before_the_published_one(platform: Platform) -> None:
    for before in ("2026-01-01T00:00Z", "1990-01-01T00:00Z"):
        assert "tables never go back" in _complaint(platform, 1, "run", "hourly", "--as-of", before)


def test_a_link_that_would_live_too_long(platform: Platform) -> None:
    name = platform.fetch("select creator_id::text from ops.export_log limit 1")[0][0]
    assert "1 second to 7 days, not 8 days." in _complaint(platform, 2, "link", name, "--for", "8d")


def test_a_bucket_that_is_not_there_is_not_a_lost_file(platform: Platform) -> None:
    name = platform.fetch("select creator_id::text from ops.export_log limit 1")[0][0]
    assert "there is no such bucket; create it or set S3_BUCKET" in _complaint(platform, 1, "link", name, S3_BUCKET="not-there")


def test_the_log_of_a_creator_by_name(platform: Platform) -> None:
    creator, name = platform.fetch(
        """select min(id::text), company_name from app.creators
           where company_name ~ '^[[:alnum:]]' and id in (select creator_id from ops.export_log) group by company_name having count(*) = 1 limit 1"""
    )[0]
    shown = platform.succeed("history", "--creator", name)
    assert creator in shown
    assert shown == platform.succeed("history", "--creator", creator)


def test_status_speaks_of_the_servers_that_are_used(platform: Platform) -> None:
    address = psycopg.conninfo.conninfo_to_dict(platform.environment["DATABASE_URL"])
    shown = platform.succeed("status")
    assert f"{address['host']}:{address['port']}/{address['dbname']}" in shown
    assert f"bucket {platform.environment['S3_BUCKET']}" in shown
    assert shown.count("answers") == 3
    assert "SeaweedFS" not in shown
    shown = _status_of_bad(platform, "2 of 3", DATABASE_URL="postgresql://127.0.0.1:1/none", S3_BUCKET="not-there")
    assert "cannot connect to Postgres at 127.0.0.1:1/none" in shown
    assert "there is no such bucket" in shown
    assert "is not an address" in _status_of_bad(platform, "1 of 3", DATABASE_URL="mysql://x")
    shown = _status_of_bad(platform, "2 of 5", SMTP_HOST="127.0.0.1", SMTP_PORT="1", ALERT_URLS="json://127.0.0.1:1 foo://bar")
    assert "no connection to the mail server 127.0.0.1:1" in shown and "check SMTP_HOST and SMTP_PORT" in shown
    assert "address 2 of 2 in ALERT_URLS is none that Apprise knows" in shown
    assert "known" in platform.succeed("status", ALERT_URLS="json://127.0.0.1:1")


def _status_of_bad(platform: Platform, how_many: str, **environment: str) -> str:
    done = platform.run("status", **environment)
    assert done.returncode == 1 and f"{how_many} do not answer as they should: " in done.stderr
    return done.stdout


def test_a_broken_contract_publishes_nothing(platform: Platform) -> None:
    before = platform.fetch("select * from analytics.published order by 1")
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        connection.execute("alter table app.videos rename column tags to labels")
    assert "the source lacks column app.videos.tags" in _complaint(platform, 1, "run", "hourly")
    assert platform.fetch("select * from analytics.published order by 1") == before
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        connection.execute("alter table app.videos rename column labels to tags")
    platform.succeed("run", "hourly")
