"""Exports of rows that went the whole way, hostile text included: alike in all formats, narrowed by filters, one creator's only, with their log and manifest."""

import csv
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any, BinaryIO
from uuid import UUID

import openpyxl
import psycopg
import pytest

from pipelines import export_log, exports, warehouse
from pipelines.catalog import load_catalog
from pipelines.creator_files import Order, Worker
from pipelines.export_wishes import Wanted, check
from pipelines.local import source
from pipelines.local.world import World
from pipelines.problem import Problem, UsageProblem
from pipelines.settings import Settings
from reports.cells import undo
from reports.document import Document
from reports.formats import FORMATS
from tests import steps
from tests.small_source import SmallSource
from tests.test_formats import read_text

CATALOG = load_catalog()
A, B = UUID(int=0xA), UUID(int=0xB)
COURSE = UUID(int=0xC0)
VIDEOS = [UUID(int=0xF0), UUID(int=0xF1)]
QUIZ = UUID(int=0x90)
AS_OF = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
NAMES = ['=HYPERLINK("http://x")', "'-1", '<b>"Ann"</b>,\r\n\tJr.', "محمد \u202eevil", "👩🏽‍🚀 _x0041_ a\x07b", None]
TYPES = ("students", "progress", "chat", "analytics", "quiz_results", "videos", "questions")


@dataclass
class Desk:
    """A worker on published rows of two creators, and what it has made."""

    worker: Worker
    exporter: exports.Exporter
    settings: Settings

    def content(self, export_type: str, suffix: str, creator: UUID = A, **filters: str) -> bytes:
        """The bytes of an export, from the bucket."""
        (entry, *_) = self.exporter.make(Wanted(str(creator), export_type, suffix, filters))
        return self.fetch(entry.object_key)

    def fetch(self, key: str | None) -> bytes:
        """The bytes of an object."""
        return self.worker.store._client.get_object(Bucket=self.worker.store.bucket, Key=key)["Body"].read()

    def records(self, export_type: str, creator: UUID = A, **filters: str) -> list[dict[str, Any]]:
        """The records of an export, through JSON."""
        return json.loads(self.content(export_type, "json", creator, **filters))


