"""Mornings: whose mail is due by the local clock, what it holds, and that a real mail server's failures lose none and repeat none."""

import os
import re
import signal
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest

from pipelines import delivery, letters, mail_server, mornings, warehouse
from pipelines.problem import Problem
from pipelines.store import Link
from reports.mail import News, Week
from tests import mail_catcher
from tests.mail_catcher import Catcher, Reply
from tests.published_platform import LONDON, MONDAY, PublishedPlatform
from tests.small_source import CATALOG


@dataclass
class Mornings:
    """The published platform, walked through by its mornings."""

    platform: PublishedPlatform

    @property
    def creators(self) -> dict[str, str]:
        """Ids by name."""
        return self.platform.creators

    def fetch(self, query: str) -> list[tuple]:
        """Rows of the warehouse."""
        return self.platform.fetch(query)

    def deliver(self, catcher: Catcher, now: datetime, *chosen: str, **changes: object) -> delivery.Outcome:
        """One walk through the mornings that are due."""
        at = {"smtp_host": "127.0.0.1", "smtp_port": catcher.port, "smtp_tls": "none", "smtp_timeout_seconds": 1} | changes
        settings = self.platform.settings.model_copy(update=at)
        trip = delivery.Trip(now, uuid.uuid4().hex, "test")
        return delivery.deliver(settings, CATALOG, trip, [self.creators[name] for name in chosen])

    def outbox(self) -> dict[str, tuple[str, str, str | None, int]]:
        """Edition, status, reason and number of attempts by creator's name."""
        names = {creator: name for name, creator in self.creators.items()}
        rows = self.fetch("select creator_id::text, edition, status, reason, attempt_count from ops.outbox")
        return {names[row[0]]: tuple(row[1:]) for row in rows}


@pytest.fixture
def published(published_platform: PublishedPlatform) -> Mornings:
    """The platform's mornings."""
    return Mornings(published_platform)


@pytest.fixture
def catcher(published: Mornings) -> Iterator[Catcher]:
    """A mail server, an empty outbox and open gates."""
    published.fetch("truncate ops.outbox, ops.gates")
    with mail_catcher.served() as served:
        yield served


SEVEN_IN_LONDON = MONDAY + timedelta(hours=1, minutes=10)
LAST_CALL_IN_KARACHI = SEVEN_IN_LONDON
ELEVEN_IN_KARACHI = MONDAY + timedelta(minutes=10)


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content()


def test_a_mail_goes_out_once_a_morning_to_those_who_want_it(published: Mornings, catcher: Catcher) -> None:
    outcome = published.deliver(catcher, SEVEN_IN_LONDON)
    assert sorted(mail["To"] for mail in catcher.mails) == ["ann@example.com", "kim@example.com"]
    assert outcome.counts == {"sent": 2, "quiet": 1, "without_address": 1}
    assert published.outbox() == {
        "London": ("weekly", "sent", None, 1),
        "Karachi": ("weekly", "sent", None, 1),
        "Quiet": ("daily", "skipped", "nothing new to tell", 1),
        "Broken": ("weekly", "failed", "export_preferences.email is not an address", 1),
    }
    assert published.deliver(catcher, SEVEN_IN_LONDON + timedelta(hours=1)).counts == {}
    assert len(catcher.mails) == 2


def test_what_a_mail_holds(published: Mornings, catcher: Catcher) -> None:
    published.deliver(catcher, SEVEN_IN_LONDON, "London", dashboard_url="https://app.example/reports")
    (mail,) = catcher.mails
    text, html = _body(mail, "plain"), _body(mail, "html")
    assert mail["List-Unsubscribe"].strip() == "<https://app.example/reports>, <mailto:reports@localhost?subject=unsubscribe>"
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert "2 failed quiz attempts by" in text  # both lie within the week
    for number in ("Learners a day", "New students", "Videos completed", "Watch time", "Students slipping away now"):
        assert number in text
        assert number in html
    assert "In the last 7 days:" in text  # a weekly mail, and nothing was mailed before
    assert "Since your last mail" not in text + html
    assert "Secret Name" not in text + html
    assert "London <b>" not in html
    assert re.search(r"The link ends on \d+ \w+ 20\d\d, \d\d:\d\d, Europe/London", text)
    (url,) = re.findall(r"^http\S+", text, re.MULTILINE)
    assert urllib.request.urlopen(url).headers["Content-Type"].startswith("text/html")
    assert url.replace("&", "&amp;") in html


