"""The source's tables and columns against the contract: what is refused before anything is read, and what is read although its type is another."""

import pytest

from pipelines import contract_check
from pipelines.problem import Problem
from tests.small_source import CATALOG, SmallSource


def _retype(source: SmallSource, column: str, kind: str, using: str) -> None:
    table, name = column.split(".")
    source.change(f"alter table app.{table} alter column {name} drop default, alter column {name} type {kind} using {using}")


def test_columns_that_would_have_to_be_parsed_are_named_with_both_types(small_source: SmallSource) -> None:
    small_source.add("students", creator_id=small_source.add("creators"))
    _retype(small_source, "students.xp_points", "varchar(20)", "'lots'")
    _retype(small_source, "quizzes.video_ids", "text[]", "null")
    with pytest.raises(Problem) as refused:
        small_source.read()
    assert str(refused.value) == (
        "app.students.xp_points is character varying(20), integer was agreed; app.quizzes.video_ids is text[], uuid[] was agreed; nothing was read."
        " Ask the platform's team, or follow the change in _sources.yml."
    )


def test_one_missing_column_is_no_missing_source(module_source: SmallSource) -> None:
    with module_source.connection.transaction(force_rollback=True):
        module_source.change("alter table app.videos rename column tags to labels")
        with pytest.raises(
            Problem, match=r"lacks column app\.videos\.tags; nothing was read\. Ask the platform's team, or follow the change"
        ):
            contract_check.require_agreed(module_source.connection, "app", CATALOG.sources.values())
    with pytest.raises(
        Problem, match=r"lacks table nowhere\.creators.* and 11 more; .*SOURCE_SCHEMA, or load a source with `creator-reports load demo`"
    ):
        contract_check.require_agreed(module_source.connection, "nowhere", CATALOG.sources.values())


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("videos.tags", "text"),
        ("creators.id", "varchar(36)"),
        ("creators.updated_at", "text"),
        ("creator_preferences.export_preferences", "text"),
        ("videos.created_at", "bigint"),
        ("videos.transcript_processed", "words"),
        ("videos.duration_seconds", "interval"),
    ],
)
def test_a_type_that_cannot_be_read_as_the_agreed_one(module_source: SmallSource, column: str, kind: str) -> None:
    with module_source.connection.transaction(force_rollback=True):
        module_source.change("create domain words as text")
        _retype(module_source, column, kind, "null")
        with pytest.raises(Problem, match=rf"^app\.{column} is .* was agreed; nothing was read"):
            contract_check.require_agreed(module_source.connection, "app", CATALOG.sources.values())


def test_types_that_postgres_would_store_by_itself_are_read(small_source: SmallSource) -> None:
    creator = small_source.add("creators")
    small_source.add("creator_preferences", creator_id=creator)
    small_source.add("courses", creator_id=creator)
    small_source.add("students", creator_id=creator, xp_points=7, last_active="2026-02-01", membership_status="active")
    small_source.add("videos", creator_id=creator, tags=["active"], order_index=3, category="active")
    small_source.change("create type state as enum ('active')")
    small_source.change("create domain whole as bigint check (value >= 0)")
    small_source.change("create domain above as whole check (value > 0)")
    for column, kind, using in [
        ("students.xp_points", "above", "xp_points"),
        ("students.level", "smallint", "level"),
        ("students.streak_days", "numeric(10,2)", "streak_days"),
        ("students.membership_status", "state", "membership_status::state"),
        ("students.name", "varchar(20)", "name"),
        ("students.email", "jsonb", "'[1]'"),
        ("students.last_active", "date", "last_active"),
        ("students.created_at", "timestamp with time zone", "created_at at time zone 'UTC'"),
        ("courses.updated_at", "timestamp(0) without time zone", "updated_at at time zone 'UTC'"),
        ("videos.tags", "state[]", "tags::state[]"),
        ("creator_preferences.export_preferences", "json", "export_preferences::json"),
    ]:
        _retype(small_source, column, kind, using)
    assert small_source.read()["students"].changed_count == 1
    assert small_source.fetch(
        "select xp_points, level, streak_days, membership_status, name, email, last_active::text from raw.students"
    ) == [(7, 1, 0, "active", "Ann", "[1]", "2026-02-01 00:00:00")]
    assert small_source.fetch("select tags from raw.videos") == [(["active"],)]