@pytest.fixture(scope="module")
def desk(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    name = "exports_of_two_creators"
    bucket = "exports-of-two-creators"
    world.objectstore.client().create_bucket(Bucket=bucket)
    values = world.environment() | {"database_url": world.create_database(name), "s3_bucket": bucket, "ledger_bucket": bucket}
    settings = Settings(_env_file=None, local_dir=tmp_path_factory.mktemp("exports"), **values)  # pyrefly: ignore
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        source.build(connection, replica=True)
        connection.commit()
        connection.autocommit = True
        _fill(SmallSource(settings, connection))
    steps.run(settings, CATALOG, AS_OF, is_nightly=True, is_tested=False)
    worker = Worker(settings, CATALOG, Order("run", "test", date(2026, 3, 1), CATALOG.edition("daily")))
    with exports.Exporter(settings, worker) as exporter:
        yield Desk(worker, exporter, settings)
    worker.close()
    world.drop_database(name)


def _fill(app: SmallSource) -> None:
    for creator, company, wishes in ((A, "=cmd|'/c calc'!A0", {"timezone": "Asia/Kolkata"}), (B, "Other", {"includeMetadata": True})):
        app.add("creators", id=creator, company_name=company)
        app.add("creator_preferences", creator_id=creator, export_preferences=wishes)
    app.add("courses", id=COURSE, creator_id=A, title="+Course")
    app.add("quizzes", id=QUIZ, creator_id=A, title="@Quiz", passing_score=70)
    for number, video in enumerate(VIDEOS):
        app.add("videos", id=video, creator_id=A, title=f'-{number}: "cut"', duration_seconds=600, course_id=COURSE if number else None)
    for number, name in enumerate(NAMES):
        seen = datetime(2026, 2, 28 - number * 2, 18, 29 + number % 2, 59) - timedelta(microseconds=number % 2)  # noqa: DTZ001
        student = app.add(
            "students", id=UUID(int=0x50 + number), creator_id=A, name=name, email=f"{name}@x" if name else None, last_active=seen
        )
        for video in VIDEOS[: 1 + number % 2]:
            app.add(
                "video_progress", id=UUID(int=0x700 + number * 2 + VIDEOS.index(video)), student_id=student, video_id=video, updated_at=seen
            )
        session = app.add("chat_sessions", student_id=student, creator_id=A, title=name)
        app.add("chat_messages", session_id=session, content=f"=What about {name}?", created_at=seen)
        app.add("quiz_attempts", quiz_id=QUIZ, student_id=student, score=number * 20, passed=number > 3, completed_at=seen)
    stranger = app.add("students", id=UUID(int=0x5B), creator_id=B, name="Not A's")
    session = app.add("chat_sessions", student_id=stranger, creator_id=B)
    app.add("chat_messages", session_id=session, content="A question to B only")


def _as_text(value: Any) -> str:
    return "" if value is None else {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("export_type", TYPES)
def test_all_formats_hold_the_same_rows(desk: Desk, export_type: str) -> None:
    mart = CATALOG.marts[CATALOG.reports[export_type].mart]
    kinds = {column.name: column.data_type for column in mart.columns}
    records = desk.records(export_type)
    assert records and list(records[0]) == list(kinds)
    lines = list(csv.DictReader(io.StringIO(desk.content(export_type, "csv").decode(), newline="")))
    sheet = openpyxl.load_workbook(io.BytesIO(desk.content(export_type, "xlsx"))).worksheets[0]
    cells = [dict(zip(kinds, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert len(lines) == len(cells) == len(records)
    for record, line, row in zip(records, lines, cells, strict=True):
        for name, value in record.items():
            if kinds[name].startswith("numeric") and not kinds[name].endswith("[]") and value is not None:
                assert float(line[name]) == row[name] == value, name
                continue
            assert undo(line[name]) == _as_text(value), name
            if kinds[name] == "timestamptz" and value is not None:
                assert abs(row[name].replace(tzinfo=UTC) - datetime.fromisoformat(value)) < timedelta(milliseconds=1), name
            elif kinds[name] == "date" and value is not None:
                assert row[name].date().isoformat() == value, name
            else:
                assert (read_text(row[name]) if isinstance(row[name], str) else row[name]) == value, name


@pytest.mark.parametrize("export_type", TYPES)
def test_no_format_holds_anothers_rows(desk: Desk, export_type: str) -> None:
    for suffix in ("csv", "json", "xlsx"):
        content = desk.content(export_type, suffix)
        assert b"question to B" not in content and b"Not A's" not in content
    assert {record["creator_id"] for record in desk.records(export_type)} == {str(A)}


@pytest.mark.parametrize(
    ("export_type", "filters", "count"),
    [
        ("students", {}, 6), ("students", {"tier": "at_risk"}, 3), ("students", {"status": "active"}, 3), ("students", {"tier": "at_risk", "status": "active"}, 0),
        ("progress", {"video": str(VIDEOS[1])}, 3), ("progress", {"course": str(COURSE)}, 3), ("progress", {"course": str(UUID(int=1))}, 0),
        ("progress", {"tier": "at_risk", "video": str(VIDEOS[0]).upper()}, 3), ("chat", {"from": "2026-02-27"}, 2), ("chat", {"to": "2026-02-20"}, 2),
        ("quiz_results", {"from": "2026-02-25", "to": "2026-02-27"}, 1), ("videos", {"course": str(COURSE)}, 1), ("questions", {"to": "2000-01-01"}, 0),
    ],
)  # fmt: skip
def test_filters_narrow(desk: Desk, export_type: str, filters: dict[str, str], count: int) -> None:
    assert len(desk.records(export_type, **filters)) == count


def test_days_of_a_filter_are_the_creators(desk: Desk) -> None:
    """A message of 18:29:59 UTC is of that day in Kolkata, one of 18:30 of the next."""
    by_day = {record["sent_at"]: record for record in desk.records("chat")}
    assert "2026-02-28T18:29:59Z" in by_day and "2026-02-26T18:30:58.999999Z" in by_day
    assert [record["sent_at"] for record in desk.records("chat", **{"from": "2026-02-28", "to": "2026-02-28"})] == ["2026-02-28T18:29:59Z"]
    assert [record["sent_at"] for record in desk.records("chat", **{"from": "2026-02-27", "to": "2026-02-27"})] == [
        "2026-02-26T18:30:58.999999Z"
    ]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(str(A), "grades", "csv"), "there is no export type 'grades'; there are analytics, chat, progress, questions, quiz_results, students, videos."),
        (Wanted(str(A), "report", "html"), "there is no export type 'report'"),
        (Wanted(str(A), "students", "pdf"), "students cannot be had as 'pdf'; there are csv, json, xlsx."),
        (Wanted(str(A), "students", "csv", {"email": "a@b"}), "students has no filter 'email'; there are tier, status, from, to."),
        (Wanted(str(A), "analytics", "csv", {"tier": "at_risk"}), "analytics has no filter 'tier'; it has none."),
        (Wanted(str(A), "students", "csv", {"tier": "'; drop table x"}), "filter tier: there is no"),
        (Wanted(str(A), "progress", "csv", {"video": "first"}), "filter video: 'first' is not an id."),
        (Wanted(str(A), "chat", "csv", {"from": "1 March"}), "filter from: '1 March' is not a day like 2026-03-01."),
        (Wanted(str(A), "chat", "csv", {"from": "2026-03-02", "to": "2026-03-01"}), "from 2026-03-02 is after to 2026-03-01"),
        (Wanted(str(A), "chat", "csv", {"from": 5}), "filter from: 5 is not a text"),  # pyrefly: ignore
    ],
)  # fmt: skip
def test_what_is_not_in_the_catalogue_is_refused(wanted: Wanted, told: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        check(CATALOG, wanted)
    assert told in str(refused.value)


def test_asking_twice_gives_the_same_object_and_each_is_noted(desk: Desk) -> None:
    first, again = (desk.exporter.make(Wanted(str(A), "students", "xlsx", {"tier": "at_risk"}))[0] for _ in range(2))
    assert (first.object_key, first.sha256, first.row_count) == (again.object_key, again.sha256, 3)
    assert first.export_id != again.export_id and first.edition_on is None
    with warehouse.connect(desk.settings, autocommit=True) as connection:
        assert ("students", "xlsx") not in export_log.latest_files(connection, str(A)), "links of editions do not lead to it"


def test_an_edition_has_its_files_and_a_manifest_last(desk: Desk) -> None:
    for creator, sidecars in ((A, 0), (B, 3)):
        tally = desk.worker.render_creator(str(creator))
        assert (tally.problems, tally.files["finished"]) == ([], 5 + sidecars)
        with warehouse.connect(desk.settings, autocommit=True) as connection:
            log = export_log.history(connection, str(creator), 100)
        assert (log[0].report, log[0].event) == ("manifest-daily", "finished")
        listed = json.loads(desk.fetch(log[0].object_key))["files"]
        assert len(listed) == 5 + sidecars
        for file in listed:
            content = desk.fetch(file["key"])
            assert len(content) == file["bytes"] and file["sha256"] in file["key"]
            if file["format"] == "csv":
                assert len(list(csv.reader(io.StringIO(content.decode(), newline="")))) == file["rows"] + 1
        assert {log_row.export_id for log_row in log if log_row.event == "started"} == {
            log_row.export_id for log_row in log if log_row.event == "finished"
        }
        assert desk.worker.render_creator(str(creator)).files == {"unchanged": 5 + sidecars}


def test_metadata_follow_the_preference(desk: Desk) -> None:
    told = json.loads(desk.content("students", "json", B, status="inactive"))
    assert (told["filters"], len(told["records"])) == ({"status": "inactive"}, 0)
    made = desk.exporter.make(Wanted(str(B), "students", "csv"))
    assert [entry.format for entry in made] == ["csv", "csv-metadata.json"]
    assert json.loads(desk.fetch(made[1].object_key))["as_of"] == "2026-03-01T23:30:00Z"


def test_formats_that_are_read_for_together_are_as_if_made_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_BATCH_BYTES", 1)  # a batch per row
    wanted = [Wanted(str(A), "progress", suffix, requested_by=f"for {suffix}") for suffix in ("csv", "json", "xlsx")]
    together = desk.exporter.make_all(wanted)
    for one, made in zip(wanted, together, strict=True):
        assert not isinstance(made, Exception)
        alone = desk.exporter.make(one)
        assert [(file.sha256, file.row_count, file.requested_by) for file in made] == [(file.sha256, 9, one.requested_by) for file in alone]


def test_a_format_that_fails_leaves_the_others_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(document: Document, file: BinaryIO) -> int:
        next(document.main.batches())
        raise ValueError("no")

    expected = desk.exporter.make(Wanted(str(A), "progress", "csv"))[0].sha256
    monkeypatch.setattr(exports, "_BATCH_BYTES", 1)
    monkeypatch.setitem(FORMATS, "json", replace(FORMATS["json"], write=fail))
    made, failed = desk.exporter.make_all([Wanted(str(A), "progress", suffix) for suffix in ("csv", "json")])
    assert not isinstance(made, Exception) and made[0].sha256 == expected
    assert isinstance(failed, ValueError)
    with warehouse.connect(desk.settings, autocommit=True) as connection:
        assert [(row.format, row.event) for row in export_log.history(connection, str(A), 10) if row.event == "failed"] == [
            ("json", "failed")
        ]


def test_rows_that_cannot_be_read_fail_every_format(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(creator_id: str, found: object) -> None:
        raise Problem("belongs to somebody else")

    monkeypatch.setattr(desk.worker, "require_owner", refuse)
    made = desk.exporter.make_all([Wanted(str(A), "progress", suffix) for suffix in ("csv", "json", "xlsx")])
    assert [str(one) for one in made] == ["belongs to somebody else"] * 3


def test_rows_of_one_group_are_read_while_files_of_another_go_up_and_no_third_begins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, put_file = Event(), desk.worker.store.put_file

    def put_late(*said: Any) -> None:
        assert answered.wait(60)
        put_file(*said)

    monkeypatch.setattr(desk.worker.store, "put_file", put_late)
    first, second = (desk.exporter.begin([Wanted(str(A), name, "csv")], lambda made: made) for name in ("progress", "chat"))
    with ThreadPoolExecutor(1) as pool:
        third = pool.submit(desk.exporter.begin, [Wanted(str(B), "students", "csv")], lambda made: made)
        assert not wait([first, second, third], 1).done
        answered.set()
        ends = [first.result(60), second.result(60), third.result(60).result(60)]
    assert [[file.report for file in made if not isinstance(made, Exception)] for (made,) in ends] == [
        ["progress"],
        ["chat"],
        ["students"] * 2,
    ]


def test_rows_that_wait_for_the_night_say_as_of_which(desk: Desk) -> None:
    later = "update analytics.published set as_of = as_of + %s where table_name = 'creator_overview'"
    with warehouse.connect(desk.settings, autocommit=True) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute(later, (timedelta(hours=5),))
        try:
            made = [desk.exporter.make(Wanted(str(A), name, "csv"))[0].as_of for name in ("progress", "analytics")]
        finally:
            connection.execute(later, (timedelta(hours=-5),))
    assert made == [AS_OF, AS_OF + timedelta(hours=5)]


def test_a_place_is_held_until_its_files_are_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, put_file = Event(), desk.worker.store.put_file
    monkeypatch.setattr(desk.worker.store, "put_file", lambda *said: (answered.wait(60), put_file(*said)))
    made = desk.exporter.begin([Wanted(str(A), "progress", "csv")], lambda made: made)
    revoke = "select generation from ops.generations where creator_id = %s for update nowait"
    with warehouse.connect(desk.settings, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(revoke, (A,))
        answered.set()
        made.result(60)
        assert connection.execute(revoke, (A,)).fetchone()