def test_no_link_and_no_address_stays_in_the_database(published: Mornings, catcher: Catcher) -> None:
    catcher.replies = {"RCPT": ["550 5.1.1 <ann@example.com>: no such user"]}
    published.deliver(catcher, SEVEN_IN_LONDON, "London", "Karachi")
    for table in ("ops.outbox", "ops.export_log", "ops.alerts"):
        everything = str(published.fetch(f"select to_jsonb(t) from {table} as t"))
        assert "X-Amz" not in everything
        assert "example.com" not in everything


def test_a_later_mail_tells_only_what_came_since(published: Mornings, catcher: Catcher) -> None:
    published.deliver(catcher, SEVEN_IN_LONDON, "London")
    published.fetch("update ops.outbox set local_on = local_on - 1, message_id = 'earlier'")  # as if that had been yesterday's
    published.deliver(catcher, SEVEN_IN_LONDON, "London")
    assert "failed quiz attempt" in _body(catcher.mails[0], "plain")
    assert "failed quiz attempt" not in _body(catcher.mails[1], "plain")


@contextmanager
def _changed(published: Mornings, *statements: str) -> Iterator[None]:
    """London's published rows with these changes, until the block ends."""
    tables = ("creator_overview", "daily_activity", "student_engagement_tiers", "tier_transitions")
    kept = [f"create temp table kept_{table} as select * from analytics.{table}" for table in tables]
    back = [f"delete from analytics.{table}; insert into analytics.{table} select * from kept_{table}" for table in tables]
    with warehouse.connect(published.platform.settings, autocommit=True) as connection:

        def execute(wanted: list[str]) -> None:
            with connection.transaction():
                warehouse.set_role(connection, "publisher")
                for statement in wanted:
                    connection.execute(statement.encode())

        execute(kept)
        try:
            execute([f"{statement} where creator_id = '{published.creators['London']}'" for statement in statements])
            yield
        finally:
            execute(back)


def _morning(published: Mornings, edition: mornings.Edition) -> mornings.Morning:
    return mornings.Morning(published.creators["London"], "London", "", LONDON, MONDAY.date(), edition, frozenset(mornings.NOTICES), False)


def test_a_first_tier_is_no_news(published: Mornings, catcher: Catcher) -> None:
    slipped = "update analytics.student_engagement_tiers set tier = 'at_risk'"
    change = "update analytics.tier_transitions set to_tier = 'at_risk', from_tier = "
    with warehouse.connect(published.platform.settings, autocommit=True) as reader:
        for tier, slipped_count in {"null": 0, "'engaged'": 1}.items():
            with _changed(published, slipped, change + tier):
                assert letters.read_news(reader, _morning(published, "daily")).news.slipped_count == slipped_count


def test_who_has_completed_everything_is_not_slipping_away(published: Mornings, catcher: Catcher) -> None:
    """Neither for the mail nor for the report behind its link."""
    slipped = "update analytics.student_engagement_tiers set tier = 'at_risk', lifecycle_stage = "
    changed = "update analytics.tier_transitions set to_tier = 'at_risk', from_tier = 'engaged'"
    with warehouse.connect(published.platform.settings, autocommit=True) as reader:
        for stage, count in {"'completed'": 0, "'active'": 1}.items():
            with _changed(published, slipped + stage, changed):
                assert letters.read_news(reader, _morning(published, "daily")).news.slipped_count == count
                letter = letters.write(
                    published.platform.settings, reader, _morning(published, "daily"), MONDAY, News(), Link("https://s3.example/x", MONDAY)
                )
                assert letter.slipping_count == count


