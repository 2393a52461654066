"""What a run computes for: explicit instants, ticks that come late, editions of past days."""

from datetime import UTC, datetime

import pytest

from pipelines.problem import Problem
from pipelines.runs import AS_OF_TAG, PARTITION_TAG, TICK_TAG, requester, settle_as_of


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = _at("2026-03-29T10:40")


@pytest.mark.parametrize(
    ("tags", "published", "expected"),
    [
        ({}, None, "2026-03-29T10:00"),
        ({}, "2026-03-29T09:00", "2026-03-29T10:00"),
        ({TICK_TAG: "2026-03-29T10:00+00:00"}, "2026-03-29T09:00", "2026-03-29T10:00"),
        ({TICK_TAG: "2026-03-29T08:00+00:00"}, "2026-03-29T09:00", "2026-03-29T09:00"),  # a late tick repairs, it never turns back
        ({AS_OF_TAG: "2026-03-29T09:00+00:00"}, "2026-03-29T09:00", "2026-03-29T09:00"),
        ({AS_OF_TAG: "2026-03-29T11:00+02:00"}, None, "2026-03-29T09:00"),
        ({TICK_TAG: "2026-03-29T03:00+00:00", PARTITION_TAG: "2026-03-29"}, "2026-03-29T09:00", "2026-03-29T09:00"),
        ({PARTITION_TAG: "2026-03-29"}, None, "2026-03-29T10:00"),
        ({PARTITION_TAG: "2026-03-28"}, None, "2026-03-28T03:00"),
        ({PARTITION_TAG: "2026-03-28"}, "2026-03-28T20:00", "2026-03-28T20:00"),
    ],
)
def test_the_instant_is_settled(tags: dict[str, str], published: str | None, expected: str) -> None:
    assert settle_as_of(tags, _at(published) if published else None, NOW) == _at(expected)


@pytest.mark.parametrize(
    ("tags", "published", "words"),
    [
        ({AS_OF_TAG: "2026-03-29T10:41+00:00"}, None, "future"),
        ({AS_OF_TAG: "2026-03-29T08:59+00:00"}, "2026-03-29T09:00", "earlier than what is published"),
        ({PARTITION_TAG: "2026-03-27"}, "2026-03-28T09:00", "is past"),
    ],
)
def test_what_cannot_be_computed_is_refused(tags: dict[str, str], published: str | None, words: str) -> None:
    with pytest.raises(Problem, match=words):
        settle_as_of(tags, _at(published) if published else None, NOW)


def test_who_asked() -> None:
    assert requester({}) == "ui"
    assert requester({"dagster/schedule_name": "daily_schedule"}) == "schedule"
    assert requester({"creator-reports/requested_by": "cli:ann", "dagster/schedule_name": "x"}) == "cli:ann"
