"""Readers under publishing: nobody sees two instants, an unaudited row or an error while fifty publishes run, some with new columns."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from pipelines import publish, warehouse
from pipelines.catalog import Mart, MartColumn
from pipelines.problem import Problem
from pipelines.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
CREATORS = [UUID(int=number) for number in range(1, 21)]
PUBLISHES, READERS, NEW_COLUMN_EVERY = 50, 8, 5
UNAUDITED = -1

ONE_STATEMENT = """
select (select array_agg(distinct version order by version) from analytics.things),
    (select array_agg(distinct version order by version) from analytics.parts),
    (select array_agg(distinct as_of order by as_of) from analytics.published where table_name in ('things', 'parts')),
    (select count(*) from analytics.things t join analytics.parts p using (creator_id, version))
"""
"""What the tables say which publish they are of; and a join that loses rows when they do not agree."""


def _mart(name: str) -> Mart:
    columns = (
        MartColumn("creator_id", "uuid", "Whose row.", "Creator", None),
        MartColumn("version", "integer", "The publish that wrote it.", "Version", "count"),
    )
    return Mart(name, name.title(), "One row per creator.", columns, ("creator_id",), ("creator_id",), touch_key=("creator_id",))


@dataclass
class Publisher:
    """A run after the other: fills the marts, is not audited first, then publishes. `marts` gain columns on the way."""

    settings: Settings
    marts: list[Mart] = field(default_factory=lambda: [_mart("things"), _mart("parts")])

    def _execute(self, *statements: str) -> None:
        with warehouse.connect(self.settings) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def prepare(self) -> None:
        """Tables, and the first publish."""
        warehouse.init_db(self.settings)
        for name in ("things", "parts"):
            self._execute(f"create table marts.{name} (creator_id uuid primary key, version integer)")
        with warehouse.connect(self.settings) as connection:
            for name in ("things", "parts"):
                connection.cursor().executemany(f"insert into marts.{name} values (%s, 0)".encode(), [(creator,) for creator in CREATORS])
        self.publish(0)

    def publish(self, number: int) -> None:
        """Write rows that fail the audit and try to publish them, then good ones."""
        if number % NEW_COLUMN_EVERY == 1:
            self._add_column(number)
        as_of = START + timedelta(hours=number)
        guard = warehouse.RunGuard(self.settings)
        try:
            run = guard.enter(warehouse.Run(f"run {number}", "hourly", as_of), lambda line: None)
            self._fill(UNAUDITED, as_of, "built")
            with pytest.raises(Problem, match="not audited"):
                publish.publish(self.settings, self.marts, run, "code", is_nightly=number % 2 == 0, say=lambda line: None)
            self._fill(number, as_of, "audited")
            publish.publish(self.settings, self.marts, run, "code", is_nightly=number % 2 == 0, say=lambda line: None)
        finally:
            guard.leave()

    def _fill(self, version: int, as_of: datetime, state: str) -> None:
        fill = [f"update marts.{mart.name} set version = {version}" for mart in self.marts]
        touch = [
            f"insert into ops.touched (table_name, key_id) select '{mart.name}', creator_id from marts.{mart.name} on conflict do nothing"
            for mart in self.marts
        ]
        built = f"update ops.build set state = '{state}', built_run_id = 'run', built_as_of = '{as_of}', complete_through = '{as_of}'"
        self._execute(*fill, *touch, built)

    def _add_column(self, number: int) -> None:
        place = number // NEW_COLUMN_EVERY % 2
        mart = self.marts[place]
        self._execute(f"alter table marts.{mart.name} add column more_{number} text default 'new'")
        more = MartColumn(f"more_{number}", "text", "A column that the contract gained.", f"More {number}", None)
        self.marts[place] = replace(mart, columns=(*mart.columns, more))


@dataclass
class Seen:
    """What all readers saw."""

    answers: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def _read(address: str, seen: Seen, end: threading.Event, lock: threading.Lock, *, is_transaction: bool) -> None:
    """Ask again and again as a BI tool would, with the patience of a tenth of a second."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("set role bi_reader")
        connection.execute("set lock_timeout = '100ms'")
        connection.execute("set timezone = 'UTC'")
        while not end.is_set():
            try:
                answer = _ask_in_steps(connection) if is_transaction else connection.execute(ONE_STATEMENT).fetchone()
                wrong = _find_wrong(answer)
            except psycopg.errors.LockNotAvailable:
                with lock:
                    seen.refused += 1
                continue
            except psycopg.Error as error:
                wrong, answer = f"{type(error).__name__}: {error}", None
            with lock:
                if wrong:
                    seen.wrong.append(wrong)
                elif answer:
                    seen.answers[answer[0][0]] += 1


def _ask_in_steps(connection: psycopg.Connection) -> tuple | None:
    """The same in a REPEATABLE READ transaction: table after table."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        things = connection.execute("select array_agg(distinct version) from analytics.things").fetchone()
        published = connection.execute(
            "select array_agg(distinct as_of) from analytics.published where table_name in ('things', 'parts')"
        ).fetchone()
        parts = connection.execute("select array_agg(distinct version), count(*) from analytics.parts").fetchone()
    return (*things, parts[0], *published, parts[1]) if things and parts and published else None


def _find_wrong(answer: tuple | None) -> str | None:
    if answer is None:
        return "no answer"
    things, parts, instants, joined = answer
    is_one = len(things) == len(parts) == len(instants) == 1 and things == parts and joined == len(CREATORS)
    is_of_its_publish = is_one and instants[0] == START + timedelta(hours=things[0])
    return None if is_of_its_publish else f"{things} {parts} {instants} {joined}"


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    publisher = Publisher(settings)
    publisher.prepare()
    yield publisher


def test_readers_see_one_publish_or_the_next(publisher: Publisher) -> None:
    address = publisher.settings.require_database_url().get_secret_value()
    seen, end, lock = Seen(), threading.Event(), threading.Lock()
    readers = [
        threading.Thread(target=_read, args=(address, seen, end, lock), kwargs={"is_transaction": bool(number % 2)})
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, PUBLISHES + 1):
            publisher.publish(number)
    finally:
        end.set()
        for reader in readers:
            reader.join()
    assert seen.wrong == []
    assert set(seen.answers) <= set(range(PUBLISHES + 1))
    assert len(seen.answers) > PUBLISHES // 2, "the readers saw too few publishes to prove anything"
    assert seen.refused < 0.01 * seen.answers.total(), f"{seen.refused} of {seen.answers.total()} refused"
    assert len(publisher.marts[0].columns) + len(publisher.marts[1].columns) == 4 + PUBLISHES // NEW_COLUMN_EVERY