@pytest.mark.parametrize(
    ("status", "days_ago", "day_count"), [("sent", 1, None), ("sent", 9, 7), ("skipped", 1, 1), ("skipped", 2, 2), (None, 0, 1)]
)
def test_news_are_since_the_last_mail_only_where_there_was_one(
    published: Mornings, catcher: Catcher, status: str | None, days_ago: int, day_count: int | None
) -> None:
    if status is not None:
        published.fetch(
            f"""insert into ops.outbox (creator_id, edition, local_on, message_id, status, told_through, told_quizzes_through)
                select '{published.creators["London"]}', 'daily', at::date, 'earlier', '{status}', at, at
                from (select '{MONDAY - timedelta(days=days_ago)}'::timestamptz) as earlier (at)"""
        )
    with warehouse.connect(published.platform.settings, autocommit=True) as reader:
        assert letters.read_news(reader, _morning(published, "daily")).news.day_count == day_count


def test_a_weekly_mail_has_the_numbers_of_its_week(published: Mornings, catcher: Catcher) -> None:
    """Counts are days of the month: of the week from 23 February to 1 March, of the one before, and nothing of the Monday of the mail."""
    counts = "active_student_count = day, new_student_count = day * 2, completion_count = day * 3, watch_seconds = day * 60".replace(
        "day", "extract(day from activity_on)::integer"
    )
    changes = [f"update analytics.daily_activity set is_partial = activity_on < '2026-02-17', {counts}"]
    link = Link("https://s3.example/x", MONDAY)
    with _changed(published, *changes), warehouse.connect(published.platform.settings, autocommit=True) as reader:
        weekly, daily = (
            letters.write(published.platform.settings, reader, _morning(published, edition), MONDAY, News(), link)
            for edition in ("weekly", "daily")
        )
    days, earlier = sum(range(23, 29)) + 1, sum(range(16, 23))
    assert weekly.weeks == (Week(days, days * 2, days * 3, days * 60), Week(earlier, earlier * 2, None, None))
    assert daily.weeks == weekly.weeks, "the report of a Monday looks at the same days"


def test_a_creator_without_students_gets_no_weekly_mail(published: Mornings, catcher: Catcher) -> None:
    with _changed(published, "update analytics.creator_overview set student_count = 0"):
        assert published.deliver(catcher, SEVEN_IN_LONDON, "London").counts == {"quiet": 1}
    assert published.outbox() == {"London": ("weekly", "skipped", "no students yet", 1)}
    assert catcher.mails == []


def test_a_closed_gate_holds_until_noon_and_then_the_day_is_given_up(published: Mornings, catcher: Catcher) -> None:
    for name in ("Karachi", "London"):
        published.fetch(f"insert into ops.gates values ('{published.creators[name]}', 'bad rows: 1 of videos', now())")
    assert published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi").counts == {"held": 1}
    assert published.outbox() == {}
    assert published.deliver(catcher, SEVEN_IN_LONDON, "Karachi", "London").counts == {"skipped": 1, "held": 1}
    assert published.outbox() == {"Karachi": ("weekly", "skipped", "the gate was closed until noon: bad rows: 1 of videos", 1)}
    published.fetch("truncate ops.gates")
    published.deliver(catcher, SEVEN_IN_LONDON, "Karachi", "London")
    assert [mail["To"] for mail in catcher.mails] == ["ann@example.com"]


def test_stale_tables_are_not_mailed_about(published: Mornings, catcher: Catcher) -> None:
    late = MONDAY + timedelta(minutes=151)
    assert published.deliver(catcher, late, "London").counts == {"held": 1}
    assert published.deliver(catcher, late - timedelta(minutes=1), "London").counts == {"sent": 1}


def test_mornings_that_are_over_are_not_mailed_with_later_numbers(published: Mornings, catcher: Catcher) -> None:
    with pytest.raises(Problem, match=r"the mornings of 2026-.* are over; leave out --as-of"):
        published.deliver(catcher, MONDAY - timedelta(days=7))
    assert published.outbox() == {}


