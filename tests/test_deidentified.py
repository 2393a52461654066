"""The masked schema: no name, address or text of a person, and every other number as it is."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from pipelines import deidentified, warehouse
from pipelines.catalog import load_catalog
from pipelines.local import demo
from pipelines.local.world import World
from pipelines.settings import ROOT
from tests.oracle.warm import Warm, warm_database

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARTS = tuple(load_catalog().marts.values())
PERSONAL = {mart.name: [column for column in mart.columns if column.personal] for mart in MARTS}
TEXTS_OF_CREATORS = {
    "title", "topic", "company_name", "video_title", "course_title", "quiz_title", "last_video_title", "related_video_title", "category",
    "question",  # of a quiz: its author's
}  # fmt: skip
"""Free text that creators write, not students."""


@pytest.fixture(scope="module")
def warm(world: World) -> Iterator[Warm]:
    with warm_database(world) as found:
        with warehouse.connect(found.settings) as connection:
            demo.load(connection, demo.DemoPlan(3, 120, 5, 60, AS_OF), str)
        found.run(AS_OF, is_nightly=True)
        yield found


def _ask(warm: Warm, query: str, role: str = deidentified.ROLE) -> list[tuple]:
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, role)
        return connection.execute(query.encode()).fetchall()


def test_columns_that_name_a_person_are_marked() -> None:
    assert {column.personal for columns in PERSONAL.values() for column in columns} == deidentified.KINDS
    for mart in MARTS:
        for column in mart.columns:
            names_a_person = column.name in {
                "name",
                "email",
                "student_name",
                "student_email",
                "content",
                "session_title",
                "about",
            }
            assert names_a_person <= (column.personal is not None), f"{mart.name}.{column.name}"
            assert mart.name != "top_questions" or column.name != "question" or column.personal


def test_personal_values_are_nowhere_in_the_schema(warm: Warm) -> None:
    secrets = {
        value
        for mart in MARTS
        for column in PERSONAL[mart.name]
        for (value,) in _ask(
            warm, f"select distinct {column.name}::text from analytics.{mart.name} where length({column.name}::text) > 12", "bi_reader"
        )
    }
    by_creators = {
        value
        for mart in MARTS
        for column in mart.columns
        if column.name in TEXTS_OF_CREATORS and column.personal is None
        for (value,) in _ask(warm, f"select {column.name} from analytics.{mart.name}", "bi_reader")
    }
    secrets -= by_creators  # the demo's hostile texts stand in names and in titles
    assert len(secrets) > 200
    shown = [str(value) for mart in MARTS for row in _ask(warm, f"select * from {deidentified.SCHEMA}.{mart.name}") for value in row]
    assert secrets.intersection(shown) == set()
    everything = "\n".join(shown)
    assert [secret for secret in secrets if "@example" in secret and secret in everything] == []


def test_all_else_is_as_it_is_published(warm: Warm) -> None:
    for mart in MARTS:
        plain = ", ".join(column.name for column in mart.columns if column.personal is None)
        queries = [
            f"select {plain} from {schema}.{mart.name} order by {', '.join(mart.primary_key)}"
            for schema in ("analytics", deidentified.SCHEMA)
        ]
        assert _ask(warm, queries[0], "bi_reader") == _ask(warm, queries[1]) == _ask(warm, queries[0]) != [], mart.name


def test_the_same_student_has_the_same_mask_in_every_table(warm: Warm) -> None:
    masks = {
        name: dict(_ask(warm, f"select student_id, {column} from {deidentified.SCHEMA}.{name}"))
        for name, column in (("student_engagement_tiers", "name"), ("progress", "student_name"), ("chat_transcript", "student_name"))
    }
    everyone = masks.pop("student_engagement_tiers")
    assert len(set(everyone.values())) == len(everyone)
    for found in masks.values():
        assert found.items() <= everyone.items() and found


def test_personal_columns_are_out_of_reach(warm: Warm) -> None:
    for mart in MARTS:
        for column in PERSONAL[mart.name]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                _ask(warm, f"select {column.name} from analytics.{mart.name}")
    for schema in ("raw.students", "marts.student_engagement_tiers", "ops.export_log"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _ask(warm, f"select * from {schema}")


def test_what_has_no_masked_view_is_read_in_analytics_as_the_page_of_tables_says(warm: Warm) -> None:
    tables, views = (
        {
            name
            for (name,) in _ask(
                warm, f"select relname from pg_class where relnamespace = '{schema}'::regnamespace and relkind in ('r', 'v')"
            )
        }
        for schema in ("analytics", deidentified.SCHEMA)
    )
    assert views == {mart.name for mart in MARTS}
    assert tables - views == {"published", "restatements"}
    said = "`published` and `restatements` name nobody, and that role reads them in `analytics`."
    assert said in (ROOT / "docs" / "tables.md").read_text()
    with warehouse.connect(warm.settings) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute(
            "insert into analytics.restatements select creator_id, 'watch_seconds', date '2026-02-01', 1, 2, now() from analytics.creator_overview"
        )
        for name in tables - views:
            found = []
            for role in ("bi_reader", deidentified.ROLE):
                warehouse.set_role(connection, role)
                found.append(connection.execute(f"select * from analytics.{name} order by 1".encode()).fetchall())
            assert found[0] == found[1] != [], name
        connection.rollback()