@pytest.mark.parametrize(
    ("command", "reply", "status", "reason"),
    [
        ("RCPT", "450 4.2.1 busy", "waiting", "refuses the address (450)"),
        ("RCPT", "550 5.1.1 nobody", "failed", "refuses the address (550)"),
        ("DATA", "451 4.3.0 try later", "waiting", "refuses the mail (451)"),
        ("DATA", "554 5.6.0 looks like spam", "failed", "refuses the mail (554)"),
        ("MAIL", "421 closing", "waiting", "not available (421)"),
        ("DATA", None, "waiting", "broke"),
        ("DATA", 1.5, "waiting", "took too long"),
    ],
)
def test_a_failing_server_loses_no_mail(
    published: Mornings, catcher: Catcher, command: str, reply: Reply, status: str, reason: str
) -> None:
    catcher.replies = {command: [reply]}
    published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi")
    edition, found, said, attempts = published.outbox()["Karachi"]
    assert (edition, found, attempts) == ("weekly", status, 1)
    assert reason in (said or "")
    assert catcher.mails == []
    published.deliver(catcher, ELEVEN_IN_KARACHI + timedelta(minutes=10), "Karachi")
    assert len(catcher.mails) == (1 if status == "waiting" else 0)
    assert published.outbox()["Karachi"][1] == ("sent" if status == "waiting" else "failed")


def test_at_noon_a_mail_that_nobody_took_has_failed(published: Mornings, catcher: Catcher) -> None:
    catcher.replies = {"DATA": ["451 later", "451 later"]}
    published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi")
    outcome = published.deliver(catcher, LAST_CALL_IN_KARACHI, "Karachi")
    assert published.outbox()["Karachi"] == ("weekly", "failed", "the mail server refuses the mail (451)", 2)
    assert outcome.success_rate == 0


def test_a_broken_connection_does_not_stop_the_others(published: Mornings, catcher: Catcher) -> None:
    catcher.replies = {"MAIL": [None]}
    outcome = published.deliver(catcher, SEVEN_IN_LONDON, "London", "Karachi")
    assert outcome.counts["sent"] == 1
    assert len(catcher.mails) == 1


def test_a_server_that_would_refuse_all_stops_the_walk_in_words(published: Mornings, catcher: Catcher) -> None:
    catcher.replies = {"MAIL": ["550 5.7.1 who are you"]}
    with pytest.raises(Problem, match="refuses our sender \\(550\\); check MAIL_FROM"):
        published.deliver(catcher, SEVEN_IN_LONDON, "London")
    with pytest.raises(Problem, match="offers no encryption \\(STARTTLS\\); set SMTP_TLS"):
        published.deliver(catcher, SEVEN_IN_LONDON, "London", smtp_tls="starttls")
    assert published.outbox()["London"][:2] == ("weekly", "waiting")
    assert published.deliver(catcher, SEVEN_IN_LONDON, "London").counts == {"sent": 1}


KILLS = {
    "before the first word": 1,
    "at MAIL": 1,
    "at RCPT": 1,
    "at DATA, before the 250": 1,
    "between the 250 and our commit": 2,
    "after our commit": 1,
}
"""Where the process is killed, and how often the mail is then there after the next run."""


@pytest.mark.parametrize(("point", "copies"), KILLS.items(), ids=KILLS)
def test_a_mail_is_repeated_in_one_window_only(published: Mornings, catcher: Catcher, point: str, copies: int) -> None:
    child = os.fork()
    if child == 0:
        _deliver_and_die(published, catcher, point)
    if point.startswith("at "):
        catcher.replies = {point.split(",")[0].removeprefix("at "): [_killing(child)]}
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    catcher.replies = {}
    published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi")
    published.deliver(catcher, ELEVEN_IN_KARACHI + timedelta(minutes=5), "Karachi")
    assert len(catcher.mails) == copies
    assert len({mail["Message-ID"] for mail in catcher.mails}) == 1
    assert published.outbox()["Karachi"] == ("weekly", "sent", None, 1)


def _killing(process: int) -> Callable[[], str]:
    def kill() -> str:
        os.kill(process, signal.SIGKILL)
        return "451 your process is gone"

    return kill


def _deliver_and_die(published: Mornings, catcher: Catcher, point: str) -> None:
    """In a child process: deliver, and be killed at the point (by the server where it is one of its commands). Never returns."""
    send = mail_server.MailServer.send

    def send_and_die(server: mail_server.MailServer, message: EmailMessage) -> None:
        if point == "before the first word":
            os.kill(os.getpid(), signal.SIGKILL)
        send(server, message)
        if point == "between the 250 and our commit":
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        mail_server.MailServer.send = send_and_die  # pyrefly: ignore
        published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi", smtp_timeout_seconds=20)
        os.kill(os.getpid(), signal.SIGKILL)
    finally:
        os._exit(1)


def test_two_walks_at_once_send_one_mail(published: Mornings, catcher: Catcher) -> None:
    child = os.fork()
    if child == 0:
        try:
            published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi", smtp_timeout_seconds=20)
            os._exit(0)
        finally:
            os._exit(1)
    published.deliver(catcher, ELEVEN_IN_KARACHI, "Karachi", smtp_timeout_seconds=20)
    assert os.waitpid(child, 0)[1] == 0
    assert len(catcher.mails) == 1


ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
CHANGES = [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC),
           datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", CHANGES, ids=lambda day: f"{day:%m-%d}")
def test_each_local_date_has_one_morning_through_clock_changes(zone: str, day: datetime) -> None:
    """Walk hour by hour through four days: the first due tick of each date lies within an hour after 07:00, and stays due to the day's end."""
    firsts: dict[object, datetime] = {}
    for hour in range(-24, 72):
        now = day + timedelta(hours=hour, minutes=10)
        local_on, is_due, is_last_call = mornings.has_come(now, zone)
        clock = mornings.local(now, zone)
        assert is_due == (clock.hour >= 7)
        assert is_last_call == (clock.hour >= 12)
        assert local_on == clock.date()
        if is_due:
            firsts.setdefault(local_on, clock)
    whole = list(firsts.values())[1:]
    assert len(whole) >= 3
    assert all(clock.hour == 7 for clock in whole)


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-02T00:00+00:00", "UTC", ("2026-03-02", False, False)),
        ("2026-03-02T06:59:59+00:00", "UTC", ("2026-03-02", False, False)),
        ("2026-03-02T07:00+00:00", "UTC", ("2026-03-02", True, False)),
        ("2026-03-02T12:00+00:00", "UTC", ("2026-03-02", True, True)),
        ("2026-03-29T05:59+00:00", "Europe/London", ("2026-03-29", False, False)),
        ("2026-03-29T06:00+00:00", "Europe/London", ("2026-03-29", True, False)),
        ("2026-10-25T06:59+00:00", "Europe/London", ("2026-10-25", False, False)),
        ("2026-10-25T07:00+00:00", "Europe/London", ("2026-10-25", True, False)),
        ("2026-03-02T01:30+00:00", "Asia/Kolkata", ("2026-03-02", True, False)),
        ("2026-03-02T04:59+00:00", "America/New_York", ("2026-03-01", True, True)),
        ("2026-03-02T05:00+00:00", "America/New_York", ("2026-03-02", False, False)),
        ("2026-03-02T07:00+00:00", "Mars/Olympus", ("2026-03-02", True, False)),
    ],
)
def test_the_clock_at_midnight_and_at_seven(now: str, zone: str, expected: tuple[str, bool, bool]) -> None:
    local_on, is_due, is_last_call = mornings.has_come(datetime.fromisoformat(now), zone)
    assert (str(local_on), is_due, is_last_call) == expected


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("ann@example.com", True),
        ("a+b.c@sub.example.co", True),
        ("ann", False),
        ("ann@", False),
        ("a@b@c", False),
        ("ann@exam ple.com", False),
        ("ann@example.com\nBcc: x@example.com", False),
        ("Ann <ann@example.com>", False),
        ("jürgen@example.com", False),
        ("a,b@example.com", False),
    ],
)
def test_only_one_plain_address_is_written_to(address: str, is_one: bool) -> None:
    morning = mornings.Morning(str(UUID(int=1)), "Acme", address, "UTC", MONDAY.date(), "daily", frozenset(), False)
    assert morning.has_address is is_one
